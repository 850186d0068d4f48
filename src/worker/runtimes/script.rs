//! Start and end of a PHP script, as every server API has them. Whether the script is the request, or a
//! loop that serves many, depends on the server API.

use std::sync::atomic::{AtomicU8, Ordering};

use pillion_engine::worker::{Event, Script};

use crate::worker::{Local, reset_hooks, tell};
use crate::{engine, thread_state::Thread, zend::sapi};

/// What scripts are here; 0: nobody has looked yet.
static KIND: AtomicU8 = AtomicU8::new(0);

/// The script starts. In RINIT; while preloading there is neither a script nor a request.
pub fn starts() {
    if sapi::is_preloading() {
        return;
    }
    Thread::with(|thread| {
        let ended = thread.worker.ended;
        thread.worker = Local {
            ended,
            ..Local::default()
        };
    });
    let _ = tell(Event::ScriptStarts(kind()));
    if crate::worker::is_logged() {
        // At the script's end PHP may have no memory left to find it out.
        let _ = crate::worker::identity::known_id();
    }
}

/// The script ends, however it does. In RSHUTDOWN.
pub fn ends() {
    reset_hooks::script_ends();
    let _ = tell(Event::ScriptEnds);
    reset_hooks::release_all();
}

/// What scripts are here.
pub fn kind() -> Script {
    match KIND.load(Ordering::Relaxed) {
        1 => Script::Request,
        2 => Script::Likely,
        3 => Script::Loop,
        _ => {
            let (kind, number) = look();
            KIND.store(number, Ordering::Relaxed);
            kind
        }
    }
}

/// `php -S` and php-fpm can't loop; any other script may.
fn look() -> (Script, u8) {
    match engine::sapi().as_str() {
        "fpm-fcgi" | "cli-server" | "cgi-fcgi" | "apache2handler" | "litespeed" => {
            (Script::Request, 1)
        }
        "cli" if super::roadrunner::is_installed() => (Script::Loop, 3),
        _ => (Script::Likely, 2),
    }
}
