//! What is pure about worker mode: where a request begins and ends, its id, what the runtime is called,
//! and the figures of a process. The extension feeds events in and does what comes out.
//!
//! * [`request_state`] the state machine of one PHP thread.
//! * [`request_id`] ids that come with a request, and those that are made.
//! * [`mode`] the names of the runtimes.
//! * [`hooks`] what runs after each request, in its order.
//! * [`residue`] what requests leave behind: kinds, counts, what was told.
//! * [`loop_limits`] when a loop ends by itself.
//! * [`leaks`] what grows from request to request.
//! * [`registry`] all workers of the host, in a segment.
//! * [`trend`] where the memory of a loop is going.
//! * [`goridge_frames`] RoadRunner's requests, as a worker reads them.
//! * [`request_stats`] counts and durations of all threads of a process.

pub mod goridge_frames;
pub mod hooks;
pub mod leaks;
pub mod loop_limits;
pub mod mode;
pub mod registry;
pub mod request_id;
pub mod request_state;
pub mod request_stats;
pub mod residue;
pub mod trend;

pub use goridge_frames::FrameParser;
pub use hooks::HookList;
pub use loop_limits::LoopLimits;
pub use mode::Mode;
pub use registry::WorkerRegistry;
pub use request_state::{Effects, Event, RequestStateError, RequestTracker, Script};
pub use request_stats::RequestStats;
pub use residue::ResidueStats;
pub use trend::MemoryTrend;
