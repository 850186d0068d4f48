//! The door of this room for the fuzz targets in `fuzz/`: a client's request. Never in a product.

use crate::build::{
    rpc::messages,
    rpc::protocol::{BuildRequest, Refusal},
    validate::{self, Policy},
};

/// Decodes, checks, and words the refusal of a request.
pub fn request(bytes: &[u8]) {
    for decoded in [BuildRequest::from_json(bytes), messages::request(bytes)] {
        let refusal = match decoded {
            Ok(request) => Refusal::invalid(validate::check(&request, Policy::default())),
            Err(refusal) => refusal,
        };
        let body: Result<serde_json::Value, _> = serde_json::from_str(&refusal.body());
        assert!(body.is_ok());
        assert!(!messages::status(&refusal).is_empty());
    }
}
