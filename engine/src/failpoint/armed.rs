//! The action that the environment sets, read once, at the first failpoint:
//!
//! * `PILLION_FAILPOINT=<name>[@<n>][:kill|stop|sleep-<ms>]`: the n-th time (default: the first) that this process
//!   reaches the failpoint, it kills itself (SIGKILL), stops itself (SIGSTOP), or sleeps;
//! * `PILLION_CLOCK_AHEAD=<seconds>`: its wall clock is that far ahead, so that grace periods are over.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The parsed value of `PILLION_FAILPOINT`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Armed {
    pub(super) name: &'static str,
    pub(super) nth: u64,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Kill,
    Stop,
    Sleep(Duration),
}

pub(super) fn parse(text: &str) -> Option<Armed> {
    let (point, action) = text.split_once(':').unwrap_or((text, "kill"));
    let (name, nth) = point.split_once('@').unwrap_or((point, "1"));
    Some(Armed {
        name: super::names().into_iter().find(|known| *known == name)?,
        nth: nth.parse().ok()?,
        action: match action.strip_prefix("sleep-") {
            Some(ms) => Action::Sleep(Duration::from_millis(ms.parse().ok()?)),
            None if action == "stop" => Action::Stop,
            None if action == "kill" => Action::Kill,
            None => return None,
        },
    })
}

pub(crate) fn run(name: &str) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let read = || {
        let text = std::env::var("PILLION_FAILPOINT").ok()?;
        let armed = parse(&text);
        // A mistyped name must not look like a failpoint that is never reached.
        if armed.is_none() {
            std::process::abort();
        }
        armed
    };
    let Some(armed) = ARMED.get_or_init(read) else {
        return;
    };
    if armed.name != name || COUNT.fetch_add(1, Ordering::Relaxed) + 1 != armed.nth {
        return;
    }
    match armed.action {
        Action::Sleep(time) => std::thread::sleep(time),
        Action::Stop => signal(libc::SIGSTOP),
        Action::Kill => signal(libc::SIGKILL),
    }
}

fn signal(signal: i32) {
    // SAFETY: takes numbers only; the signal goes to this process.
    unsafe { libc::kill(libc::getpid(), signal) };
}

pub(super) fn clock_offset_ms() -> u64 {
    static OFFSET: OnceLock<u64> = OnceLock::new();
    *OFFSET.get_or_init(|| {
        let seconds = std::env::var("PILLION_CLOCK_AHEAD").ok();
        let seconds: Option<u64> = seconds.and_then(|text| text.parse().ok());
        seconds.unwrap_or(0).saturating_mul(1000)
    })
}
