//! Reports residue: logs each item once per process and counts every occurrence.

use pillion_engine::worker::{ResidueStats, residue::Action};

use super::baseline::{Finding, with_baseline};

/// The residue of all requests of this process.
pub static RESIDUE_STATS: ResidueStats = ResidueStats::new();

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
