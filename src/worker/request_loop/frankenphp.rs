//! FrankenPHP's worker mode: `frankenphp_handle_request` waits for a request, calls the handler with it, and
//! says `false` when the worker is to stop. What the handler throws it answers with status 500 itself.

use ext_php_rs::ffi::IS_TRUE;
use pillion_engine::worker::LoopLimits;

use super::is_over;
use crate::zend::{arguments::Thrown, call, owned::OwnedZval, value};

/// See [`super::serve`].
pub fn serve(handler: &OwnedZval, limits: LoopLimits) -> Result<u64, Thrown> {
    let mut served = 0;
    loop {
        let handled = call::function("frankenphp_handle_request", &[*handler])?;
        if value::type_of(handled.value()) != IS_TRUE {
            return Ok(served);
        }
        served += 1;
        if is_over(limits, served) {
            return Ok(served);
        }
    }
}
