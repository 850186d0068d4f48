//! The section `remote`: the gateway from which PHP gets binaries that other hosts have built, and to which it sends
//! its own.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{MINUTE, Row, duration, millis, path, required, secret, url},
    types::{Value, ValueType},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

/// The use of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteMode {
    /// None.
    Off,
    /// Binaries are read, and none is sent.
    Read,
    /// Binaries are read, and those that were built here are sent.
    #[default]
    ReadWrite,
}

impl RemoteMode {
    /// The word of the setting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }
}

settings! {
    /// The section `remote`.
    pub struct RemoteSettings: Remote, "remote." {
        /// The gateway of remote artifacts; unset: binaries stay on this machine.
        url: Option<ServerUrl> = url();
        /// Sent to the gateway as bearer token; unset: none is sent.
        token: Option<Secret> = secret();
        /// Use of the gateway: `read` gets a binary before it is built, `read-write` also sends the one that was
        /// built, `off` does neither. `pillion run` treats the results of tasks alike.
        mode: RemoteMode = mode("read-write");
        /// Time that a build waits for the gateway at most, the download included. `Artifacts\push()` and `pull()` wait
        /// so long for each answer.
        timeout: Duration = duration(millis(100), MINUTE.saturating_mul(10), "10s");
        /// PEM file with certificates to trust in addition to the system's; unset: only the system's.
        ca_file: Option<PathBuf> = path();
    } with {
        /// Locations from the environment.
        system_certificates: SystemCertificates,
    }
}

const fn mode(default: &'static str) -> Row<RemoteMode> {
    let words = &["off", "read", "read-write"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "off" => RemoteMode::Off,
            "read" => RemoteMode::Read,
            _ => RemoteMode::ReadWrite,
        }
    })
}
