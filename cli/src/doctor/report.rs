//! The lines of the report, as text and as JSON.

use std::fmt::Write as _;

use serde_json::json;

/// The result of one examination, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Level {
    #[default]
    Ok,
    /// It works, and something is lost, slow or unsafe.
    Warn,
    /// A part of Pillion does not work.
    Fail,
}

impl Level {
    pub(super) const fn exit_code(self) -> u8 {
        self as u8
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

#[derive(Debug)]
struct Line {
    level: Level,
    check: &'static str,
    found: String,
    /// Empty if all is well.
    advice: String,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Line>);

impl Report {
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(Level::Ok, check, found, "");
    }

    pub(super) fn warn(
        &mut self,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(Level::Warn, check, found, advice);
    }

    pub(super) fn fail(
        &mut self,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(Level::Fail, check, found, advice);
    }

    pub(super) fn add(
        &mut self,
        level: Level,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.0.push(Line {
            level,
            check,
            found: one_line(found.into()),
            advice: one_line(advice.into()),
        });
    }

    pub(super) fn worst(&self) -> Level {
        let levels = self.0.iter().map(|line| line.level);
        levels.max().unwrap_or_default()
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|line| line.level == level).count()
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.0 {
            let _ = write!(
                text,
                "{:<4}  {}: {}",
                line.level.name(),
                line.check,
                line.found
            );
            if !line.advice.is_empty() {
                let _ = write!(text, ": {}", line.advice);
            }
            text.push('\n');
        }
        let (warnings, failures) = (self.count(Level::Warn), self.count(Level::Fail));
        let _ = writeln!(text, "{warnings} to check, {failures} to repair");
        text
    }

    pub(super) fn to_json(&self) -> String {
        let lines = self.0.iter().map(|line| {
            json!({
                "level": line.level.name(),
                "check": line.check,
                "found": line.found,
                "advice": (!line.advice.is_empty()).then_some(&line.advice),
            })
        });
        let report = json!({
            "level": self.worst().name(),
            "ok": self.count(Level::Ok),
            "warn": self.count(Level::Warn),
            "fail": self.count(Level::Fail),
            "checks": lines.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// Names of files and messages of servers may have line ends and control characters.
fn one_line(text: String) -> String {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, " "),
        false => text,
    }
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = Some(next);
    }
    let precision = usize::from(value < 10.0 && value.fract() != 0.0);
    format!("{value:.precision$} {}", unit.unwrap_or(&"KiB"))
}

/// `1 process`, `2 processes`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_line_decides_and_each_stays_one_line() {
        let mut report = Report::default();
        report.ok("a", "b");
        assert_eq!(report.worst().exit_code(), 0);
        report.warn("c", "d\ne", "f");
        assert_eq!(report.worst().exit_code(), 1);
        report.fail("g", "h", "i");
        assert_eq!(report.worst().exit_code(), 2);
        assert_eq!(
            report.to_text(),
            "ok    a: b\nwarn  c: d e: f\nfail  g: h: i\n1 to check, 1 to repair\n"
        );
    }

    #[test]
    fn bytes_have_the_unit_of_their_size() {
        let shown = [512, 64 << 20, 3 << 29, 5 << 40].map(bytes);
        assert_eq!(shown, ["0.5 KiB", "64 MiB", "1.5 GiB", "5 TiB"]);
    }
}
