//! The door of this room for the fuzz targets in `fuzz/`: a client's request. Never in a product.

use super::{
    protocol::{BuildRequest, Refusal},
    validate::{self, Policy},
};

/// Decodes, checks, and words the refusal of a request.
pub fn request(bytes: &[u8]) {
    let refusal = match BuildRequest::from_json(bytes) {
        Ok(request) => Refusal::invalid(validate::check(&request, Policy::default())),
        Err(refusal) => refusal,
    };
    let body: Result<serde_json::Value, _> = serde_json::from_str(&refusal.body());
    assert!(body.is_ok());
}
