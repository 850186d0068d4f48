//! The extension's one pointer to what the process has of Pillion, and the way to it. Settings are
//! read when the pointer is first needed: php-fpm gives a pool its `php_admin_value`s after MINIT.

use std::ffi::{CStr, CString, c_char};

use ext_php_rs::ffi::{ext_php_rs_compiler_globals, ext_php_rs_sapi_module};
use pillion_engine::{
    Error, Result,
    config::{self, Resolved, Sources},
    host::fork,
    logging, metrics,
    net::install_crypto,
    process::{Environment, Process},
    runtime::{self, Slot},
};

use crate::{boundary, ini, zend::raw};

static PROCESS: Slot<Process> = Slot::new();

/// Under ZTS the environment is read in MINIT only: FrankenPHP's `putenv` changes it from any thread. No
/// lock, because a child may be forked while another thread reads.
static ENVIRONMENT: Slot<Environment> = Slot::new();

/// What the process has; made now where nothing was needed before.
#[inline]
#[must_use]
pub fn current() -> &'static Process {
    match PROCESS.get() {
        Some(process) => process,
        None => make(),
    }
}

/// What the process has, where something has been needed already.
#[must_use]
pub fn existing() -> Option<&'static Process> {
    PROCESS.get()
}

#[cold]
fn make() -> &'static Process {
    PROCESS.get_or_make(|| {
        let environment = environment();
        let resolved = resolve(&environment);
        logging::install(&resolved.settings.log);
        Process::new(resolved, &sapi(), environment)
    })
}

/// Prepares for the first use. In MINIT: opens nothing, starts nothing.
pub fn prepare() -> Resolved {
    fork::on_child(after_fork);
    install_crypto();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        log::error!(
            message = message.unwrap_or("no message"),
            place = place.unwrap_or_default().as_str();
            "panic"
        );
    }));
    let environment = read_environment();
    let resolved = resolve(&environment);
    if cfg!(php_zts) {
        // SAFETY: MINIT: no PHP code runs yet on any thread, so nobody reads the one before.
        drop(unsafe { ENVIRONMENT.take() });
        ENVIRONMENT.get_or_make(|| environment);
    }
    if sapi() == "fpm-fcgi" {
        logging::be_master();
    }
    logging::install(&resolved.settings.log);
    resolved
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
    boundary::after_fork();
}

fn environment() -> Environment {
    ENVIRONMENT.get().cloned().unwrap_or_else(read_environment)
}

/// A variable of the process's environment, as it was when PHP started where there are threads.
#[must_use]
pub fn environment_variable(name: &str) -> Option<String> {
    if let Some(environment) = ENVIRONMENT.get() {
        return environment.get(name).cloned();
    }
    let name = CString::new(name).ok()?;
    // SAFETY: a C string; without threads nobody else changes the environment meanwhile.
    unsafe {
        let text = libc::getenv(name.as_ptr());
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// The number of the thread that calls, as the system has it.
#[must_use]
pub fn thread_id() -> i64 {
    // SAFETY: takes nothing and can't fail.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

/// The process' environment. Asked of the executable by name, because PHP binds an extension's own
/// `environ` to the C library's word, which is not the one in use where the executable has a copy.
fn read_environment() -> Environment {
    let mut environment = Environment::new();
    // SAFETY: `environ` is a list of C strings that ends with null; nobody changes it while PHP starts,
    // and later it is read on builds without threads only.
    unsafe {
        let executable = libc::dlopen(std::ptr::null(), libc::RTLD_LAZY);
        let found = libc::dlsym(executable, c"environ".as_ptr());
        let Some(mut list) = found.cast::<*const *const c_char>().as_ref().copied() else {
            return environment;
        };
        while let Some(entry) = list.as_ref().filter(|entry| !entry.is_null()) {
            let text = CStr::from_ptr(*entry).to_string_lossy();
            if let Some((name, value)) = text.split_once('=') {
                environment.insert(name.to_owned(), value.to_owned());
            }
            list = list.add(1);
        }
    }
    environment
}

fn resolve(environment: &Environment) -> Resolved {
    config::resolve(&Sources {
        ini: &ini::get,
        env: &|name| environment.get(name).cloned(),
        read_file: &config::file::read,
        cwd: &std::env::current_dir().unwrap_or_default(),
    })
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
    let preloading = unsafe { (*ext_php_rs_compiler_globals()).compiler_options & raw::PRELOADING };
    if preloading == 0 {
        return Ok(());
    }
    Err(Error::State(
        "background work can't start from a preload script (opcache.preload)".into(),
    ))
}
