//! The result of a scenario: figures and failed invariants. Printed at once to standard output, because a run
//! of hours that ends badly must not end silently.

use std::{
    io::Write,
    time::{Duration, Instant},
};

/// The result of one scenario.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    repeat_command: String,
    started: Instant,
    failures: usize,
    quiet: bool,
}

/// Stop reporting after this many failures.
const ENOUGH: usize = 8;

impl Report {
    /// `repeat_command`: the command that repeats the scenario.
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

    /// As [`Report::new`], for a part: failures are printed, figures are not.
    pub fn quiet(scenario: &'static str, repeat_command: String) -> Self {
        Self {
            scenario,
            repeat_command,
            started: Instant::now(),
            failures: 0,
            quiet: true,
        }
    }

    /// Merges the result of a part.
    pub fn absorb(&mut self, part: Self) {
        self.failures += part.failures;
    }

    /// Reports a failed invariant and the observation.
    pub fn fail(&mut self, invariant: &str, seen: &str) {
        self.failures += 1;
        if self.failures <= ENOUGH {
            tell(&format!(
                "{}: BROKEN INVARIANT {invariant}: {seen}\n    again: {}",
                self.scenario, self.repeat_command
            ));
        }
    }

    /// Returns whether there are too many failures to go on.
    pub fn has_too_many_failures(&self) -> bool {
        self.failures >= ENOUGH
    }

    /// Prints a measured figure.
    pub fn figure(&self, what: &str, value: impl std::fmt::Display) {
        if !self.quiet {
            tell(&format!("{}: {what}: {value}", self.scenario));
        }
    }

    /// Prints the count, median, 99th percentile and maximum of measured times.
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

    /// Ends the scenario; returns whether all invariants held.
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

/// Prints a line to standard output; a closed output is no error.
pub fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
