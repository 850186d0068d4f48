//! The task that sends: one a process, on the runtime. It takes records from the outbox by weight of
//! their class, asks the board what Sentry wants silence for, keeps a bounded number of requests in
//! flight, and settles each record when its fate is known. Until then the record stays in the outbox, so
//! the death of this process at any instant leaves it to another one.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Sentry,
    batch::Batch,
    board::{Count, Loss},
    capture::time,
    category::{Category, Class, Reason},
    client::{Answer, Client, Outcome},
    envelope::{Envelope, Item},
    losses,
    outbox::{Claim, Record},
    target::{Claims, Target, Work, dsn_of},
};
use crate::{
    failpoint::{Place, reach},
    host::clock,
    metrics::sentry::{PROCESSING_DURATION, QUEUE_LENGTH, REQUEST_DURATION},
};

/// How often the outbox is looked at while there is something to do.
const LOOK: Duration = Duration::from_millis(2);
/// So long after the last envelope the sender looks by itself; then it has to be woken.
const LINGER: Duration = Duration::from_millis(20);
/// So long after the last envelope a chain gives memory back.
const IDLE: Duration = Duration::from_secs(5);
/// Losses that find no carrier get one of their own.
const REPORT: Duration = Duration::from_secs(30);
/// Where no client can be made, and for a pause without a draw.
const LATER: Duration = Duration::from_secs(1);

/// A request that has its answer.
struct Done {
    target: String,
    work: Work,
    /// The losses that rode along.
    carried: Vec<Loss>,
    /// It was to find out whether Sentry is back.
    is_probe: bool,
    answer: Answer,
}

struct Sender {
    sentry: Arc<Sentry>,
    client: Option<Client>,
    targets: HashMap<String, Target>,
    in_flight: JoinSet<Done>,
    chores: JoinSet<()>,
    /// Classes in their turn, the next one last.
    round: Vec<Class>,
    last_work: Instant,
    is_idle: bool,
    synced: Instant,
    /// Counts what was claimed.
    turns: u64,
    /// Records dropped since the targets were last told.
    dropped: usize,
}

impl Sentry {
    /// Sends for as long as the runtime lives.
    pub async fn run(self: Arc<Self>) {
        let mut sender = Sender {
            client: None,
            targets: HashMap::new(),
            in_flight: JoinSet::new(),
            chores: JoinSet::new(),
            round: Vec::new(),
            last_work: Instant::now(),
            is_idle: false,
            synced: Instant::now(),
            turns: 0,
            dropped: 0,
            sentry: self,
        };
        loop {
            sender.turn().await;
        }
    }
}

