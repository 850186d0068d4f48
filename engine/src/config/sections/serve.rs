//! The section `serve`: the standing server of the host, which the command `pillion serve` runs. PHP reads none of it.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{HOUR, Row, SECOND, ZERO, duration, flag, number, path, required, word},
    types::{ListenAddress, Value, ValueType},
};

settings! {
    /// The section `serve`.
    pub struct ServeSettings: Serve, "serve." {
        /// Addresses of `pillion serve`, which reads `-d` in place of php.ini: ports, and sockets in the file system.
        listen: Vec<ListenAddress> = listen("127.0.0.1:9180");
        /// Mode of its sockets.
        socket_mode: u32 = mode("0660");
        /// Name or number of the group of its sockets, that of the front server; unset: the group of the process.
        socket_group: Option<String> = word();
        /// File with the token that clients of the metrics page send (`Authorization: Bearer …`), one line, read
        /// again when it changes; unset: none is required. Downloads need none: their URL is signed.
        token_file: Option<PathBuf> = path();
        /// Whether it listens on addresses beyond this machine without a token.
        allow_anonymous: bool = flag("off");
        /// Time that responses in progress get after SIGTERM; the next signal ends them. Clients that wait for a build
        /// get it after the build, which may take until velox.build_timeout.
        shutdown_timeout: Duration = duration(ZERO, HOUR, "30s");
        /// Time without progress after which a download ends, because its client reads nothing.
        write_timeout: Duration = duration(SECOND, HOUR, "60s");
        /// Connections at once; the next ones wait in the system's queue.
        max_connections: u32 = number(1, 1_000_000, "16384");
    }
}

const fn listen(default: &'static str) -> Row<Vec<ListenAddress>> {
    Row::new(ValueType::Listen, Some(default), required!(Listen))
}

const fn mode(default: &'static str) -> Row<u32> {
    Row::new(ValueType::FileMode, Some(default), required!(FileMode))
}
