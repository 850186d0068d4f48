//! How a line looks: `text` for people, `json` and `logfmt` for machines. Time, level, event and
//! process, then the fields in the order in which they were given. No line is longer than what a pipe
//! takes in one piece, so that lines of several workers on one pipe never run into each other.

use std::{fmt::Write as _, time::SystemTime};

use log::{
    Level, Record,
    kv::{Error, Key, Value, VisitSource, VisitValue},
};

use super::{escape, time};
use crate::config::LogFormat;

/// Longest line in bytes, newline included: `PIPE_BUF` of Linux.
pub(super) const LONGEST: usize = 4096;

/// Room that is kept for saying that something was left out, and for the end of the line.
const RESERVE: usize = 32;

/// Longest event in bytes; it should be a few fixed words, but other crates speak here too.
const LONGEST_EVENT: usize = 512;

/// What every line begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub time: SystemTime,
    pub level: Level,
    pub pid: u32,
}

/// Renders a record, with a newline at the end.
pub(super) fn of_record(format: LogFormat, head: Head, record: &Record<'_>) -> String {
    let event = match record.args().as_str() {
        Some(fixed) => fixed.into(),
        None => record.args().to_string(),
    };
    let mut line = Builder::new(format, head, &event);
    if !super::is_ours(record.metadata()) {
        line.text("target", record.target());
    }
    // The visitor below gives no error.
    let _ = record.key_values().visit(&mut line);
    line.finish()
}

/// Renders the line that tells of lost ones.
pub(super) fn of_dropped(format: LogFormat, time: SystemTime, pid: u32, count: u64) -> String {
    let level = Level::Warn;
    let head = Head { time, level, pid };
    let mut line = Builder::new(format, head, "log lines dropped");
    line.plain("count", count);
    line.finish()
}

/// Renders the line that tells of a file which takes none.
pub(super) fn of_file(
    format: LogFormat,
    time: SystemTime,
    pid: u32,
    path: &str,
    error: &str,
) -> String {
    let level = Level::Error;
    let head = Head { time, level, pid };
    let mut line = Builder::new(format, head, "log file takes no lines, standard error does");
    line.text("path", path);
    line.text("error", error);
    line.finish()
}

struct Builder {
    format: LogFormat,
    out: String,
    is_cut: bool,
}

impl Builder {
    fn new(format: LogFormat, head: Head, event: &str) -> Self {
        let mut out = String::with_capacity(256);
        let level = head.level;
        let event = escape::tame("event", event);
        let event = event
            .get(..escape::floor(&event, LONGEST_EVENT))
            .unwrap_or_default();
        match format {
            LogFormat::Text => {
                time::append(&mut out, head.time);
                let _ = write!(out, " {level:<5} ");
                escape::append(&mut out, event, &['\\']);
                let _ = write!(out, " pid={}", head.pid);
            }
            LogFormat::Json => {
                out.push_str("{\"time\":\"");
                time::append(&mut out, head.time);
                let name = level.as_str().to_ascii_lowercase();
                let _ = write!(out, "\",\"level\":\"{name}\",\"event\":");
                escape::append_quoted(&mut out, event);
                let _ = write!(out, ",\"pid\":{}", head.pid);
            }
            LogFormat::Logfmt => {
                out.push_str("time=");
                time::append(&mut out, head.time);
                let _ = write!(out, " level={} event=", level.as_str().to_ascii_lowercase());
                escape::append_value(&mut out, event);
                let _ = write!(out, " pid={}", head.pid);
            }
        }
        Self {
            format,
            out,
            is_cut: false,
        }
    }

    /// A field whose value needs no quotes in any format.
    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.field(name, |out, _| {
            let _ = write!(out, "{value}");
        });
    }

    fn text(&mut self, name: &str, value: &str) {
        let value = escape::tame(name, value);
        self.field(name, |out, format| match format {
            LogFormat::Json => escape::append_quoted(out, &value),
            LogFormat::Text | LogFormat::Logfmt => escape::append_value(out, &value),
        });
    }

    /// Appends a field, or takes it back where the line would be too long.
    fn field(&mut self, name: &str, value: impl FnOnce(&mut String, LogFormat)) {
        let before = self.out.len();
        let name = fit(name);
        let _ = match self.format {
            LogFormat::Json => write!(self.out, ",\"{name}\":"),
            LogFormat::Text | LogFormat::Logfmt => write!(self.out, " {name}="),
        };
        value(&mut self.out, self.format);
        if self.out.len() > LONGEST - RESERVE {
            self.out.truncate(before);
            self.is_cut = true;
        }
    }

    fn finish(mut self) -> String {
        match (self.format, self.is_cut) {
            (LogFormat::Json, true) => self.out.push_str(",\"is_cut\":true}\n"),
            (LogFormat::Json, false) => self.out.push_str("}\n"),
            (_, true) => self.out.push_str(" is_cut=true\n"),
            (_, false) => self.out.push('\n'),
        }
        self.out
    }
}

