//! FrankenPHP's worker mode: `frankenphp_handle_request` waits for a request, calls the handler with it, and returns
//! `false` when the worker has to stop. It answers with status 500 itself if the handler throws. On PHP's threads.

use ext_php_rs::ffi::IS_TRUE;
use pillion_engine::worker::LoopLimits;

use super::limits::is_reached;
use crate::zend::{arguments::Thrown, call, owned::OwnedZval, value};

/// Serves requests until FrankenPHP stops the worker, or a limit is reached; returns their number.
///
/// # Errors
/// FrankenPHP has thrown.
pub fn serve(handler: &OwnedZval, limits: LoopLimits) -> Result<u64, Thrown> {
    let mut served = 0;
    loop {
        let handled = call::function("frankenphp_handle_request", &[*handler])?;
        if value::type_of(handled.value()) != IS_TRUE {
            return Ok(served);
        }
        served += 1;
        if is_reached(limits, served) {
            return Ok(served);
        }
    }
}
