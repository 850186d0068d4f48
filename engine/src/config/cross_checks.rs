//! Cross-field validation: settings that contradict each other, and combinations that work but are probably a mistake.

use std::{io, path::Path};

use super::{
    error::{ConfigError, Severity},
    sections::{
        CacheSettings, RemoteSettings, RetrySettings, S3Settings, SentrySettings, VeloxSettings,
    },
    setting::Setting,
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
    let mut refuse = |setting: &Setting, value: String, reason: &str, expected| {
        let error = ConfigError::contradiction(setting, location(setting), value, reason, expected);
        errors.push(error);
    };
    let Settings {
        velox,
        sentry,
        remote,
        ..
    } = settings;
    let retry = &velox.retry;
    for (longest, delay, first, first_delay) in [
        (
            &RetrySettings::max_delay.setting,
            retry.max_delay,
            &RetrySettings::initial_delay.setting,
            retry.initial_delay,
        ),
        (
            &SentrySettings::max_backoff.setting,
            sentry.max_backoff,
            &SentrySettings::initial_backoff.setting,
            sentry.initial_backoff,
        ),
    ] {
        if delay < first_delay {
            let bound = duration::format(first_delay);
            refuse(
                longest,
                duration::format(delay),
                &format!("less than {bound} of {}", location(first)),
                "a longest delay that is not below the first one",
            );
        }
    }
    if let Some(auth) = &sentry.proxy_auth
        && !auth.expose().contains(':')
    {
        let setting = &SentrySettings::proxy_auth.setting;
        refuse(setting, MASK.into(), "no colon", "user:password");
    }
    for (url, url_setting, token, token_setting) in [
        (
            &velox.server_url,
            &VeloxSettings::server_url.setting,
            &velox.auth_token,
            &VeloxSettings::auth_token.setting,
        ),
        (
            &remote.url,
            &RemoteSettings::url.setting,
            &remote.token,
            &RemoteSettings::token.setting,
        ),
    ] {
        let Some(url) = url.as_ref().filter(|url| url.is_clear_text()) else {
            continue;
        };
        if token.is_some() {
            let token = location(token_setting);
            let mut warning = ConfigError::contradiction(
                url_setting,
                location(url_setting),
                url.to_string(),
                &format!("sends the token of {token} over the network in clear text"),
                "an https URL, or a server on this machine",
            );
            warning.severity = Severity::Warning;
            errors.push(warning);
        }
    }
    errors
}

/// Validates certificate files at start, and not when the first connection fails.
pub(super) fn check_files(
    settings: &Settings,
    location: &dyn Fn(&Setting) -> String,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<ConfigError> {
    let check = |setting: &Setting, path: &Path| {
        let reason = match read(path) {
            Err(error) => format!("can't be read: {error}"),
            Ok(pem) => tls::certificates(pem.as_bytes()).err()?,
        };
        Some(ConfigError::contradiction(
            setting,
            location(setting),
            path.display().to_string(),
            &reason,
            "a PEM file with CERTIFICATE blocks that PHP's user can read",
        ))
    };
    let velox = (&VeloxSettings::ca_file.setting, &settings.velox.ca_file);
    let sentry = (&SentrySettings::ca_file.setting, &settings.sentry.ca_file);
    let cache = (&CacheSettings::ca_file.setting, &settings.cache.ca_file);
    let s3 = (&S3Settings::ca_file.setting, &settings.gateway.s3.ca_file);
    let remote = (&RemoteSettings::ca_file.setting, &settings.remote.ca_file);
    [velox, sentry, cache, s3, remote]
        .into_iter()
        .filter_map(|(setting, path)| check(setting, path.as_deref()?))
        .collect()
}
