//! Start and end of a PHP script, which every server API has. Whether the script is the request, or a loop that serves
//! many, depends on the runtime. On PHP's threads.

use pillion_engine::worker::Event;

use crate::worker::{request_id, runtimes, transition::advance};

/// A script has started. In RINIT.
pub fn started() {
    let _ = advance(Event::ScriptStarts(runtimes::current().script()));
    request_id::script_started();
}

/// A script has ended, be it by `exit()` or a fatal error. In RSHUTDOWN.
pub fn ended() {
    let _ = advance(Event::ScriptEnds);
}
