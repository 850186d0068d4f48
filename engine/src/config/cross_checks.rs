//! What no single value can tell: settings that contradict each other, and combinations that work
//! but that somebody should know of.

use std::{io, path::Path};

use super::{
    duration,
    error::{Problem, Severity},
    secret::MASK,
    settings::Settings,
    table::{self, Capability},
};
use crate::tls;

/// Looks at the whole. `place` tells where the value of a setting came from.
pub(super) fn check(
    settings: &Settings,
    place: &dyn Fn(&table::Setting) -> String,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = |name: &str| table::find(name).map(place).unwrap_or_default();
    let velox = &settings.velox;
    let retry = &velox.retry;
    if retry.max_delay < retry.initial_delay {
        problems.push(Problem {
            place: at("velox.retry.max_delay"),
            value: duration::format(retry.max_delay),
            wrong: format!(
                "is less than {} of {}",
                duration::format(retry.initial_delay),
                at("velox.retry.initial_delay")
            ),
            right: "a first pause that is not longer than the longest one".into(),
            capability: Capability::Velox,
            severity: Severity::Error,
        });
    }
    let sentry = &settings.sentry;
    if sentry.max_backoff < sentry.initial_backoff {
        problems.push(Problem {
            place: at("sentry.retry.max_backoff"),
            value: duration::format(sentry.max_backoff),
            wrong: format!(
                "is less than {} of {}",
                duration::format(sentry.initial_backoff),
                at("sentry.retry.initial_backoff")
            ),
            right: "a first pause that is not longer than the longest one".into(),
            capability: Capability::Sentry,
            severity: Severity::Error,
        });
    }
    if let Some(auth) = &sentry.proxy_auth
        && !auth.expose().contains(':')
    {
        problems.push(Problem {
            place: at("sentry.transport.proxy_auth"),
            value: MASK.into(),
            wrong: "has no colon".into(),
            right: "user:password".into(),
            capability: Capability::Sentry,
            severity: Severity::Error,
        });
    }
    if let Some(url) = &velox.server_url
        && velox.auth_token.is_some()
        && url.is_clear_text()
    {
        problems.push(Problem {
            place: at("velox.server_url"),
            value: url.to_string(),
            wrong: format!(
                "sends the token of {} over the network in clear text",
                at("velox.auth_token")
            ),
            right: "an https URL, or a server on this machine".into(),
            capability: Capability::Velox,
            severity: Severity::Warning,
        });
    }
    problems
}

/// Files of certificates: found now, and not when the first connection fails.
pub(super) fn check_files(
    settings: &Settings,
    place: &dyn Fn(&table::Setting) -> String,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<Problem> {
    let files = [
        ("velox.ca_file", &settings.velox.ca_file, Capability::Velox),
        (
            "sentry.transport.ca_file",
            &settings.sentry.ca_file,
            Capability::Sentry,
        ),
    ];
    let wrong = |path: &Path| match read(path) {
        Err(error) => Some(format!("can't be read: {error}")),
        Ok(pem) => tls::certificates(pem.as_bytes()).err(),
    };
    let mut problems = Vec::new();
    for (name, path, capability) in files {
        let Some(path) = path else { continue };
        let Some(wrong) = wrong(path) else { continue };
        problems.push(Problem {
            place: table::find(name).map(place).unwrap_or_default(),
            value: path.display().to_string(),
            wrong,
            right: "a PEM file with CERTIFICATE blocks that PHP's user can read".into(),
            capability,
            severity: Severity::Error,
        });
    }
    problems
}
