//! The platform of this host, by Go's names (`GOOS`, `GOARCH`).

use super::request::Platform;

impl Platform {
    /// Returns this host's platform.
    #[must_use]
    pub fn host() -> Self {
        Self {
            os: host_os().to_owned(),
            arch: host_arch().to_owned(),
        }
    }
}

/// Returns this host's operating system as a `GOOS` value.
pub(super) fn host_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// Returns this host's processor as a `GOARCH` value.
pub(super) fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "loongarch64" => "loong64",
        "powerpc64" => {
            if cfg!(target_endian = "little") {
                "ppc64le"
            } else {
                "ppc64"
            }
        }
        other => other,
    }
}
