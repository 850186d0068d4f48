//! One build: a slot of the host, attempts with pauses, and the storage of its binary.

pub(crate) mod attempt;
pub(crate) mod body;
pub(crate) mod build_slots;
pub(crate) mod client;
pub(crate) mod coordinator;
pub(crate) mod error;
pub(crate) mod executable;
pub(crate) mod leader_task;
pub(crate) mod open_beneath;
pub(crate) mod progress;
pub(crate) mod receive;
pub(crate) mod response;
pub(crate) mod retry;
pub(crate) mod server_file;
pub(crate) mod storage;
pub(crate) mod task;
