//! The baseline of a thread: PHP state before the request, and the work on its changes. On PHP's thread.

use std::collections::VecDeque;

use pillion_engine::worker::residue::{Action, ResidueKind};

use super::{
    error_handlers::{HandlerKind, HandlerStack},
    ini::{ModifiedSettings, SettingChange},
    observed_calls::ObservedCalls,
    session::Session,
    stream_wrappers::{RestoreStep, WrapperTable},
    timezone::Timezone,
};
use crate::{engine, thread_state::thread_state};

/// In the order of [`Baseline::handlers`].
pub const HANDLER_KINDS: [HandlerKind; 2] = [HandlerKind::Error, HandlerKind::Exception];

thread_state! {
    /// The baseline of this script's loop, once it has waited for a request.
    pub(super) static BASELINE: Option<Box<Baseline>> = None;
}

/// The state before the request, and the work on its changes. The work lies here, and not on a frame, because
/// restoring may run PHP code, and PHP may jump over the frame.
pub struct Baseline {
    pub settings: ModifiedSettings,
    pub handlers: [HandlerStack; 2],
    pub timezone: Timezone,
    pub wrappers: WrapperTable,
    pub session: Session,
    /// No request has ended since the loop began.
    pub is_first_request: bool,
    /// Handlers of an earlier baseline, to be released.
    pub stale_handlers: Vec<HandlerStack>,
    /// Findings that are not logged yet.
    pub findings: Vec<Finding>,
    /// Settings to be restored.
    pub pending_settings: Vec<SettingChange>,
    /// Stream wrappers to be restored, step by step.
    pub pending_wrappers: VecDeque<RestoreStep>,
}

impl Baseline {
    pub fn capture(calls: &ObservedCalls) -> Self {
        Self {
            settings: ModifiedSettings::capture(),
            handlers: HANDLER_KINDS.map(HandlerStack::capture),
            timezone: Timezone::capture(),
            wrappers: WrapperTable::capture(calls),
            session: Session::find(),
            is_first_request: true,
            stale_handlers: Vec::new(),
            findings: Vec::new(),
            pending_settings: Vec::new(),
            pending_wrappers: VecDeque::new(),
        }
    }

    pub fn is_unchanged(&self) -> bool {
        self.settings.is_unchanged()
            && self.handlers.iter().all(HandlerStack::is_unchanged)
            && self.timezone.is_unchanged()
            && !self.session.is_open()
    }
}

/// State that a request has changed and left.
pub struct Finding {
    pub kind: ResidueKind,
    pub name: String,
    pub change: String,
    pub action: Action,
}

impl Baseline {
    /// Adds a finding, which the next [`super::report::log_findings`] reports.
    pub fn add_finding(
        &mut self,
        kind: ResidueKind,
        name: impl Into<String>,
        change: impl Into<String>,
        action: Action,
    ) {
        self.findings.push(Finding {
            kind,
            name: name.into(),
            change: change.into(),
            action,
        });
    }
}

/// The action for residue of a kind.
pub fn action(kind: ResidueKind) -> Action {
    let restored = engine::current().resolved().settings.worker.reset;
    let is_first_request = with_baseline(|baseline| baseline.is_first_request) == Some(true);
    kind.action(restored, is_first_request)
}

/// Runs `work` with the baseline of the calling thread; returns `None` if it has none.
pub fn with_baseline<R>(work: impl FnOnce(&mut Baseline) -> R) -> Option<R> {
    BASELINE.with(|baseline| baseline.as_deref_mut().map(work))
}
