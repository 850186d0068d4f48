//! The handshake between the sender, its producers and those that wait for it: flags, counters and one wake-up.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use tokio::sync::{Notify, futures::Notified};

/// What the sender does, as far as other threads need to know, and how they wake it.
///
/// | state | `polling` | `backing_off` | `shutting_down` | `closed` | leaves it by |
/// | --- | --- | --- | --- | --- | --- |
/// | sleeping | no | no | | no | a push, a flush, a response or a deadline → polling |
/// | polling | yes | no | | no | [`POLLING_TIMEOUT`](super::POLLING_TIMEOUT) without work → sleeping |
/// | backing off | | yes | | no | a request is started or finished: every queued envelope is deferred until then |
/// | shutting down | | | yes | no | [`close`](Self::close) → closed |
/// | closed | | | yes | yes | never: no request starts any more, responses are still processed |
///
/// Wake-ups:
///
/// * A producer (a PHP thread, an adoption, a replay) pushes its record, then calls [`wake`](Self::wake). The first one
///   that finds the sender asleep sets `polling` and notifies; the others pay one load.
/// * A producer inside a request calls [`wake_later`](Self::wake_later) and leaves the wake-up, a system call, to the
///   request's end. From then on the sender sleeps no longer than
///   [`UNWOKEN_INTERVAL`](super::UNWOKEN_INTERVAL), because a request may be long. A request that queues many calls
///   [`wake`](Self::wake).
/// * The sender clears `polling`, then checks the outbox once more before it waits: a producer that pushed before the
///   store has not notified.
/// * A flush counts itself in `flushes` and notifies. It is done when the outbox is empty and the sender has finished
///   one more idle round: no request and no blocking task was left. It polls both, so nothing wakes it.
/// * The end of the process polls `backing_off` and `requests`.
///
/// All orderings are `SeqCst`. The producer stores a record and loads `polling`, the sender stores `polling` and loads
/// the outbox: in one order of all four, one side sees the other's store. The rest is rare and need not be cheaper.
#[derive(Debug, Default)]
pub(in crate::sentry) struct SenderState {
    notify: Notify,
    /// The sender checks the outbox by itself: producers need not notify.
    polling: AtomicBool,
    /// Producers leave wake-ups to the end of their requests.
    wakes_later: AtomicBool,
    /// Every queued envelope is deferred until Sentry is reachable again; no request is in flight.
    backing_off: AtomicBool,
    /// The process ends: outboxes of dead processes are left to others.
    shutting_down: AtomicBool,
    /// The last moment of the process: no request is started any more.
    closed: AtomicBool,
    /// Callers that wait for an empty outbox.
    flushes: AtomicUsize,
    /// Rounds in which the sender found nothing to do and nothing under way.
    idle_rounds: AtomicU64,
    /// Requests without a response yet.
    requests: AtomicUsize,
}

/// A flush in progress. Ends with its drop.
pub(in crate::sentry) struct FlushGuard<'a>(&'a SenderState);

impl SenderState {
    /// Wakes the sender unless it polls. By producers, after a push.
    #[inline]
    pub(in crate::sentry) fn wake(&self) {
        if !self.polling.load(SeqCst) && !self.polling.swap(true, SeqCst) {
            self.notify.notify_one();
        }
    }

    /// Announces a later [`SenderState::wake`]. By producers, after a push.
    #[inline]
    pub(in crate::sentry) fn wake_later(&self) {
        if !self.wakes_later.load(SeqCst) {
            // The sender may sleep for an hour by now: once, so that it learns of this.
            self.wakes_later.store(true, SeqCst);
            self.notify.notify_one();
        }
    }

    /// Whether the sender must find out by itself now and then that an envelope came.
    pub(super) fn wakes_later(&self) -> bool {
        self.wakes_later.load(SeqCst)
    }

