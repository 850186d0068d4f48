//! Entry point for the fuzz target of a client's request in `fuzz/`. Never in a product.

use super::{
    rpc::{
        error::RpcError,
        grpc,
        messages::{request_from_json, request_from_proto},
    },
    validate::{self, Policy},
};

/// Decodes and validates a request, and encodes its error.
pub fn request(bytes: &[u8]) {
    for decoded in [request_from_json(bytes), request_from_proto(bytes)] {
        let error = match decoded {
            Ok(request) => RpcError::invalid(validate::check(&request, Policy::default())),
            Err(error) => error,
        };
        let json: Result<serde_json::Value, _> = serde_json::from_str(&error.to_json());
        assert!(json.is_ok());
        assert!(grpc::trailers(Some(&error)).contains_key("grpc-status-details-bin"));
    }
}
