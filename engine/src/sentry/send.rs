//! The front of the transport: validates an envelope and its DSN and appends it to the outbox. On PHP's thread: no
//! lock and no system call on the usual path, because a request must not wait for Sentry.

use super::{
    Sentry,
    outbox::{self, Outbox, Pushed, RecordInfo},
    protocol::{
        category::DiscardReason,
        client_report,
        envelope::{self, Envelope},
    },
    sender::project,
    shared_state::{Count, SharedState},
};
use crate::{Error, Result, config::Dsn, error::Violation, host::clock};

/// Queued envelopes for which the sender is woken before the request ends.
const MAX_UNWOKEN: usize = 64;

impl Sentry {
    /// Queues an envelope and wakes the sender. Returns what [`Sentry::queue`] does.
    ///
    /// # Errors
    /// As [`Sentry::queue`].
    pub fn send(&self, envelope: &[u8], dsn: Option<&[u8]>) -> Result<bool> {
        let is_queued = self.queue(envelope, dsn)?;
        if is_queued {
            self.wake();
        }
        Ok(is_queued)
    }

    /// Wakes the sender for what was queued. A system call if it sleeps.
    #[inline]
    pub fn wake(&self) {
        self.sender_state.wake();
    }

    /// Leaves the wake-up of the sender to the end of the request. In a longer request the sender finds queued
    /// envelopes by itself, and it is woken before they fill the outbox.
    #[inline]
    pub fn wake_later(&self) {
        let is_many = self.queued() >= MAX_UNWOKEN.min(self.settings.buffer_size / 2);
        // During an outage, there are many and nothing to do.
        if is_many && !self.sender_state.is_backing_off() {
            self.wake();
        } else {
            self.sender_state.wake_later();
        }
    }

    /// Queues an envelope and does not wake the sender. Returns `false` if it has no items, if there is no project to
    /// send it to, if it is too large, or if the outbox is full; the last two are counted. A DSN that is empty or a
    /// word for "off" names no project; then the next of argument, header and setting counts.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it is not an envelope, [`Error::Config`] for an invalid DSN.
    #[inline]
    pub fn queue(&self, envelope: &[u8], dsn: Option<&[u8]>) -> Result<bool> {
        if !self.settings.enabled {
            return Ok(false);
        }
        let summary = envelope::peek(envelope).map_err(|message| {
            Error::InvalidRequest(vec![Violation {
                field: "envelope".into(),
                message,
            }])
        })?;
        let argument = dsn.filter(|text| !Dsn::is_off(text));
        let in_header = || summary.dsn().filter(|text| !Dsn::is_off(text));
        let header = argument.is_none().then(in_header).flatten();
        let (stored, hash) = match (argument, header, &self.settings.dsn) {
            (Some(text), ..) => {
                self.check_dsn(text)?;
                (text, project::hash(text))
            }
            (None, Some(text), _) => {
                self.check_dsn(text.as_bytes())?;
                (&[][..], project::hash(text.as_bytes()))
            }
            (None, None, Some(dsn)) => {
                let text = dsn.expose().as_bytes();
                (text, project::hash(text))
            }
            (None, None, None) => return Ok(false),
        };
        let Some(priority) = summary.priority else {
            return Ok(false);
        };
        if envelope.len() as u64 > self.settings.max_payload_size
            || !Outbox::accepts(stored, envelope)
        {
            self.shared.count(Count::TooLarge, 1);
            return Ok(false);
        }
        let info = RecordInfo {
            accepted_ms: clock::unix_ms(),
            attempts: 0,
            project: outbox::project_tag(hash),
        };
        let push = || {
            let push = || self.outbox.push(priority, stored, envelope, info);
            let pushed = match &self.waiting_counts {
                Some(waiting_counts) => waiting_counts.while_pushing(push),
                None => push(),
            };
            pushed.map_err(|error| Error::io("growing the outbox", error))
        };
        let mut pushed = push()?;
        if let Pushed::Full(evicted) = pushed {
            // Records evicted earlier occupy their space until they are reported, and the sender is behind.
            self.shared.count(Count::Overflow, evicted as u64);
            pushed = match self.report_evicted() {
                0 => Pushed::Full(0),
                _ => push()?,
            };
        }
        match pushed {
            Pushed::Stored(evicted) => {
                self.shared.count(Count::Accepted, 1);
                self.publish_queued();
                if evicted > 0 {
                    self.shared.count(Count::Overflow, evicted as u64);
                }
                Ok(true)
            }
            Pushed::Full(evicted) => {
                self.shared.count(Count::Overflow, evicted as u64);
                self.drop_new(stored, envelope);
                Ok(false)
            }
        }
    }

    /// Whether an envelope without a DSN has a project: that of the argument, else that of the setting.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid DSN.
    pub fn has_project(&self, dsn: Option<&[u8]>) -> Result<bool> {
        if !self.settings.enabled {
            return Ok(false);
        }
        match dsn.filter(|text| !Dsn::is_off(text)) {
            Some(text) => self.check_dsn(text).map(|()| true),
            None => Ok(self.settings.dsn.is_some()),
        }
    }

    /// Records evicted records as lost and frees their space. Returns their number.
    pub(super) fn report_evicted(&self) -> usize {
        let mut count = 0;
        while let Some(claim) = self.outbox.take_evicted() {
            if let Some(record) = claim.read() {
                self.record_loss(DiscardReason::QueueOverflow, &record.dsn, &record.envelope);
            }
            self.outbox.settle_evicted(&claim);
            count += 1;
        }
        count
    }

    /// Records a new envelope as lost: all that is queued matters more.
    #[cold]
    fn drop_new(&self, dsn: &[u8], envelope: &[u8]) {
        self.shared.count(Count::Overflow, 1);
        self.record_loss(DiscardReason::QueueOverflow, dsn, envelope);
        self.sender_state.wake();
    }

    /// Adds the items of an envelope to the losses of its project, for the next client report.
    pub(super) fn record_loss(&self, reason: DiscardReason, dsn: &[u8], bytes: &[u8]) {
        let Ok(envelope) = Envelope::parse(bytes) else {
            return;
        };
        let Some(dsn) = project::dsn_of(dsn, &envelope) else {
            return;
        };
        let (shared, slot) = SharedState::project_of(&self.shared, dsn.expose().as_bytes());
        for loss in client_report::of_items(reason, &envelope.items) {
            shared.lose(slot, loss);
        }
    }

    /// Publishes the number of queued envelopes to the other processes of the host.
    #[inline]
    pub(super) fn publish_queued(&self) {
        if let Some(waiting_counts) = &self.waiting_counts {
            let in_memory = self.outbox.in_memory_records();
            waiting_counts.set_records(|| self.outbox.queued(), in_memory);
        }
    }

    #[inline]
    pub(super) fn check_dsn(&self, text: &[u8]) -> Result<()> {
        let hash = project::hash(text);
        if self.valid_dsns.contains(hash) {
            return Ok(());
        }
        self.validate_dsn(text, hash)
    }

    #[cold]
    fn validate_dsn(&self, text: &[u8], hash: u64) -> Result<()> {
        let parsed = std::str::from_utf8(text)
            .map_err(|_| "a text that is not UTF-8".to_owned())
            .and_then(Dsn::parse);
        parsed.map_err(|reason| {
            Error::Config(format!(
                "DSN: found {reason}; expected https://<key>@<host>/<project>"
            ))
        })?;
        self.valid_dsns.insert(hash);
        Ok(())
    }
}
