//! Residue in state of the whole process: umask, locale, environment. It is reported and never restored, because
//! other threads may be using it. Changes of the first request are accepted, as with all residue: Dotenv calls
//! `putenv` where an application boots in its first request.

use pillion_engine::worker::residue::ResidueKind;

use super::{
    baseline::{action, with_baseline},
    observed_calls::{self, CALLS},
    report::log_findings,
};

/// Reports the state that the calls of the request have changed.
#[cold]
pub fn report_changes(request_id: fn() -> String) {
    let (umask, locale) = CALLS.with(|calls| (calls.take_umask(), calls.take_locale()));
    let add = |kind: ResidueKind, name: &str, change: String| {
        let action = action(kind);
        with_baseline(|baseline| baseline.add_finding(kind, name, change, action));
    };
    if let Some((before, now)) = umask {
        let change = format!("{before:04o} to {now:04o}");
        add(ResidueKind::Umask, "umask", change);
    }
    if let Some((before, now)) = locale {
        let change = locale_changes(&before.to_string_lossy(), &now.to_string_lossy());
        add(ResidueKind::Locale, "locale", change);
    }
    while let Some(variable) = observed_calls::take_variable() {
        if let Some(name) = variable {
            let name = String::from_utf8_lossy(&name);
            add(ResidueKind::Environment, &name, "changed".to_owned());
        }
    }
    log_findings(request_id);
}

/// The categories with a changed locale: the system lists all categories if they differ from each other.
fn locale_changes(before: &str, now: &str) -> String {
    let was: Vec<_> = before.split(';').collect();
    let has_changed = |part: &&str| match part.split_once('=') {
        Some((_, locale)) => !was.contains(part) && before != locale,
        None => true,
    };
    now.split(';')
        .filter(has_changed)
        .collect::<Vec<_>>()
        .join(" ")
}
