//! The options of a server, as its command line sets them. Pure data.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::build_cache::CacheLimits;
use crate::http::Tokens;

/// Options of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of builds and binaries, made if it is absent.
    pub dir: PathBuf,
    /// Builds at once; at least 1.
    pub max_builds: usize,
    /// Builds that wait beyond those; the next one fails with 503.
    pub max_queued: usize,
    /// Time limit of one build, without its time in the queue.
    pub build_timeout: Duration,
    /// Tokens that authorize clients; without any, every client is authorized.
    pub tokens: Tokens,
    /// Whether a `replace` may name a directory of this machine, whose contents can then be read out of a binary or an
    /// error.
    pub allow_local_replaces: bool,
    /// Limits of the cache.
    pub cache_limits: CacheLimits,
    /// The variables in which `go` is found, and of which it inherits some.
    pub environment: Vec<(OsString, OsString)>,
}
