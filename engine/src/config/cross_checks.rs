//! Cross-field validation: settings that contradict each other, and combinations that work but are probably a mistake.

use std::{io, path::Path, time::Duration};

use super::{
    error::{ConfigError, Severity, found},
    sections::{RetrySettings, SentrySettings, VeloxSettings},
    setting::{Capability, Setting},
    settings::Settings,
    types::duration,
};
use crate::{secret::MASK, tls};

/// Validates all settings together. `location` returns the location of a setting's value.
pub(super) fn check(
    settings: &Settings,
    location: &dyn Fn(&Setting) -> String,
) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let velox = &settings.velox;
    let retry = &velox.retry;
    if retry.max_delay < retry.initial_delay {
        errors.push(below_first_delay(
            location(&RetrySettings::max_delay.setting),
            retry.max_delay,
            &location(&RetrySettings::initial_delay.setting),
            retry.initial_delay,
            Capability::Velox,
        ));
    }
    let sentry = &settings.sentry;
    if sentry.max_backoff < sentry.initial_backoff {
        errors.push(below_first_delay(
            location(&SentrySettings::max_backoff.setting),
            sentry.max_backoff,
            &location(&SentrySettings::initial_backoff.setting),
            sentry.initial_backoff,
            Capability::Sentry,
        ));
    }
    if let Some(auth) = &sentry.proxy_auth
        && !auth.expose().contains(':')
    {
        errors.push(ConfigError {
            location: location(&SentrySettings::proxy_auth.setting),
            value: MASK.into(),
            found: found(MASK, "no colon"),
            expected: "user:password".into(),
            capability: Capability::Sentry,
            severity: Severity::Error,
        });
    }
    if let Some(url) = &velox.server_url
        && velox.auth_token.is_some()
        && url.is_clear_text()
    {
        let value = url.to_string();
        let reason = format!(
            "sends the token of {} over the network in clear text",
            location(&VeloxSettings::auth_token.setting)
        );
        errors.push(ConfigError {
            location: location(&VeloxSettings::server_url.setting),
            found: found(&value, &reason),
            value,
            expected: "an https URL, or a server on this machine".into(),
            capability: Capability::Velox,
            severity: Severity::Warning,
        });
    }
    errors
}

fn below_first_delay(
    location: String,
    delay: Duration,
    first_location: &str,
    first: Duration,
    capability: Capability,
) -> ConfigError {
    let value = duration::format(delay);
    let reason = format!("less than {} of {first_location}", duration::format(first));
    ConfigError {
        location,
        found: found(&value, &reason),
        value,
        expected: "a longest delay that is not below the first one".into(),
        capability,
        severity: Severity::Error,
    }
}

/// Validates certificate files at start, and not when the first connection fails.
pub(super) fn check_files(
    settings: &Settings,
    location: &dyn Fn(&Setting) -> String,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<ConfigError> {
    let files = [
        (
            VeloxSettings::ca_file,
            &settings.velox.ca_file,
            Capability::Velox,
        ),
        (
            SentrySettings::ca_file,
            &settings.sentry.ca_file,
            Capability::Sentry,
        ),
    ];
    let check = |path: &Path| match read(path) {
        Err(error) => Some(format!("can't be read: {error}")),
        Ok(pem) => tls::certificates(pem.as_bytes()).err(),
    };
    let mut errors = Vec::new();
    for (row, path, capability) in files {
        let Some(path) = path else { continue };
        let Some(reason) = check(path) else { continue };
        let value = path.display().to_string();
        errors.push(ConfigError {
            location: location(&row.setting),
            found: found(&value, &reason),
            value,
            expected: "a PEM file with CERTIFICATE blocks that PHP's user can read".into(),
            capability,
            severity: Severity::Error,
        });
    }
    errors
}
