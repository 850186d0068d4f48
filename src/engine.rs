//! The extension's one pointer to what the process has of Pillion, and the way to it. It is made from the settings
//! and the environment of [`startup`], whenever it is first needed.

use std::ffi::CStr;

use ext_php_rs::ffi::{ext_php_rs_compiler_globals, ext_php_rs_sapi_module};
use pillion_engine::{
    Error, Result,
    config::{LogSettings, Resolved, Source},
    engine::Engine,
    host::fork,
    http_client::install_crypto,
    logging, metrics,
    runtime::{self, ProcessCell},
    threads,
};

use crate::{
    startup::{self, Startup},
    worker,
    zend::ffi,
};

static PROCESS: ProcessCell<Engine> = ProcessCell::new();

/// What the process has; made now where nothing was needed before.
#[inline]
#[must_use]
pub fn current() -> &'static Engine {
    match PROCESS.get() {
        Some(process) => process,
        None => make(),
    }
}

/// What the process has, where something has been needed already.
#[must_use]
pub fn existing() -> Option<&'static Engine> {
    PROCESS.get()
}

#[cold]
fn make() -> &'static Engine {
    PROCESS.get_or_init(|| {
        let startup = startup::get();
        logging::install(&log_settings(startup));
        Engine::new(
            startup.resolved.clone(),
            &sapi(),
            startup.environment.clone(),
        )
    })
}

/// Prepares for the first use. In MINIT: opens nothing, starts nothing.
pub fn prepare() -> &'static Resolved {
    fork::on_child(after_fork);
    install_crypto();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        // It becomes an error where it is caught.
        if threads::is_starting_thread() || message.is_some_and(threads::is_refusal) {
            return;
        }
        log::error!(
            message = message.unwrap_or("no message"),
            place = place.unwrap_or_default().as_str();
            "panic"
        );
    }));
    let startup = startup::read();
    if sapi() == "fpm-fcgi" {
        logging::set_fpm_master();
    }
    logging::install(&log_settings(startup));
    &startup.resolved
}

/// Settings that a forked process has beside those of its module's start, in force from now on. In RINIT.
#[inline]
pub fn request_starts() -> Option<&'static Resolved> {
    let startup = startup::request_starts()?;
    logging::install(&log_settings(startup));
    Some(&startup.resolved)
}

/// A command on the console, such as a cron job, prints nothing of ours while all goes well: where neither the target
/// nor the level of the log is set, its level is `warn`. A worker of RoadRunner's is no command.
fn log_settings(startup: &Startup) -> LogSettings {
    let Startup {
        environment,
        resolved,
        ..
    } = startup;
    let mut settings = resolved.settings.log.clone();
    let is_set = resolved
        .values
        .iter()
        .any(|value| matches!(value.name, "log" | "log_level") && value.source != Source::Default);
    if sapi() == "cli" && !is_set && !environment.contains_key("RR_MODE") {
        settings.level = settings.level.min(log::LevelFilter::Warn);
    }
    settings
}

/// Stops everything. In MSHUTDOWN.
pub fn end() {
    // SAFETY: MSHUTDOWN: no PHP code runs any more on any thread, so nobody holds a reference.
    if let Some(process) = unsafe { PROCESS.take() } {
        process.stop();
    }
}

/// Runs in a forked child: atomics and plain system calls only.
fn after_fork() {
    PROCESS.forget();
    runtime::after_fork();
    logging::after_fork();
    metrics::after_fork();
    worker::after_fork();
}

/// A variable of the process's environment, as it was when PHP started.
#[must_use]
pub fn environment_variable(name: &str) -> Option<String> {
    startup::get().environment.get(name).cloned()
}

/// The number of the thread that calls, as the system has it.
#[must_use]
pub fn thread_id() -> i64 {
    // SAFETY: takes nothing and can't fail.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

/// The name of the server API: `cli`, `fpm-fcgi`, `frankenphp`.
#[must_use]
pub fn sapi() -> String {
    // SAFETY: the module's name is a C string that lives as long as the process.
    unsafe {
        match ext_php_rs_sapi_module().as_ref() {
            Some(module) if !module.name.is_null() => {
                CStr::from_ptr(module.name).to_string_lossy().into_owned()
            }
            _ => "unknown".to_owned(),
        }
    }
}

/// Refuses background work while a preload script runs: php-fpm's master would be left with threads.
///
/// # Errors
/// [`Error::State`].
pub fn refuse_preloading() -> Result<()> {
    // SAFETY: this thread's compiler globals.
    let preloading = unsafe { (*ext_php_rs_compiler_globals()).compiler_options & ffi::PRELOADING };
    if preloading == 0 {
        return Ok(());
    }
    Err(Error::State(
        "background work can't start from a preload script (opcache.preload)".into(),
    ))
}
