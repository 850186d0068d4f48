//! Environment and settings as they are when PHP starts, before any code of a request runs: a request may change
//! both, and its changes must not reach later requests, which may be another tenant's. A child that a server has
//! forked (php-fpm) has its pool's variables and settings only after the fork, so it reads them anew when its first
//! script starts. On PHP's threads.

use std::{
    ffi::{CStr, c_char},
    sync::atomic::{AtomicBool, Ordering},
};

use pillion_engine::{
    config::{self, Resolved, Sources},
    engine::Environment,
    host::fork,
    runtime::ProcessCell,
};

use crate::{settings, zend::sapi};

/// Environment and settings of a process.
pub struct Startup {
    /// All variables.
    pub environment: Environment,
    /// All settings.
    pub resolved: Resolved,
    generation: u32,
}

static STARTUP: ProcessCell<Startup> = ProcessCell::new();

/// A script has started: [`STARTUP`] is final, in this process and in its forked children.
static IS_FINAL: AtomicBool = AtomicBool::new(false);

/// Reads both. In MINIT.
pub fn read() -> &'static Startup {
    IS_FINAL.store(false, Ordering::Relaxed);
    replace()
}

/// Environment and settings of this process.
#[must_use]
pub fn get() -> &'static Startup {
    STARTUP.get_or_init(Startup::now)
}

/// A variable of the environment as it was when PHP started.
#[must_use]
pub fn environment_variable(name: &str) -> Option<String> {
    get().environment.get(name).cloned()
}

/// Reads both anew at the first script of a process that was forked before any. In RINIT.
#[inline]
pub fn script_startup() -> Option<&'static Startup> {
    match IS_FINAL.load(Ordering::Relaxed) {
        true => None,
        false => first_script(),
    }
}

#[cold]
fn first_script() -> Option<&'static Startup> {
    // A preload script runs in php-fpm's master.
    if sapi::is_preloading() || IS_FINAL.swap(true, Ordering::Relaxed) {
        return None;
    }
    (get().generation != fork::generation()).then(replace)
}

fn replace() -> &'static Startup {
    // SAFETY: MINIT, or the first script of a forked process, which has one thread yet: no other code holds a
    // reference, because none outlives the call from PHP that obtained it.
    drop(unsafe { STARTUP.take() });
    get()
}

impl Startup {
    fn now() -> Self {
        let environment = environment();
        let mut resolved = config::resolve(&Sources {
            ini: &settings::get,
            env: &|name| environment.get(name).cloned(),
            read_file: &config::file::read,
            cwd: &std::env::current_dir().unwrap_or_default(),
        });
        resolved.check_variables(environment.keys().map(String::as_str));
        resolved.check_entries(settings::names_of_php_ini().iter().map(String::as_str));
        Self {
            environment,
            resolved,
            generation: fork::generation(),
        }
    }
}

/// The environment of the process. Looked up in the executable by name, because an extension's own `environ` is bound
/// to the C library's variable, which is not the one in use if the executable has a copy.
fn environment() -> Environment {
    let mut environment = Environment::new();
    // SAFETY: `environ` is a list of C strings that ends with null; no other thread changes it while PHP starts,
    // nor at the first script of a forked process.
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
