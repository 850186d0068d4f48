//! How soon the dead are succeeded: a builder is killed while others wait for its build, a steward while others live. A
//! handful of processes and nothing else, so that what is measured is the succession and not the queue.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    arguments::Arguments,
    checks,
    crew::{Crew, News},
    findings::Findings,
    house::House,
    member::Part,
    seed::Seed,
    storm, system,
};
use crate::Options;

/// What is promised is about a second; a loaded machine gets this many times it before it counts as broken.
const GENEROUS: u32 = 15;
const HEIRS: usize = 5;
/// One flight is given up after ten deaths, for then its build itself is taken for the cause; in a round two may die.
const DEATHS: usize = 5;

struct Line<'a> {
    house: &'a House,
    crew: Crew<'a>,
    seed: Seed,
    /// Those who have died, and are not replaced before they are succeeded.
    dead: Vec<usize>,
}

/// # Errors
/// Processes or directories can't be made.
pub async fn heirs(arguments: &Arguments, findings: &mut Findings) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_secs(600));
    let house = House::new(arguments, server)?;
    let mut line = Line {
        house: &house,
        crew: Crew::new(&house, 600),
        seed: Seed::new(arguments.seed),
        dead: Vec::new(),
    };
    for number in 0..HEIRS {
        line.start(number)?;
    }
    let (mut builders, mut stewards) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds {
        if findings.are_enough() {
            break;
        }
        if round % DEATHS == DEATHS - 1 {
            // A flight of its own for the next ones.
            line.kill_all(findings).await?;
        }
        builders.extend(line.builder_dies(findings).await?);
        stewards.extend(line.steward_dies(findings).await?);
    }
    findings.times(
        "from a builder's death to the new builder's request",
        &mut builders,
    );
    findings.times("from a steward's death to the new steward", &mut stewards);
    findings.figure("killed", line.crew.killed);
    line.crew.look_for_hangs(findings);
    for member in line.crew.members() {
        member.kill();
    }
    line.crew.dismiss(findings).await;
    storm::settle(&house, findings).await;
    checks::at_the_end(&house, findings).await;
    Ok(())
}

impl Line<'_> {
    fn start(&mut self, number: usize) -> io::Result<()> {
        let seed = self.seed.bits() >> 33;
        self.crew.start(Part {
            number,
            life: 0,
            role: "heir",
            seed,
            configurations: 1,
            armed: None,
            ahead: 0,
        })
    }

    /// Until that holds, or the time is over. Nobody is replaced meanwhile: whoever starts anew would find the
    /// place empty, and be faster than those who wait for it.
    async fn until<T>(
        &mut self,
        findings: &mut Findings,
        holds: impl Fn(&mut Self) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let end = Instant::now() + Duration::from_secs(1) * GENEROUS;
        while Instant::now() < end {
            if let Some(found) = holds(self) {
                return Ok(Some(found));
            }
            let soon = Instant::now() + Duration::from_millis(5);
            if let Some(News::End(number)) = self.crew.next(soon, findings).await {
                self.dead.push(number);
            }
        }
        Ok(None)
    }

    /// All wait: one builds, the others hold its flight's lock with it.
    async fn all_wait(&mut self, findings: &mut Findings) -> io::Result<Option<system::Asked>> {
        for number in std::mem::take(&mut self.dead) {
            self.start(number)?;
        }
        let house = self.house;
        let waiting = |line: &mut Self| {
            let all = line.crew.members().all(|member| {
                member
                    .doing
                    .as_ref()
                    .is_some_and(|(_, since)| since.elapsed() > Duration::from_millis(700))
            });
            let open = system::asked(house).into_iter().find(|asked| asked.open);
            open.filter(|_| all)
        };
        let open = self.until(findings, waiting).await?;
        if open.is_none() {
            findings.fail(
                "everybody is served",
                "nobody builds while five processes ask for it",
            );
        }
        Ok(open)
    }

    async fn builder_dies(&mut self, findings: &mut Findings) -> io::Result<Option<Duration>> {
        let Some(open) = self.all_wait(findings).await? else {
            return Ok(None);
        };
        let Some(builder) = self.crew.member(open.by) else {
            return Ok(None);
        };
        builder.kill();
        let died = Instant::now();
        let house = self.house;
        let heir = move |_: &mut Self| {
            let newer = |asked: &system::Asked| asked.request > open.request;
            system::asked(house).into_iter().find(newer)
        };
        let Some(_) = self.until(findings, heir).await? else {
            findings.fail(
                "an orphaned flight is taken over in about a second",
                &format!("no new request within {GENEROUS} s of the builder's death"),
            );
            return Ok(None);
        };
        Ok(Some(died.elapsed()))
    }

    async fn steward_dies(&mut self, findings: &mut Findings) -> io::Result<Option<Duration>> {
        let house = self.house;
        let seated = |line: &mut Self| {
            let pid = system::steward(house)?;
            let mut members = line.crew.members();
            members
                .find(|member| member.pid == pid)
                .map(|member| (member.part.number, pid))
        };
        let Some((number, pid)) = self.until(findings, seated).await? else {
            findings.fail("somebody is the steward", "nobody holds steward.lock");
            return Ok(None);
        };
        if let Some(member) = self.crew.member(number) {
            member.kill();
        }
        let died = Instant::now();
        let next = move |_: &mut Self| system::steward(house).filter(|next| *next != pid);
        let Some(_) = self.until(findings, next).await? else {
            findings.fail(
                "the duties go on within a second or so of the steward's death",
                &format!("no new steward within {GENEROUS} s"),
            );
            return Ok(None);
        };
        Ok(Some(died.elapsed()))
    }

    /// Nobody is left to inherit, so the next flight is a new one.
    async fn kill_all(&mut self, findings: &mut Findings) -> io::Result<()> {
        for member in self.crew.members() {
            member.kill();
        }
        let mut left = self.crew.len();
        while left > 0 {
            let soon = Instant::now() + Duration::from_secs(10);
            match self.crew.next(soon, findings).await {
                Some(News::End(_)) => left -= 1,
                Some(_) => {}
                None => break,
            }
        }
        self.dead.clear();
        (0..HEIRS).try_for_each(|number| self.start(number))
    }
}
