//! When a worker's loop is to end by itself, so that its process starts afresh. On PHP's thread.

use std::fmt;

/// What a loop may do; 0 everywhere: as long as the runtime lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopLimits {
    /// Requests it may serve; 0: any number.
    pub requests: u64,
    /// Bytes that PHP may hold from the system after a request; 0: any number.
    pub memory: u64,
}

/// Which of them is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopLimit {
    /// The number of requests.
    Requests,
    /// PHP's memory.
    Memory,
}

impl LoopLimits {
    /// Looks at a loop that has served so many requests, and whose PHP holds so many bytes.
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
    fn a_loop_ends_at_its_number_of_requests_and_beyond_its_memory() {
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
    fn without_limits_it_never_does() {
        assert_eq!(LoopLimits::default().reached(u64::MAX, usize::MAX), None);
    }
}
