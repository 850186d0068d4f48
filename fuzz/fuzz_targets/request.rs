//! A build request: from JSON to its keys and to the request for the server; and the same bytes as a request to our own
//! build server.
#![no_main]

use pillion_engine::velox::{BuildRequest, ConfigKeys, Configuration, mutable_ref};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pillion_server::build::fuzzing::request(bytes);
    let Ok(tree) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let read = Configuration::read_json(&tree).map(ConfigKeys::of);
    let Ok(request) = BuildRequest::from_json(&tree) else {
        assert_eq!(read, None);
        return;
    };
    let keys = ConfigKeys::of(&request);
    assert!(read.is_none_or(|read| read == keys));
    let canonical: Value = serde_json::from_str(&keys.canonical).expect("JSON");
    assert!(
        canonical["plugins"]
            .as_array()
            .is_some_and(|plugins| !plugins.is_empty())
    );
    let again = BuildRequest::from_json(&request.config()).expect("a written request is valid");
    assert_eq!(again, request);
    assert_eq!(ConfigKeys::of(&again), keys);
    let mut reordered = request.clone();
    reordered.plugins.reverse();
    reordered.request_id = String::new();
    assert_eq!(ConfigKeys::of(&reordered), keys);
    let _ = (mutable_ref(&request), request.to_wire(true).to_string());
});
