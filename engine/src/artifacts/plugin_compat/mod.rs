//! The Velox plugin's own cache index, `index.json`: written for tools that read it, and read once so that its binaries
//! are kept.

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod plugin_index;
