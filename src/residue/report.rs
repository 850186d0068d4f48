//! Reports residue: logs each item once per process and counts every occurrence.

use pillion_engine::worker::residue::{Action, ResidueKind};

use super::{Baseline, RESIDUE_STATS, with_baseline};

/// State that a request has changed and left.
pub struct Finding {
    kind: ResidueKind,
    name: String,
    change: String,
    action: Action,
}

impl Baseline {
    /// Adds a finding, which the next [`log_findings`] reports.
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

/// Counts the findings for `Worker\status()`, and logs those that are new. Values of settings and variables are
/// never logged: they may be passwords. `request_id` returns the id of the request for the log.
pub fn log_findings(request_id: fn() -> String) {
    let findings = with_baseline(|baseline| std::mem::take(&mut baseline.findings));
    for finding in findings.unwrap_or_default() {
        let Finding {
            kind,
            name,
            change,
            action,
        } = finding;
        if !RESIDUE_STATS.count(kind, name.as_bytes(), action) {
            continue;
        }
        let level = match action {
            Action::Reported => log::Level::Warn,
            Action::Accepted | Action::Restored => log::Level::Info,
        };
        log::log!(
            level,
            kind = kind.name(),
            name = name.as_str(),
            what = change.as_str(),
            fate = action.name(),
            request_id = request_id().as_str();
            "left behind"
        );
    }
}
