//! Wakes Sentry's sender at the end of the request that has queued an envelope: the wake-up is a system call, and a
//! client waits for the request. Outside of requests nobody does. On PHP's threads.

use pillion_engine::sentry::Sentry;

use super::state;
use crate::{engine, thread_state::thread_state};

thread_state! {
    /// Whether the request in progress has queued an envelope and woken nobody.
    static IS_LEFT: bool = false;
}

/// An envelope was queued.
#[inline]
pub fn after_push(sentry: &Sentry) {
    if state::is_in_request() {
        sentry.wake_later();
        IS_LEFT.set(true);
    } else {
        sentry.wake();
    }
}

/// The request has ended. After a fork, in a child that has queued nothing, there is no sender to wake.
#[inline]
pub(super) fn request_ended() {
    if IS_LEFT.replace(false)
        && let Some(sentry) = engine::existing().and_then(|engine| engine.opened_sentry())
    {
        sentry.wake();
    }
}
