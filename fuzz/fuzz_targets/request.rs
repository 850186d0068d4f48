//! A build request: from JSON to its names, and to what goes to the server; and the same bytes as a request to ours.
#![no_main]

use pillion_engine::velox::{ConfigKeys, Request, mutable_ref};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pillion_server::build::fuzzing::request(bytes);
    let Ok(tree) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(request) = Request::from_json(&tree) else {
        return;
    };
    let keys = ConfigKeys::of(&request);
    let canonical: Value = serde_json::from_str(&keys.canonical).expect("JSON");
    assert!(
        canonical["plugins"]
            .as_array()
            .is_some_and(|plugins| !plugins.is_empty())
    );
    let again = Request::from_json(&request.config()).expect("what is written can be read");
    assert_eq!(again, request);
    assert_eq!(ConfigKeys::of(&again), keys);
    let mut turned = request.clone();
    turned.plugins.reverse();
    turned.request_id = String::new();
    assert_eq!(ConfigKeys::of(&turned), keys);
    let _ = (mutable_ref(&request), request.to_wire(true).to_string());
});
