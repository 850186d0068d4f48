//! One configuration that can't be built, and a crowd that wants it: all learn why from one build.

use std::{
    collections::BTreeSet,
    fs, io,
    time::{Duration, Instant},
};

use super::{arguments::Arguments, checks, crowd::Crowd, findings::Findings, house::House, storm};
use crate::{Answer, Behaviour, Options};

/// # Errors
/// Processes or directories can't be made.
pub async fn failure(arguments: &Arguments, findings: &mut Findings) -> io::Result<()> {
    const WHY: &str = "building plugins: go failed: exit status 1";
    // Who has not boarded when the build ends is no proof of anything: then it is done again, more slowly.
    for seconds in [5, 15, 45] {
        let failing = Behaviour::from(Answer::Error {
            status: 500,
            code: "internal".to_owned(),
            message: WHY.to_owned(),
        });
        let server = Options::default().behave(failing.delay(Duration::from_secs(seconds)));
        let house = House::new(arguments, server)?;
        let mut crowd = Crowd::gather(&house, arguments, 1, findings).await?;
        crowd.crew.may_throw = Some("Pillion\\BuildFailedException");
        crowd.ask().await;
        let aboard = crowd.all_board(arguments.crowd, findings).await;
        crowd.hear_all(arguments.hang, findings).await;
        let answers: BTreeSet<&String> = crowd.answers.values().collect();
        let failed = crowd
            .answers
            .values()
            .filter(|answer| answer.contains(WHY))
            .count();
        let requests = house.velox.counters().build_requests;
        if !aboard && seconds < 45 {
            findings.figure(
                "not all had boarded within",
                format_args!("{seconds} s; again, more slowly"),
            );
            continue;
        }
        findings.figure(
            "a build that fails",
            format_args!(
                "{failed} of {} learned why, from {requests} build",
                arguments.crowd
            ),
        );
        if failed != arguments.crowd || answers.len() != 1 || requests != 1 {
            findings.fail(
                "all who wait learn of a failure from one build",
                &format!(
                    "{failed} of {} did, {requests} builds, {answers:.600?}",
                    arguments.crowd
                ),
            );
        }
        drop(crowd);
        storm::settle(&house, findings).await;
        checks::at_the_end(&house, findings).await;
        return Ok(());
    }
    Ok(())
}

impl Crowd<'_> {
    /// Whether so many have noted their ids in the flight while it is in the air.
    async fn all_board(&mut self, all: usize, findings: &mut Findings) -> bool {
        let flights = self.house.flights();
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            let soon = Instant::now() + Duration::from_millis(50);
            self.hear(soon, findings).await;
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
            let counters = self.house.velox.counters();
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