impl Sender {
    async fn turn(&mut self) {
        let did = self.fill();
        QUEUE_LENGTH.set(self.sentry.outbox.queued() as f64);
        let now = Instant::now();
        if did {
            self.last_work = now;
            self.is_idle = false;
        }
        self.sync(now);
        let sentry = Arc::clone(&self.sentry);
        let hurried = sentry.flushing.load(Ordering::SeqCst) > 0;
        let full = self.in_flight.len() >= sentry.settings.workers;
        let lingers = hurried || now.duration_since(self.last_work) < LINGER;
        let waits = self.targets.values().any(|target| !target.held.is_empty());
        let quiet = self.in_flight.is_empty() && self.chores.is_empty();
        sentry.stuck.store(quiet && waits && !did, Ordering::SeqCst);
        if !did && quiet {
            sentry.rests.fetch_add(1, Ordering::SeqCst);
        }
        if !did && !lingers && !full {
            sentry.awake.store(false, Ordering::SeqCst);
            // Who came before the store has not woken us.
            if self.fill() {
                sentry.awake.store(true, Ordering::SeqCst);
                self.last_work = now;
                return;
            }
        }
        let idle_at = (!self.is_idle).then(|| self.last_work + IDLE);
        if idle_at.is_some_and(|at| now >= at) {
            self.is_idle = true;
        }
        sentry.outbox.tidy(self.is_idle);
        let mut next = self.next_deadline().into_iter().chain(idle_at).min();
        if lingers && !full {
            next = Some(next.map_or(now + LOOK, |next| next.min(now + LOOK)));
        }
        // What waits may have come since the last sync.
        if sentry.settings.on_disk && sentry.outbox.queued() > 0 {
            let due = self.synced + sentry.settings.sync_interval;
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        let far = now + Duration::from_secs(3600);
        tokio::select! {
            Some(done) = self.in_flight.join_next() => {
                if let Ok(done) = done {
                    self.settle(done);
                }
                while let Some(Ok(done)) = self.in_flight.try_join_next() {
                    self.settle(done);
                }
                self.last_work = Instant::now();
            }
            Some(_) = self.chores.join_next() => {}
            () = sentry.wake.notified() => {}
            () = tokio::time::sleep_until(next.unwrap_or(far).into()) => {}
        }
    }

    /// Starts as many requests as may be in flight. Whether there was anything to do.
    fn fill(&mut self) -> bool {
        let mut did = false;
        while let Some(claim) = self.sentry.outbox.shed_record() {
            if let Some(record) = claim.read() {
                self.lose(Reason::QueueOverflow, &record.dsn, &record.envelope);
            }
            self.sentry.outbox.settle_shed(&claim);
            self.dropped += 1;
            did = true;
        }
        self.forget_dropped();
        while self.in_flight.len() < self.sentry.settings.workers {
            if self.sentry.closing.load(Ordering::SeqCst) || !(self.send_due() || self.take_next())
            {
                break;
            }
            did = true;
        }
        did
    }

    /// What was dropped holds its file for as long as somebody thinks that it waits. Looking through all
    /// that wait is worth while only when many were dropped.
    fn forget_dropped(&mut self) {
        let waiting: usize = self.targets.values().map(|target| target.held.len()).sum();
        if self.dropped > 64.max(waiting / 8) {
            self.dropped = 0;
            self.targets.values_mut().for_each(Target::forget_dropped);
        }
    }

    /// The next record, by weight of the classes. `false`: none waits.
    fn take_next(&mut self) -> bool {
        for _ in 0..2 {
            while let Some(class) = self.round.last().copied() {
                if let Some(claim) = self.sentry.outbox.claim(class) {
                    self.round.pop();
                    self.take_in(claim);
                    return true;
                }
                self.round.retain(|other| *other != class);
            }
            // Lowest weights first, as the next one is taken from the end.
            self.round = (1..=5)
                .flat_map(|turn| {
                    let classes = Class::ALL.into_iter().rev();
                    classes.filter(move |class| class.weight() >= 6 - turn)
                })
                .collect();
        }
        false
    }

    /// Finds out where a record goes.
    fn take_in(&mut self, claim: Claim) {
        let Some(record) = claim.read() else {
            self.sentry.board.count(Count::Torn, 1);
            self.sentry.outbox.settle(&claim);
            return;
        };
        let envelope = match Envelope::parse(&record.envelope) {
            Ok(envelope) => envelope,
            Err(why) => return self.misunderstood(&claim, &record, &why),
        };
        let Some(dsn) = dsn_of(&record.dsn, &envelope) else {
            return self.misunderstood(&claim, &record, "it names no project");
        };
        let key = dsn.expose().to_owned();
        let shared = &self.sentry.board;
        let target = self
            .targets
            .entry(key.clone())
            .or_insert_with(|| Target::new(dsn, shared));
        self.turns += 1;
        let work = Work {
            turn: (claim.class(), self.turns),
            claims: Claims::new(vec![claim.clone()], 1),
            made: None,
            attempts: record.attempts,
            accepted_ms: record.accepted_ms,
        };
        if target.is_down() {
            target.hold(work, &self.sentry.outbox);
        } else if !target.batches.gather(&claim, &envelope, Instant::now()) {
            self.dispatch(&key, work, envelope, !record.dsn.is_empty());
        }
    }

    fn misunderstood(&self, claim: &Claim, record: &Record, why: &str) {
        if self.sentry.speaks(log::Level::Error) {
            log::error!(target: "pillion::sentry", reason = why; "envelope not understood");
        }
        let dsn = std::str::from_utf8(&record.dsn)
            .ok()
            .and_then(|text| crate::config::Dsn::parse(text).ok());
        if let Some(dsn) = dsn {
            let (board, project) = super::target::place_on(&self.sentry.board, &dsn);
            let category = match claim.class() {
                Class::Critical => Category::Error,
                _ => Category::Default,
            };
            board.lose(project, (Reason::InternalSdkError, category, 1));
        }
        self.sentry.board.count(Count::Failed, 1);
        self.sentry.outbox.settle(claim);
    }

    /// What has waited long enough: batches, reports, and those that wait for Sentry to come back.
    fn send_due(&mut self) -> bool {
        let now = Instant::now();
        let hurried = self.sentry.flushing.load(Ordering::SeqCst) > 0;
        let settings = &self.sentry.settings;
        let (size, timeout) = match hurried {
            true => (1, Duration::ZERO),
            false => (settings.batch_size, settings.batch_timeout),
        };
        let (drain, reports) = (settings.drain_interval, settings.send_client_reports);
        let (turns, outbox) = (&mut self.turns, &self.sentry.outbox);
        let mut found = None;
        for (key, target) in &mut self.targets {
            for batch in target.batches.ripe(size, timeout, now) {
                for work in works_of(batch, turns) {
                    if target.is_down() {
                        target.hold(work, outbox);
                    } else {
                        target.fresh.push_back(work);
                    }
                }
            }
            if target.is_down() {
                for work in std::mem::take(&mut target.fresh) {
                    target.hold(work, outbox);
                }
            }
            if let Some(work) = target.fresh.pop_front() {
                found = Some((key.clone(), Some(work)));
                break;
            }
            if target.held.is_empty() || target.probing {
                if reports && !target.is_down() && report_is_due(target, hurried, now) {
                    found = Some((key.clone(), None));
                    break;
                }
                continue;
            }
            let due = target.down_until.unwrap_or(target.drain_at);
            if now < due {
                continue;
            }
            let Some(work) = target.resume() else {
                continue;
            };
            target.probing = target.is_down();
            target.drain_at = now + drain;
            found = Some((key.clone(), Some(work)));
            break;
        }
        match found {
            Some((key, Some(work))) => {
                self.send_again(&key, work);
                true
            }
            Some((key, None)) => {
                self.send_report(&key);
                true
            }
            None => false,
        }
    }

    /// Sends what is no fresh record: a batch, or one that had to wait.
    fn send_again(&mut self, key: &str, work: Work) {
        let probing = self.targets.get(key).is_some_and(|target| target.probing);
        let record = match &work.made {
            Some(_) => None,
            None => work.claims.all().first().and_then(Claim::read),
        };
        let made = work.made.clone();
        let bytes = match (&made, &record) {
            (Some(made), _) => made.as_slice(),
            (None, Some(record)) => record.envelope.as_slice(),
            (None, None) => return self.end_unsent(key, &work, Count::Torn),
        };
        let Ok(envelope) = Envelope::parse(bytes) else {
            return self.end_unsent(key, &work, Count::Failed);
        };
        // One that waited alone may have company now.
        if !probing
            && made.is_none()
            && let [claim] = work.claims.all()
            && let Some(target) = self.targets.get_mut(key)
            && target.batches.gather(claim, &envelope, Instant::now())
        {
            target.drain_at = Instant::now();
            return;
        }
        let has_dsn = record.as_ref().is_some_and(|record| !record.dsn.is_empty());
        self.dispatch(key, work, envelope, has_dsn);
    }

    /// It came to its end without a request.
    fn end_unsent(&mut self, key: &str, work: &Work, as_what: Count) {
        if let Some(target) = self.targets.get_mut(key) {
            target.probing = false;
        }
        self.finish(work, as_what);
    }

    /// Sends one envelope, less what Sentry wants silence for. `has_dsn`: it was given with a DSN, which
    /// holds whatever its header says.
    fn dispatch(&mut self, key: &str, mut work: Work, mut envelope: Envelope<'_>, has_dsn: bool) {
        let age = Duration::from_millis(clock::unix_ms().saturating_sub(work.accepted_ms));
        let Some(target) = self.targets.get_mut(key) else {
            return self.finish(&work, Count::Failed);
        };
        if age > self.sentry.settings.max_age {
            target.probing = false;
            return self.give_up(key, work, "it is older than sentry.retry.max_age");
        }
        let silenced = silence(target, &mut envelope);
        if envelope.items.is_empty() {
            target.probing = false;
            if silenced && self.sentry.speaks(log::Level::Debug) {
                log::debug!(target: "pillion::sentry", project = target.dsn.to_string().as_str(); "envelope dropped: Sentry wants silence");
            }
            return self.finish(&work, Count::RateLimited);
        }
        if has_dsn && envelope.text("dsn").is_some_and(|dsn| dsn != key) {
            // All forms of the key in a request have to agree.
            envelope.set("dsn", key);
        }
        let carried = self.attach_report(key, &mut envelope);
        if silenced && work.made.is_none() {
            // What is tried again has to be without what was dropped and told of.
            let mut kept = envelope.items;
            if !carried.is_empty() {
                kept.pop();
            }
            envelope.items = kept;
            work.made = Some(Arc::new(envelope.write(None)));
            if let Some(report) = report_of(&carried) {
                envelope.items.push(report);
            }
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        self.post(key, work, carried, body);
    }

    /// Adds what was lost to an envelope that goes anyway.
    fn attach_report(&mut self, key: &str, envelope: &mut Envelope<'_>) -> Vec<Loss> {
        let Some(target) = self.targets.get_mut(key) else {
            return Vec::new();
        };
        if !self.sentry.settings.send_client_reports || !target.board.has_losses(target.project) {
            return Vec::new();
        }
        let losses = target.board.take_losses(target.project);
        let (item, left) = losses::report(&losses, &time(clock::unix_ms()));
        let told = losses.len() - left.len();
        for loss in left {
            target.board.put_back(target.project, loss);
        }
        target.lost_since = None;
        if told > 0 {
            envelope.items.push(item);
        }
        losses.into_iter().take(told).collect()
    }

    /// An envelope for losses that found no carrier.
    fn send_report(&mut self, key: &str) {
        let mut envelope = Envelope::new(None, Vec::new());
        envelope.set("dsn", key);
        let carried = self.attach_report(key, &mut envelope);
        if envelope.items.is_empty() {
            return;
        }
        let body = envelope.write(Some(&time(clock::unix_ms())));
        let work = Work {
            claims: Claims::new(Vec::new(), 1),
            made: None,
            attempts: 0,
            accepted_ms: clock::unix_ms(),
            turn: (Class::Lowest, 0),
        };
        self.post(key, work, carried, body);
    }

    fn post(&mut self, key: &str, work: Work, carried: Vec<Loss>, body: Vec<u8>) {
        let client = match self.client.clone() {
            Some(client) => Ok(client),
            None => Client::new(&self.sentry.settings),
        };
        let Some(target) = self.targets.get_mut(key) else {
            return self.finish(&work, Count::Failed);
        };
        let key = key.to_owned();
        match client {
            Ok(client) => {
                let (endpoint, auth) = (Arc::clone(&target.endpoint), Arc::clone(&target.auth));
                // While one is under way nothing else is sent there.
                let is_probe = target.probing;
                self.client = Some(client.clone());
                self.sentry.under_way.fetch_add(1, Ordering::SeqCst);
                self.in_flight.spawn(async move {
                    let answer = client.post(&endpoint, &auth, body).await;
                    Done {
                        target: key,
                        work,
                        carried,
                        is_probe,
                        answer,
                    }
                });
            }
            Err(error) => {
                // A setting is bad: what was accepted waits until somebody mends it.
                log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "nothing can be sent");
                for loss in carried {
                    target.board.put_back(target.project, loss);
                }
                target.down_until = Some(Instant::now() + LATER * 30);
                target.probing = false;
                if work.claims.all().is_empty() {
                    return;
                }
                target.hold(work, &self.sentry.outbox);
            }
        }
    }

    /// An answer came, or none will.
    fn settle(&mut self, done: Done) {
        let Done {
            target: key,
            work,
            carried,
            is_probe,
            answer,
        } = done;
        self.sentry.under_way.fetch_sub(1, Ordering::SeqCst);
        let board = Arc::clone(&self.sentry.board);
        let Some(target) = self.targets.get_mut(&key) else {
            return;
        };
        let mut silent = false;
        for limit in &answer.limits {
            silent |= limit.category.is_none();
            target
                .board
                .limit(target.project, limit.category, limit.lasts);
        }
        target.probing &= !is_probe;
        board.count(Count::Bytes, answer.bytes);
        if answer.status.is_some() {
            board.count(Count::Requests, 1);
            board.count(Count::SendMicros, answer.took.as_micros() as u64);
            REQUEST_DURATION.observe(&[], answer.took.as_secs_f64());
        }
        if !matches!(answer.outcome, Outcome::Trouble(_)) {
            let was_down = target.down_until.take().is_some();
            target.failures = 0;
            if was_down {
                log::info!(target: "pillion::sentry", project = target.dsn.to_string().as_str(); "Sentry is back");
            }
        }
        let restore = match answer.outcome {
            Outcome::Delivered => false,
            Outcome::Limited => silent,
            Outcome::Refused(..) | Outcome::Trouble(_) => true,
        };
        if work.claims.all().is_empty() {
            target.report_refused = restore.then(Instant::now);
        }
        if restore {
            for loss in carried {
                target.board.put_back(target.project, loss);
            }
        }
        let shown = target.dsn.to_string();
        match answer.outcome {
            Outcome::Delivered => {
                if self.sentry.speaks(log::Level::Debug) {
                    self.tell_sent(&work, answer.status);
                }
                reach(Place::OutboxSent);
                self.finish(&work, Count::Sent);
            }
            Outcome::Limited => {
                if self.sentry.speaks(log::Level::Warn) {
                    log::warn!(target: "pillion::sentry", project = shown.as_str(); "Sentry wants silence");
                }
                self.finish(&work, Count::RateLimited);
            }
            Outcome::Refused(status, text) => {
                if self.sentry.speaks(log::Level::Error) {
                    log::error!(target: "pillion::sentry", project = shown.as_str(), status_code = status, answer = text.as_str(); "Sentry refuses an envelope");
                }
                self.lose_work(&key, &work, Reason::SendError);
                self.finish(&work, Count::Failed);
            }
            Outcome::Trouble(why) => self.trouble(&key, work, &why, is_probe),
        }
    }

    fn tell_sent(&self, work: &Work, status: Option<u16>) {
        for record in work.claims.all().iter().filter_map(Claim::read) {
            let id = Envelope::parse(&record.envelope)
                .ok()
                .and_then(|envelope| envelope.text("event_id"))
                .unwrap_or_default();
            log::debug!(target: "pillion::sentry", event_id = id.as_str(), status_code = status.unwrap_or(0); "Event sent successfully");
        }
    }

    /// Connection trouble: everything waits, and one at a time tries again.
    fn trouble(&mut self, key: &str, mut work: Work, why: &str, is_probe: bool) {
        let pause = self.pause_after(key);
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.down_until.is_none() && self.sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", project = target.dsn.to_string().as_str(), error = why; "Sentry can't be reached; envelopes wait");
        }
        // Several that were under way at the same time have met the same trouble.
        if is_probe || target.down_until.is_none() {
            target.failures += 1;
            target.down_until = Some(Instant::now() + pause);
        }
        if work.claims.all().is_empty() {
            return;
        }
        work.attempts += 1;
        work.claims.all().iter().for_each(Claim::note_attempt);
        if work.attempts >= self.sentry.settings.max_attempts {
            self.give_up(key, work, why);
        } else {
            self.sentry.board.count(Count::Retries, 1);
            target.hold(work, &self.sentry.outbox);
        }
    }

