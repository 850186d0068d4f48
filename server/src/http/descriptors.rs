//! The limit of open files, and the connections that it allows. Called by the task that starts a server.

use rustix::process::{Resource, getrlimit};

/// Descriptors of a connection: its socket, and the file of its upload or download.
const OF_CONNECTION: u64 = 2;
/// Descriptors of the process itself: listeners, logs, clients of the storage, the runtime.
const OF_PROCESS: u64 = 64;

/// The connections that a listener may admit: `configured`, or what the descriptors of the process suffice for when
/// `listeners` have as many each. A connection beyond would be accepted, and each of its requests would fail.
#[must_use]
pub fn admitted_connections(configured: u32, listeners: usize) -> u32 {
    let limit = getrlimit(Resource::Nofile).current;
    let admitted = admitted(configured, listeners, limit);
    if admitted < configured {
        log::warn!(
            descriptors = limit.unwrap_or_default(),
            configured = configured,
            admitted = admitted;
            "connections limited by the descriptors of the process"
        );
    }
    admitted
}

fn admitted(configured: u32, listeners: usize, descriptors: Option<u64>) -> u32 {
    let Some(descriptors) = descriptors else {
        return configured;
    };
    let listeners = u64::try_from(listeners.max(1)).unwrap_or(u64::MAX);
    let possible = descriptors.saturating_sub(OF_PROCESS) / OF_CONNECTION / listeners;
    u32::try_from(possible.max(1)).map_or(configured, |possible| configured.min(possible))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_by_descriptors() {
        for (configured, listeners, descriptors, expected) in [
            (512, 1, None, 512),
            (512, 1, Some(1_048_576), 512),
            (512, 1, Some(1024), 480),
            (512, 2, Some(1024), 240),
            (100, 2, Some(1024), 100),
            (512, 1, Some(10), 1),
            (512, 1, Some(u64::MAX), 512),
        ] {
            let found = admitted(configured, listeners, descriptors);
            assert_eq!(found, expected, "{configured} {listeners} {descriptors:?}");
        }
    }
}
