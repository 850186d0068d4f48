//! What a scenario found: figures, and invariants that did not hold. Told as it comes, on standard output, because a run
//! of hours that ends badly must not end silently.

use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Of one scenario.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    repeat_command: String,
    started: Instant,
    failures: usize,
    quiet: bool,
}

/// After so many, more would tell nothing new.
const ENOUGH: usize = 8;

impl Report {
    /// `again`: the command that does it once more.
    pub fn new(scenario: &'static str, repeat_command: String) -> Self {
        tell(&format!("{scenario}: {repeat_command}"));
        Self {
            scenario,
            repeat_command,
            started: Instant::now(),
            failures: 0,
            quiet: false,
        }
    }

    /// As [`Report::new`], of a part: failures are told, figures are not.
    pub fn quiet(scenario: &'static str, repeat_command: String) -> Self {
        Self {
            scenario,
            repeat_command,
            started: Instant::now(),
            failures: 0,
            quiet: true,
        }
    }

    /// Takes over what a part has found.
    pub fn absorb(&mut self, part: Self) {
        self.failures += part.failures;
    }

    /// An invariant that did not hold: which one, and what was seen.
    pub fn fail(&mut self, invariant: &str, seen: &str) {
        self.failures += 1;
        if self.failures <= ENOUGH {
            tell(&format!(
                "{}: BROKEN INVARIANT {invariant}: {seen}\n    again: {}",
                self.scenario, self.repeat_command
            ));
        }
    }

    /// Whether it is of no use to go on.
    pub fn has_too_many_failures(&self) -> bool {
        self.failures >= ENOUGH
    }

    /// Something that was measured.
    pub fn figure(&self, what: &str, value: impl std::fmt::Display) {
        if !self.quiet {
            tell(&format!("{}: {what}: {value}", self.scenario));
        }
    }

    /// Times that were measured: how many, the middle one, one of a hundred, the longest.
    pub fn times(&self, what: &str, times: &mut [Duration]) {
        times.sort_unstable();
        let at = |part: usize| {
            let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
            times.get(place).copied().unwrap_or_default().as_millis()
        };
        let longest = times.last().copied().unwrap_or_default().as_millis();
        self.figure(
            what,
            format_args!(
                "{} times, p50 {} ms, p99 {} ms, longest {longest} ms",
                times.len(),
                at(50),
                at(99)
            ),
        );
    }

    /// The end of it; whether all held.
    pub fn end(self) -> bool {
        tell(&format!(
            "{}: {} in {:.1} s",
            self.scenario,
            match self.failures {
                0 => "all invariants held".to_owned(),
                failures => format!("{failures} FAILURES"),
            },
            self.started.elapsed().as_secs_f64()
        ));
        self.failures == 0
    }
}

/// A line on standard output; whoever does not read it any more is not our affair.
pub fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