    /// A random part of the ceiling, which grows with each failure in a row.
    fn pause_after(&self, key: &str) -> Duration {
        let settings = &self.sentry.settings;
        let failures = self.targets.get(key).map_or(0, |target| target.failures);
        let growth = settings
            .backoff_multiplier
            .powi(i32::try_from(failures).unwrap_or(i32::MAX));
        let seconds = settings.initial_backoff.as_secs_f64() * growth;
        let ceiling = seconds.min(settings.max_backoff.as_secs_f64());
        let draw = getrandom::u32().map_or(1.0, |bits| f64::from(bits) / f64::from(u32::MAX));
        Duration::try_from_secs_f64(ceiling * draw).unwrap_or(LATER)
    }

    /// No more tries: a dead letter, or a loss.
    fn give_up(&mut self, key: &str, work: Work, why: &str) {
        let sentry = Arc::clone(&self.sentry);
        let letters = sentry
            .letters
            .clone()
            .filter(|_| sentry.settings.dead_letter_queue);
        if sentry.speaks(log::Level::Warn) {
            log::warn!(target: "pillion::sentry", attempts = work.attempts, reason = why, kept = letters.is_some(); "envelope given up");
        }
        let Some(letters) = letters else {
            self.lose_work(key, &work, Reason::NetworkError);
            return self.finish(&work, Count::Failed);
        };
        let (key, why) = (key.to_owned(), why.to_owned());
        self.chores.spawn_blocking(move || {
            let record = match (&work.made, work.claims.all().first().and_then(Claim::read)) {
                (Some(made), _) => Some(Record {
                    dsn: key.into_bytes(),
                    envelope: made.to_vec(),
                    accepted_ms: work.accepted_ms,
                    attempts: work.attempts,
                }),
                (None, record) => record,
            };
            let outcome = record.map(|record| {
                let put = letters.put(&record, &why, clock::unix_ms());
                (record, put)
            });
            match outcome {
                Some((_, Ok(gone))) => {
                    for letter in gone {
                        sentry.lose(Reason::CacheOverflow, letter.why.dsn.as_bytes(), &letter.envelope);
                    }
                    sentry.end_work(&work, Count::DeadLetters);
                }
                Some((record, Err(error))) => {
                    log::error!(target: "pillion::sentry", error = error.to_string().as_str(); "dead letter can't be written");
                    sentry.lose(Reason::NetworkError, &record.dsn, &record.envelope);
                    sentry.end_work(&work, Count::Failed);
                }
                None => sentry.end_work(&work, Count::Torn),
            }
        });
    }

