//! The runtimes, one file each: it detects where the runtime's requests start and end, and reports that to
//! [`super::transition`]. Which runtime this is, is detected once, in MINIT.

pub(super) mod frankenphp;
pub(super) mod relay;
pub(super) mod relay_readers;
pub(super) mod roadrunner;
pub(super) mod script;

use std::sync::atomic::{AtomicU8, Ordering};

use pillion_engine::worker::Script;

use crate::zend::sapi;

/// What starts PHP and sends it requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Runtime {
    /// The command line.
    Cli,
    /// A RoadRunner worker: the command line with `RR_MODE` set.
    RoadRunner,
    /// FrankenPHP, with or without its worker mode.
    FrankenPhp,
    /// A server with one script for each request: php-fpm, PHP's own server, CGI, Apache, LiteSpeed.
    Server,
    /// Any other server API.
    Other,
}

static CURRENT: AtomicU8 = AtomicU8::new(Runtime::Other as u8);

/// Detects the runtime. In MINIT.
pub(super) fn detect() {
    let runtime = match sapi::name() {
        "cli" if sapi::has_environment(c"RR_MODE") => Runtime::RoadRunner,
        "cli" => Runtime::Cli,
        "frankenphp" => Runtime::FrankenPhp,
        "fpm-fcgi" | "cli-server" | "cgi-fcgi" | "apache2handler" | "litespeed" => Runtime::Server,
        _ => Runtime::Other,
    };
    CURRENT.store(runtime as u8, Ordering::Relaxed);
}

/// The runtime of this process.
#[inline]
#[must_use]
pub fn current() -> Runtime {
    use Runtime::{Cli, FrankenPhp, Other, RoadRunner, Server};
    let number = CURRENT.load(Ordering::Relaxed);
    [Cli, RoadRunner, FrankenPhp, Server]
        .into_iter()
        .find(|runtime| *runtime as u8 == number)
        .unwrap_or(Other)
}

impl Runtime {
    /// The kind of scripts that it runs.
    #[must_use]
    pub const fn script(self) -> Script {
        match self {
            Self::Server => Script::Request,
            Self::RoadRunner => Script::Loop,
            Self::Cli | Self::FrankenPhp | Self::Other => Script::Likely,
        }
    }
}
