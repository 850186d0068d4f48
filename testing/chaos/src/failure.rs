//! One configuration that fails to build, and hundreds of requests for it: all get the failure of one build.

use std::{
    collections::BTreeSet,
    fs, io,
    time::{Duration, Instant},
};

use crate::{
    arguments::Arguments, checks, environment::Environment, report::Report, system,
    thundering_herd::ThunderingHerd,
};
use pillion_fakes::{Answer, Behaviour, Options};

/// # Errors
/// Processes or directories can't be made.
pub async fn build_failure(arguments: &Arguments, report: &mut Report) -> io::Result<()> {
    const WHY: &str = "building plugins: go failed: exit status 1";
    // A caller that has not joined when the build ends proves nothing: then the round is repeated, more slowly.
    for seconds in [5, 15, 45] {
        let failing = Behaviour::from(Answer::Error {
            status: 500,
            code: "internal".to_owned(),
            message: WHY.to_owned(),
        });
        let server = Options::default().behave(failing.delay(Duration::from_secs(seconds)));
        let environment = Environment::new(arguments, server)?;
        let mut crowd = ThunderingHerd::gather(&environment, arguments, 1, report).await?;
        crowd.pool.may_throw = Some("Pillion\\BuildFailedException");
        crowd.ask().await;
        let aboard = crowd.all_join(arguments.callers, report).await;
        crowd.hear_all(arguments.hang, report).await;
        let answers: BTreeSet<&String> = crowd.answers.values().collect();
        let failed = crowd
            .answers
            .values()
            .filter(|answer| answer.contains(WHY))
            .count();
        let requests = environment.velox.counters().build_requests;
        if !aboard && seconds < 45 {
            report.figure(
                "not all had boarded within",
                format_args!("{seconds} s; again, more slowly"),
            );
            continue;
        }
        report.figure(
            "a build that fails",
            format_args!(
                "{failed} of {} learned why, from {requests} build",
                arguments.callers
            ),
        );
        if failed != arguments.callers || answers.len() != 1 || requests != 1 {
            report.fail(
                "all who wait learn of a failure from one build",
                &format!(
                    "{failed} of {} did, {requests} builds, {answers:.600?}",
                    arguments.callers
                ),
            );
        }
        drop(crowd);
        system::builds_have_ended(&environment, report).await;
        checks::at_the_end(&environment, report).await;
        return Ok(());
    }
    Ok(())
}

impl ThunderingHerd<'_> {
    /// Waits until that many ids are noted in the flight while it is active.
    async fn all_join(&mut self, all: usize, report: &mut Report) -> bool {
        let flights = self.environment.flights();
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            let soon = Instant::now() + Duration::from_millis(50);
            self.hear(soon, report).await;
            let mut ids = BTreeSet::new();
            for entry in fs::read_dir(&flights).into_iter().flatten().flatten() {
                if entry
                    .path()
                    .extension()
                    .is_some_and(|ending| ending == "ids")
                {
                    let text = fs::read_to_string(entry.path()).unwrap_or_default();
                    ids.extend(text.lines().map(str::to_owned));
                }
            }
            let counters = self.environment.velox.counters();
            if counters.builds_failed > 0 {
                return false;
            }
            if ids.len() >= all {
                return true;
            }
        }
        false
    }
}