    fn lose_work(&self, key: &str, work: &Work, reason: Reason) {
        match &work.made {
            Some(made) => self.lose(reason, key.as_bytes(), made),
            None => {
                for record in work.claims.all().iter().filter_map(Claim::read) {
                    self.lose(reason, key.as_bytes(), &record.envelope);
                }
            }
        }
    }

    fn lose(&self, reason: Reason, dsn: &[u8], envelope: &[u8]) {
        self.sentry.lose(reason, dsn, envelope);
    }

    fn finish(&self, work: &Work, as_what: Count) {
        self.sentry.end_work(work, as_what);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let settings = &self.sentry.settings;
        let free = self.in_flight.len() < settings.workers;
        self.targets
            .values()
            .flat_map(|target| {
                let held = !target.held.is_empty() && !target.probing && free;
                [
                    target.batches.due(settings.batch_timeout),
                    target
                        .fresh
                        .front()
                        .filter(|_| free)
                        .map(|_| self.last_work),
                    held.then(|| target.down_until.unwrap_or(target.drain_at)),
                    target.lost_since.map(|since| since + REPORT),
                ]
            })
            .flatten()
            .min()
    }

    /// Durability against power loss, at its interval.
    fn sync(&mut self, now: Instant) {
        let settings = &self.sentry.settings;
        if settings.on_disk && now.duration_since(self.synced) >= settings.sync_interval {
            self.synced = now;
            let sentry = Arc::clone(&self.sentry);
            self.chores.spawn_blocking(move || {
                if let Err(error) = sentry.outbox.sync() {
                    log::warn!(target: "pillion::sentry", error = error.to_string().as_str(); "outbox can't be synced");
                }
            });
        }
    }
}

