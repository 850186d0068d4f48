//! The directories that the processes of one host share. The host module finds those that are not set.

use std::path::PathBuf;

use super::super::row::{path, word};

settings! {
    /// The shared directories.
    pub struct HostSettings: Host, "" in "pillion." {
        /// Directory for files that outlive a restart of the service; unset: `$STATE_DIRECTORY`, else
        /// `/var/lib/pillion/<uid>`, else the XDG state folder.
        state_dir: Option<PathBuf> = path();
        /// Directory for files that running processes share, best on tmpfs; unset: `$RUNTIME_DIRECTORY`, else
        /// `/dev/shm/pillion-<uid>`, else inside `state_dir`; a directory that processes of this host already use is
        /// preferred.
        run_dir: Option<PathBuf> = path();
        /// Name or number of a group that shares both directories, for a web server, cron and console that run as
        /// different users; unset: only one user shares them.
        group: Option<String> = word();
    }
}
