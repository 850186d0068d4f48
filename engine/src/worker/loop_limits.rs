//! Limits after which a worker's loop ends by itself, so that its process is restarted. Runs on PHP's thread.

use std::fmt;

/// The limits of a loop; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopLimits {
    /// Requests that it serves.
    pub requests: u64,
    /// Bytes that PHP holds from the system after a request.
    pub memory: u64,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopLimit {
    /// The number of requests.
    Requests,
    /// PHP's memory.
    Memory,
}

impl LoopLimits {
    /// The limit that is reached after `served` requests, with `memory` bytes held.
    #[must_use]
    pub fn reached(self, served: u64, memory: usize) -> Option<LoopLimit> {
        if self.requests != 0 && served >= self.requests {
            return Some(LoopLimit::Requests);
        }
        (self.memory != 0 && memory as u64 > self.memory).then_some(LoopLimit::Memory)
    }
}

impl fmt::Display for LoopLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "requests",
            Self::Memory => "memory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_ends_at_its_requests_and_above_its_memory() {
        let limits = LoopLimits {
            requests: 3,
            memory: 100,
        };
        assert_eq!(limits.reached(2, 100), None);
        assert_eq!(limits.reached(2, 101), Some(LoopLimit::Memory));
        assert_eq!(limits.reached(3, 0), Some(LoopLimit::Requests));
        assert_eq!(limits.reached(4, 101), Some(LoopLimit::Requests));
    }

    #[test]
    fn a_loop_without_limits_never_ends() {
        assert_eq!(LoopLimits::default().reached(u64::MAX, usize::MAX), None);
    }
}
