//! The engine of this process: created from the settings and the environment of [`startup`] when it is first needed,
//! stopped in MSHUTDOWN, forgotten in a forked child. On PHP's threads.

use ext_php_rs::ffi::ext_php_rs_compiler_globals;
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
    zend::{ffi, sapi},
};

static ENGINE: ProcessCell<Engine> = ProcessCell::new();

/// The engine, created now if it does not exist.
#[inline]
#[must_use]
pub fn current() -> &'static Engine {
    match ENGINE.get() {
        Some(engine) => engine,
        None => create(),
    }
}

/// The engine, if it exists.
#[must_use]
pub fn existing() -> Option<&'static Engine> {
    ENGINE.get()
}

#[cold]
fn create() -> &'static Engine {
    ENGINE.get_or_init(|| {
        let startup = startup::get();
        logging::install(&log_settings(startup));
        Engine::new(
            startup.resolved.clone(),
            sapi::name(),
            startup.environment.clone(),
        )
    })
}

/// Reads the settings, and installs the hooks of the process. `after_fork` runs in forked children. In MINIT: opens
/// nothing, starts nothing.
pub fn module_startup(after_fork: fn()) -> &'static Resolved {
    fork::on_child(after_fork);
    install_crypto();
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        // The code that catches these returns an error.
        if threads::is_starting_thread() || message.is_some_and(threads::is_refusal) {
            return;
        }
        log::error!(
            message = message.unwrap_or("no message"),
            place = location.unwrap_or_default().as_str();
            "panic"
        );
    }));
    let startup = startup::read();
    if sapi::name() == "fpm-fcgi" {
        logging::set_fpm_master();
    }
    logging::install(&log_settings(startup));
    &startup.resolved
}

/// Returns the settings if a forked process has read them anew. In RINIT.
#[inline]
pub fn script_startup() -> Option<&'static Resolved> {
    let startup = startup::script_startup()?;
    logging::install(&log_settings(startup));
    Some(&startup.resolved)
}

/// The log settings. Commands on the console, such as cron jobs, must not print lines while all goes well: if neither
/// target nor level of the log is set, their level is `warn`. A RoadRunner worker is no command.
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
    if sapi::name() == "cli" && !is_set && !environment.contains_key("RR_MODE") {
        settings.level = settings.level.min(log::LevelFilter::Warn);
    }
    settings
}

/// Stops the engine. In MSHUTDOWN.
pub fn module_shutdown() {
    // SAFETY: MSHUTDOWN: no PHP code runs any more on any thread, so no reference exists.
    if let Some(engine) = unsafe { ENGINE.take() } {
        engine.stop();
    }
}

/// Runs in a forked child: atomics and plain system calls only.
pub fn after_fork() {
    ENGINE.forget();
    runtime::after_fork();
    logging::after_fork();
    metrics::after_fork();
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
