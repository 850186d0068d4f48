//! What a request leaves of the process, which all threads share: told, and never put back. Of the first request it is
//! the application's own, as with the rest: Dotenv calls `putenv` where an application boots in its first request.

use pillion_engine::worker::residue::ResidueKind;

use super::observed_calls;
use super::{action, report::tell, with};
use crate::thread_state::Thread;

/// Looks at what the request's calls have changed.
#[cold]
pub fn look_at_the_process() {
    let (umask, locale) = Thread::with(|thread| {
        let calls = &mut thread.worker.observed_calls;
        (calls.take_umask(), calls.take_locale())
    });
    let note = |kind: ResidueKind, name: &str, what: String| {
        let action = action(kind);
        with(|before| before.note(kind, name, what, action));
    };
    if let Some((before, now)) = umask {
        note(
            ResidueKind::Umask,
            "umask",
            format!("{before:04o} to {now:04o}"),
        );
    }
    if let Some((before, now)) = locale {
        let what = locale_changes(&before.to_string_lossy(), &now.to_string_lossy());
        note(ResidueKind::Locale, "locale", what);
    }
    while let Some(variable) = observed_calls::take_variable() {
        if let Some(name) = variable {
            let name = String::from_utf8_lossy(&name);
            note(ResidueKind::Environment, &name, "changed".to_owned());
        }
    }
    tell();
}

/// The categories that have another locale: the system names all of them where they differ.
fn locale_changes(before: &str, now: &str) -> String {
    let was: Vec<_> = before.split(';').collect();
    let is_other = |part: &&str| match part.split_once('=') {
        Some((_, locale)) => !was.contains(part) && before != locale,
        None => true,
    };
    now.split(';')
        .filter(is_other)
        .collect::<Vec<_>>()
        .join(" ")
}