/// A field's name without anything that would need quotes, and none that the line has already.
fn fit(name: &str) -> String {
    let mut fit: String = name
        .chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect();
    if matches!(
        fit.as_str(),
        "" | "time" | "level" | "event" | "pid" | "is_cut"
    ) {
        fit.push('_');
    }
    fit
}

impl<'kvs> VisitSource<'kvs> for Builder {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        value.visit(Field {
            line: self,
            name: key.as_str(),
        })
    }
}

/// One field on its way into the line, by its type.
struct Field<'a> {
    line: &'a mut Builder,
    name: &'a str,
}

impl<'v> VisitValue<'v> for Field<'_> {
    /// Anything else: what it displays.
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.line.text(self.name, &value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.line.plain(self.name, "null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        // JSON has no word for what is not finite.
        if value.is_finite() {
            self.line.plain(self.name, value);
        } else {
            self.line.text(self.name, &value.to_string());
        }
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.line.text(self.name, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    const FORMATS: [LogFormat; 3] = [LogFormat::Text, LogFormat::Json, LogFormat::Logfmt];

    fn render(format: LogFormat, event: &str, fields: &[(&str, Value<'_>)]) -> String {
        let head = Head {
            time: UNIX_EPOCH + Duration::from_millis(1_795_248_689_123),
            level: Level::Info,
            pid: 7,
        };
        of_record(
            format,
            head,
            &Record::builder()
                .target("pillion::velox")
                .key_values(&fields)
                .args(format_args!("{event}"))
                .build(),
        )
    }

    #[test]
    fn one_event_in_each_format() {
        let fields = [
            ("os", Value::from("linux")),
            ("plugins_count", Value::from(4)),
            ("cache_age", Value::from(1.5)),
            ("force_rebuild", Value::from(false)),
            ("note", Value::from("a \"b\"\n=c")),
        ];
        for (format, line) in [
            (
                LogFormat::Text,
                "2026-11-21T08:11:29.123Z INFO  build request received pid=7 os=linux plugins_count=4 cache_age=1.5 force_rebuild=false note=\"a \\\"b\\\"\\n=c\"\n",
            ),
            (
                LogFormat::Json,
                "{\"time\":\"2026-11-21T08:11:29.123Z\",\"level\":\"info\",\"event\":\"build request received\",\"pid\":7,\"os\":\"linux\",\"plugins_count\":4,\"cache_age\":1.5,\"force_rebuild\":false,\"note\":\"a \\\"b\\\"\\n=c\"}\n",
            ),
            (
                LogFormat::Logfmt,
                "time=2026-11-21T08:11:29.123Z level=info event=\"build request received\" pid=7 os=linux plugins_count=4 cache_age=1.5 force_rebuild=false note=\"a \\\"b\\\"\\n=c\"\n",
            ),
        ] {
            assert_eq!(render(format, "build request received", &fields), line);
        }
    }

    #[test]
    fn a_field_can_not_pose_as_the_head_of_the_line() {
        let line = render(
            LogFormat::Json,
            "x",
            &[("level", Value::from("error")), ("a b\"", Value::from(1))],
        );
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&json["level"], &json["level_"], &json["a_b_"]),
            (&"info".into(), &"error".into(), &1.into())
        );
    }

    #[test]
    fn secrets_are_masked_by_type_and_by_name() {
        let secret = crate::config::Secret::new("hunter2");
        let fields = [
            ("token", Value::from("hunter2")),
            ("value", Value::from_display(&secret)),
            ("url", Value::from("http://ann:hunter2@velox")),
        ];
        for format in FORMATS {
            let line = render(format, "see http://ann:hunter2@velox", &fields);
            assert!(!line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn infinity_is_still_json() {
        let line = render(
            LogFormat::Json,
            "x",
            &[("a", Value::from(f64::INFINITY)), ("b", Value::null())],
        );
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&json["a"], &json["b"]),
            (&"inf".into(), &serde_json::Value::Null)
        );
    }

    proptest! {
        #[test]
        fn a_line_is_one_line_of_bounded_length_whatever_is_in_it(
            event: String,
            fields in proptest::collection::vec(("\\PC{0,9}", "(?s).{0,2000}"), 0..6),
        ) {
            let fields: Vec<(&str, Value<'_>)> =
                fields.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))).collect();
            for format in FORMATS {
                let line = render(format, &event, &fields);
                prop_assert!(line.len() <= LONGEST, "{}", line.len());
                prop_assert!(line.ends_with('\n'));
                prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control));
                if format == LogFormat::Json {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
                }
            }
        }
    }
}
