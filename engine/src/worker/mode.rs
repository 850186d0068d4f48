//! The runtimes, detected from PHP's server API and the environment.

use std::fmt;

/// The runtimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A worker script of FrankenPHP.
    FrankenPhpWorker,
    /// FrankenPHP, one script a request.
    FrankenPhp,
    /// A PHP worker of RoadRunner.
    RoadRunner,
    /// php-fpm.
    Fpm,
    /// The command line.
    Cli,
    /// PHP's own development server.
    CliServer,
    /// Anything else.
    Other,
}

impl Mode {
    /// The runtime of a server API. `is_worker`: FrankenPHP runs a worker script; `has_relay`: RoadRunner's `RR_MODE`
    /// is set; `worker_override`: `CADDY_WORKER_MODE`, which forces worker mode on or off.
    #[must_use]
    pub fn from_sapi(
        sapi: &str,
        is_worker: bool,
        has_relay: bool,
        worker_override: Option<bool>,
    ) -> Self {
        match sapi {
            "frankenphp" if worker_override.unwrap_or(is_worker) => Self::FrankenPhpWorker,
            "frankenphp" => Self::FrankenPhp,
            "cli" if has_relay && worker_override != Some(false) => Self::RoadRunner,
            "cli" => Self::Cli,
            "fpm-fcgi" => Self::Fpm,
            "cli-server" => Self::CliServer,
            _ => Self::Other,
        }
    }

    /// Whether requests of this runtime share a process's memory.
    #[must_use]
    pub const fn is_worker(self) -> bool {
        matches!(self, Self::FrankenPhpWorker | Self::RoadRunner)
    }

    /// Parses `CADDY_WORKER_MODE`: `true` and `false` only, as in its source.
    #[must_use]
    pub fn parse_worker_override(text: &[u8]) -> Option<bool> {
        match text {
            text if text.eq_ignore_ascii_case(b"true") => Some(true),
            text if text.eq_ignore_ascii_case(b"false") => Some(false),
            _ => None,
        }
    }

    /// All runtimes, in the order of their codes.
    const ALL: [Self; 7] = [
        Self::FrankenPhpWorker,
        Self::FrankenPhp,
        Self::RoadRunner,
        Self::Fpm,
        Self::Cli,
        Self::CliServer,
        Self::Other,
    ];

    /// The code in the worker registry, which never changes.
    #[must_use]
    pub fn code(self) -> u64 {
        Self::ALL
            .iter()
            .position(|mode| *mode == self)
            .unwrap_or_default() as u64
    }

    /// The runtime of a code; [`Self::Other`] for that of a later version.
    #[must_use]
    pub fn from_code(number: u64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number).copied())
            .unwrap_or(Self::Other)
    }

    /// The name that PHP sees.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FrankenPhpWorker => "frankenphp-worker",
            Self::FrankenPhp => "frankenphp",
            Self::RoadRunner => "roadrunner",
            Self::Fpm => "fpm",
            Self::Cli => "cli",
            Self::CliServer => "cli-server",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runtime_has_its_name() {
        for (sapi, worker, relay, name) in [
            ("frankenphp", true, false, "frankenphp-worker"),
            ("frankenphp", false, false, "frankenphp"),
            ("cli", false, true, "roadrunner"),
            ("cli", false, false, "cli"),
            ("fpm-fcgi", false, true, "fpm"),
            ("cli-server", false, false, "cli-server"),
            ("apache2handler", false, false, "other"),
        ] {
            assert_eq!(Mode::from_sapi(sapi, worker, relay, None).name(), name);
        }
    }

    #[test]
    fn caddy_worker_mode_overrides_the_runtime() {
        assert_eq!(
            Mode::from_sapi("frankenphp", true, false, Some(false)),
            Mode::FrankenPhp
        );
        assert_eq!(
            Mode::from_sapi("frankenphp", false, false, Some(true)),
            Mode::FrankenPhpWorker
        );
        assert_eq!(Mode::from_sapi("cli", false, true, Some(false)), Mode::Cli);
        assert_eq!(Mode::parse_worker_override(b"TRUE"), Some(true));
        assert_eq!(Mode::parse_worker_override(b"false"), Some(false));
        assert_eq!(Mode::parse_worker_override(b"1"), None);
    }
}
