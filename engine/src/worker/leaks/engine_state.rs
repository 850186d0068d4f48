//! PHP's own state at a check: loaded code, the collector, memory.

use super::subject::LoadedCode;

/// PHP's collector of cycles at a check.
#[derive(Debug, Clone, Copy, Default)]
pub struct GcState {
    /// How often it has run.
    pub runs: u64,
    /// Nothing waits for it, or it is switched off: every live value is referenced by another one or by PHP.
    pub has_no_garbage: bool,
}

/// PHP's state at a check, beside the subjects themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineState {
    /// The code that is loaded.
    pub loaded: LoadedCode,
    /// Code loaded since the last check that did not exist when the script began.
    pub generated: LoadedCode,
    /// Code has run for the first time since the last check.
    pub has_new_code: bool,
    /// PHP's collector of cycles.
    pub gc: GcState,
    /// Bytes of PHP's memory in use.
    pub memory: u64,
}
