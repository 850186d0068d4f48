//! One build. Read from top to bottom: `coordinator` joins the host's flight, `leader_task` leads it, `task` acquires a
//! build slot and makes attempts (`retries` decides on the next one, by `error` and `backoff`), `attempt` asks the
//! server (`client`, `response`), receives its binary (`server_file`, `open_beneath`, `executable`; `body`,
//! `body_decoder`) and stores it (`storage`). `remote` comes before all of it. `context` holds
//! the parts that all builds of a process share.

use std::sync::Arc;

use super::{keys::config_keys::ConfigKeys, protocol::request::BuildRequest};

mod attempt;
mod backoff;
pub(super) mod body;
pub(super) mod body_decoder;
pub(super) mod build_slots;
pub(super) mod client;
pub(super) mod context;
pub(super) mod coordinator;
pub(super) mod error;
mod error_body;
pub(super) mod executable;
pub(super) mod leader_task;
mod open_beneath;
pub(super) mod remote;
pub(super) mod response;
mod retries;
pub(super) mod server_file;
mod storage;
mod task;

/// A configuration to build.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) request: Arc<BuildRequest>,
    pub(super) keys: ConfigKeys,
    /// Build even if the cache has an artifact.
    pub(super) forced: bool,
}
