//! The part of worker mode that needs no PHP: where a request begins and ends, its id, the runtime, statistics. The
//! extension reports events and applies the effects.
//!
//! * [`request_state`] the state machine of one PHP thread.
//! * [`request_id`] ids that come with a request, and those that are made.
//! * [`mode`] the runtimes by name.
//! * [`hooks`] reset hooks in their order.
//! * [`residue`] kinds of residue, their actions and counts.
//! * [`loop_limits`] limits after which a loop ends by itself.
//! * [`leaks`] state that grows from request to request.
//! * [`registry`] all workers of the host, in a segment.
//! * [`trend`] the trend of a loop's memory.
//! * [`goridge_frames`] RoadRunner's frames.
//! * [`request_stats`] counts and durations of requests, for the process and for the host.

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
pub use residue::ResidueStats;
pub use trend::MemoryTrend;
