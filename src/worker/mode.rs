//! The name of the runtime (`Worker\mode()`), found out when PHP asks for it, so that a request that does not ask pays
//! nothing. On PHP's threads.

use pillion_engine::worker::{
    Mode,
    request_state::{OpenedBy, RequestState},
};

use super::{
    runtimes::{self, Runtime},
    state,
};
use crate::{startup, thread_state::thread_state, zend::sapi};

thread_state! {
    /// Whether the script is a worker of FrankenPHP's; `None` if that is not known yet.
    static IS_FRANKENPHP_WORKER: Option<bool> = None;
}

/// The detected runtime, unless `CADDY_WORKER_MODE` overrides it.
#[must_use]
pub fn current() -> Mode {
    let is_roadrunner = runtimes::current() == Runtime::RoadRunner;
    Mode::from_sapi(
        sapi::name(),
        is_frankenphp_worker(),
        is_roadrunner,
        forced(),
    )
}

/// Whether requests share the memory of one script here, or `CADDY_WORKER_MODE` says so.
#[must_use]
pub fn is_worker() -> bool {
    forced().unwrap_or_else(|| current().is_worker() || state::is_loop())
}

/// Whether each request is a script of its own here, which ends with it. `CADDY_WORKER_MODE` does not change that.
#[must_use]
pub fn is_script_a_request() -> bool {
    match runtimes::current() {
        Runtime::Server | Runtime::Other => true,
        Runtime::FrankenPhp => !is_frankenphp_worker(),
        Runtime::Cli | Runtime::RoadRunner => false,
    }
}

/// `CADDY_WORKER_MODE`: of the request (`php_fastcgi { env … }`), else of the process.
fn forced() -> Option<bool> {
    const NAME: &str = "CADDY_WORKER_MODE";
    sapi::server_variable(NAME, |value| value.and_then(Mode::parse_worker_override)).or_else(|| {
        startup::environment_variable(NAME)
            .and_then(|text| Mode::parse_worker_override(text.as_bytes()))
    })
}

/// Whether the script is a loop by which FrankenPHP's worker mode serves requests. `CADDY_WORKER_MODE` does not change
/// that.
#[must_use]
pub fn is_frankenphp_worker() -> bool {
    if runtimes::current() != Runtime::FrankenPhp {
        return false;
    }
    let known = match state::current() {
        RequestState::Likely(OpenedBy::Handler) => Some(true),
        _ => IS_FRANKENPHP_WORKER.get(),
    };
    known.unwrap_or_else(|| {
        let found = sapi::server_variable("FRANKENPHP_WORKER", |value| value.is_some());
        IS_FRANKENPHP_WORKER.set(Some(found));
        found
    })
}

/// The script has served a request of FrankenPHP's worker mode.
pub(super) fn set_frankenphp_worker() {
    IS_FRANKENPHP_WORKER.set(Some(true));
}

/// A script starts. In RINIT.
pub(super) fn script_startup() {
    IS_FRANKENPHP_WORKER.set(None);
}