    /// Completes when the sender is woken.
    pub(super) fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }

    /// The sender polls: producers need not wake it.
    pub(super) fn start_polling(&self) {
        self.polling.store(true, SeqCst);
    }

    /// The sender is about to sleep. It checks the outbox once more after this call.
    pub(super) fn stop_polling(&self) {
        self.polling.store(false, SeqCst);
    }

    /// Publishes the result of a round of the sender: `did_work`, whether anything `is_under_way`, and whether
    /// envelopes are `deferred`.
    pub(super) fn finish_round(&self, did_work: bool, is_under_way: bool, deferred: bool) {
        let is_idle = !did_work && !is_under_way;
        self.backing_off.store(is_idle && deferred, SeqCst);
        if is_idle {
            self.idle_rounds.fetch_add(1, SeqCst);
        }
    }

    /// The number of idle rounds so far.
    pub(in crate::sentry) fn idle_rounds(&self) -> u64 {
        self.idle_rounds.load(SeqCst)
    }

    /// Whether every envelope was deferred in the sender's last round.
    #[inline]
    pub(in crate::sentry) fn is_backing_off(&self) -> bool {
        self.backing_off.load(SeqCst)
    }

    /// Whether producers need not wake the sender.
    #[cfg(test)]
    pub(in crate::sentry) fn is_polling(&self) -> bool {
        self.polling.load(SeqCst)
    }

    /// Whether every envelope is deferred that was queued when [`SenderState::idle_rounds`] was `since`. A round that
    /// ran at that moment may have looked before the newest envelope came, so it is the next one that counts.
    pub(in crate::sentry) fn is_backing_off_since(&self, since: u64) -> bool {
        self.idle_rounds() > since + 1 && self.is_backing_off()
    }

    /// Counts a flush until the guard is dropped, and wakes the sender.
    pub(in crate::sentry) fn begin_flush(&self) -> FlushGuard<'_> {
        self.flushes.fetch_add(1, SeqCst);
        self.notify.notify_one();
        FlushGuard(self)
    }

    /// Whether a caller waits for an empty outbox.
    pub(super) fn is_flushing(&self) -> bool {
        self.flushes.load(SeqCst) > 0
    }

    pub(super) fn request_started(&self) {
        self.requests.fetch_add(1, SeqCst);
    }

    pub(super) fn request_finished(&self) {
        self.requests.fetch_sub(1, SeqCst);
    }

    /// Whether a request has no response yet.
    pub(in crate::sentry) fn has_requests(&self) -> bool {
        self.requests.load(SeqCst) > 0
    }

    pub(in crate::sentry) fn begin_shutdown(&self) {
        self.shutting_down.store(true, SeqCst);
    }

    pub(in crate::sentry) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(SeqCst)
    }

    /// Lets the sender start no further request.
    pub(in crate::sentry) fn close(&self) {
        self.closed.store(true, SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }
}

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        self.0.flushes.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_notified(state: &SenderState) -> bool {
        let woken = std::pin::pin!(state.woken());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        woken.poll(&mut context).is_ready()
    }

    #[test]
    fn first_producer_wakes_a_sleeping_sender() {
        let state = SenderState::default();
        state.wake();
        assert!(is_notified(&state));
        state.wake();
        assert!(!is_notified(&state), "it polls");
        state.stop_polling();
        state.wake();
        assert!(is_notified(&state));
    }

    #[test]
    fn producer_in_a_request_wakes_the_sender_once_then_at_its_end() {
        let state = SenderState::default();
        assert!(!state.wakes_later());
        state.wake_later();
        assert!(is_notified(&state) && state.wakes_later());
        state.wake_later();
        assert!(!is_notified(&state));
        state.wake();
        assert!(is_notified(&state));
    }

    #[test]
    fn idle_round_has_no_work_and_nothing_under_way() {
        let state = SenderState::default();
        for (did_work, is_under_way, idle) in
            [(true, false, 0), (false, true, 0), (false, false, 1)]
        {
            state.finish_round(did_work, is_under_way, true);
            assert_eq!(state.idle_rounds(), idle);
        }
        // The round that has ended may have begun before.
        assert!(!state.is_backing_off_since(0));
        state.finish_round(false, false, true);
        assert!(state.is_backing_off_since(0) && !state.is_backing_off_since(1));
        state.finish_round(false, false, false);
        assert!(!state.is_backing_off_since(0));
    }

    #[test]
    fn flush_wakes_the_sender_and_ends_with_its_guard() {
        let state = SenderState::default();
        let guard = state.begin_flush();
        assert!(state.is_flushing() && is_notified(&state));
        drop(guard);
        assert!(!state.is_flushing());
    }
}