impl Sentry {
    /// One envelope has its end; with the last one of its records they are settled.
    fn end_work(&self, work: &Work, as_what: Count) {
        let ended = work.claims.end_one();
        self.board.count(as_what, ended.len() as u64);
        if as_what == Count::Sent {
            let wait = clock::unix_ms().saturating_sub(work.accepted_ms);
            for _ in ended {
                self.board.count(Count::WaitMillis, wait);
                PROCESSING_DURATION.observe(&[], wait as f64 / 1000.0);
            }
        }
        for claim in ended {
            self.outbox.settle(claim);
        }
    }
}

/// The envelopes of a batch.
fn works_of(batch: Batch, turns: &mut u64) -> Vec<Work> {
    let records = batch.claims.iter().filter_map(Claim::read);
    let (attempts, accepted_ms) = records
        .map(|record| (record.attempts, record.accepted_ms))
        .fold((0, u64::MAX), |a, b| (a.0.max(b.0), a.1.min(b.1)));
    let class = batch.claims.first().map_or(Class::Low, Claim::class);
    let claims = Claims::new(batch.claims, batch.envelopes.len());
    let work = |envelope| {
        *turns += 1;
        Work {
            turn: (class, *turns),
            claims: claims.clone(),
            made: Some(Arc::new(envelope)),
            attempts,
            accepted_ms,
        }
    };
    batch.envelopes.into_iter().map(work).collect()
}

