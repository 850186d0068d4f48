//! The processes of a scenario together: starting, killing, hearing, and what has to hold of each at every moment.

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    findings::Findings,
    house::House,
    member::{Event, Member, Part, What},
};

/// All that live, by number.
pub struct Crew<'a> {
    house: &'a House,
    members: BTreeMap<usize, Member>,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    /// A deed that takes longer hangs.
    hang: Duration,
    /// Which configuration a hash was built for: no two may share one.
    hashes: BTreeMap<String, String>,
    lives: u64,
    /// An exception that everybody may get.
    pub may_throw: Option<&'static str>,
    /// Deeds that ended, by their first words.
    pub deeds: BTreeMap<String, u64>,
    /// The longest that each deed took.
    pub longest: BTreeMap<String, Duration>,
    /// Processes that have died of SIGKILL.
    pub killed: usize,
    /// Places at which armed processes have died, and how often.
    pub places: BTreeMap<String, usize>,
}

/// They end with the scenario, before their directories go.
impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.members.values_mut().for_each(Member::kill);
    }
}

/// What has become of a process.
#[derive(Debug)]
pub enum News {
    /// It has ended a deed: number, outcome.
    Deed(usize, String),
    /// It has died or ended: number.
    End(usize),
    /// Nothing of interest.
    Nothing,
}

impl<'a> Crew<'a> {
    /// Nobody yet.
    pub fn new(house: &'a House, hang: u64) -> Self {
        let (sender, events) = unbounded_channel();
        Self {
            house,
            members: BTreeMap::new(),
            sender,
            events,
            hang: Duration::from_secs(hang),
            hashes: BTreeMap::new(),
            lives: 0,
            may_throw: None,
            deeds: BTreeMap::new(),
            longest: BTreeMap::new(),
            killed: 0,
            places: BTreeMap::new(),
        }
    }

    /// Starts one; its life is counted here.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(&mut self, mut part: Part) -> io::Result<()> {
        self.lives += 1;
        part.life = self.lives;
        let member = Member::start(self.house, part, self.sender.clone())?;
        self.members.insert(member.part.number, member);
        Ok(())
    }

    /// Those that live.
    pub fn members(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.values_mut()
    }

    /// One of them.
    pub fn member(&mut self, number: usize) -> Option<&mut Member> {
        self.members.get_mut(&number)
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Waits for what happens next, at most until then.
    pub async fn next(&mut self, until: Instant, findings: &mut Findings) -> Option<News> {
        let event = tokio::time::timeout_at(until.into(), self.events.recv()).await;
        let event = event.ok().flatten()?;
        Some(self.take(event, findings))
    }

    fn take(&mut self, event: Event, findings: &mut Findings) -> News {
        let (number, life) = event.of;
        let Some(member) = self.members.get_mut(&number) else {
            return News::Nothing;
        };
        if member.part.life != life {
            return News::Nothing;
        }
        match event.what {
            What::Said(line) => {
                let deed = member.doing.clone();
                member.heard(&line);
                self.judge(number, deed, &line, findings)
            }
            What::Ended(status) => {
                let Some(member) = self.members.remove(&number) else {
                    return News::Nothing;
                };
                let by_kill = status.signal() == Some(9);
                self.killed += usize::from(by_kill);
                if let (true, false, Some(armed)) = (by_kill, member.doomed, &member.part.armed) {
                    let place = armed.split(['@', ':']).next().unwrap_or_default();
                    *self.places.entry(place.to_owned()).or_default() += 1;
                }
                let crash = member.crash(self.house, status);
                let asked = member.part.role == "asker" && status.success();
                let expected = member.doomed || asked || (by_kill && member.part.armed.is_some());
                if let Some(crash) = crash {
                    findings.fail(
                        "no process crashes",
                        &format!("{crash}: {}", member.story(self.house)),
                    );
                } else if !expected {
                    findings.fail(
                        "no process ends by itself",
                        &format!("{status}: {}", member.story(self.house)),
                    );
                }
                News::End(number)
            }
        }
    }

    fn judge(
        &mut self,
        number: usize,
        deed: Option<(String, Instant)>,
        line: &str,
        findings: &mut Findings,
    ) -> News {
        let Some(member) = self.members.get(&number) else {
            return News::Nothing;
        };
        if let Some(seen) = line.strip_prefix("! ") {
            findings.fail(
                "no wrong binary",
                &format!("{seen}; {}", member.story(self.house)),
            );
            return News::Nothing;
        }
        let Some((deed, since)) = deed else {
            return News::Nothing;
        };
        let word = deed.split(' ').next().unwrap_or_default().to_owned();
        if let Some(outcome) = line.strip_prefix("- ") {
            *self.deeds.entry(word.clone()).or_default() += 1;
            // A process that was stopped is late without fault.
            if member.stopped.is_none() {
                let longest = self.longest.entry(word.clone()).or_default();
                *longest = since.elapsed().max(*longest);
            }
            if let (Some(built), true) =
                (outcome.strip_prefix("is "), word != "put" && word != "get")
            {
                let (key, sha256) = built.split_once(' ').unwrap_or_default();
                let known = self
                    .hashes
                    .entry(sha256.to_owned())
                    .or_insert_with(|| key.to_owned());
                if known != key {
                    findings.fail(
                        "no wrong binary",
                        &format!("{sha256} was given for {known} and for {key}"),
                    );
                }
            }
            return News::Deed(number, outcome.to_owned());
        }
        if let Some(thrown) = line.strip_prefix("x ") {
            let cancelled = word == "cancel" && thrown.starts_with("Pillion\\CancelledException");
            let allowed = cancelled
                || self
                    .may_throw
                    .is_some_and(|class| thrown.starts_with(class));
            if !allowed {
                findings.fail(
                    "everybody is served",
                    &format!("{deed}: {thrown}; {}", member.story(self.house)),
                );
            }
            return News::Deed(number, thrown.to_owned());
        }
        News::Nothing
    }

    /// Whether somebody hangs. Those that were stopped may.
    pub fn look_for_hangs(&mut self, findings: &mut Findings) {
        let hang = self.hang;
        for member in self.members.values_mut() {
            if member.stopped.is_none() && !member.doomed && member.busy() > hang {
                let story = member.story(self.house);
                findings.fail(
                    "nobody hangs",
                    &format!("busy for {:.1} s: {story}", member.busy().as_secs_f64()),
                );
                member.kill();
            }
        }
    }

    /// Tells all to end, and waits until they have.
    pub async fn dismiss(&mut self, findings: &mut Findings) {
        for member in self.members.values_mut() {
            if member.stopped.take().is_some() {
                member.signal(rustix::process::Signal::CONT);
            }
            member.dismiss().await;
        }
        let until = Instant::now() + self.hang;
        while !self.members.is_empty() {
            if self.next(until, findings).await.is_none() {
                for member in self.members.values_mut() {
                    findings.fail(
                        "nobody hangs",
                        &format!("does not end: {}", member.story(self.house)),
                    );
                    member.kill();
                }
                let _ = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
                return;
            }
        }
    }
}