fn report_of(carried: &[Loss]) -> Option<Item<'static>> {
    (!carried.is_empty()).then(|| losses::report(carried, &time(clock::unix_ms())).0)
}

/// Whether losses have waited long enough for a carrier.
fn report_is_due(target: &mut Target, hurried: bool, now: Instant) -> bool {
    if !target.board.has_losses(target.project) {
        target.lost_since = None;
        return false;
    }
    let since = *target.lost_since.get_or_insert(now);
    let hurried = hurried && target.report_refused.is_none_or(|at| now >= at + REPORT);
    (hurried || now >= since + REPORT) && target.limited(Some(Category::Internal)).is_none()
}

/// Takes out what Sentry wants silence for, and notes it as lost. An attachment and a profile go with
/// what they belong to. Whether anything was taken out.
fn silence(target: &Target, envelope: &mut Envelope<'_>) -> bool {
    let is_silenced = |item: &Item<'_>| match item.kind.as_str() {
        // Limited only by what goes for everything.
        "client_report" => target.limited(None).is_some(),
        _ => target.limited(item.category()).is_some(),
    };
    let mut flags: Vec<bool> = envelope.items.iter().map(is_silenced).collect();
    if !flags.contains(&true) {
        return false;
    }
    let gone = |kind: &str, flags: &[bool]| {
        let mut items = envelope.items.iter().zip(flags);
        items.any(|(item, flag)| *flag && item.kind == kind)
    };
    let (event, transaction, replay) = (
        gone("event", &flags),
        gone("transaction", &flags),
        gone("replay_event", &flags) || gone("replay_recording", &flags),
    );
    for (item, flag) in envelope.items.iter().zip(flags.iter_mut()) {
        *flag |= match item.kind.as_str() {
            "attachment" => event || transaction,
            "profile" => transaction,
            "replay_event" | "replay_recording" | "replay_video" => replay,
            _ => false,
        };
    }
    let mut flags = flags.into_iter();
    let mut lost = Vec::new();
    envelope.items.retain(|item| {
        let goes = flags.next().unwrap_or(false);
        if goes {
            lost.push(item.clone());
        }
        !goes
    });
    for loss in losses::of_items(Reason::RatelimitBackoff, &lost) {
        target.board.lose(target.project, loss);
    }
    // An SDK's own report is told later, with ours.
    for loss in lost.iter().flat_map(losses::reported) {
        target.board.put_back(target.project, loss);
    }
    true
}
