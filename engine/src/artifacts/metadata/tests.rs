use super::{super::record::tests::sample, *};
use proptest::prelude::*;

fn config() -> Value {
    serde_json::json!({"rr_version": "v2025.1.2", "os": "linux", "plugins": []})
}

#[test]
fn metadata_is_parsed_as_it_was_formatted() {
    let mut record = sample(3);
    record.accessed_ms = record.created_ms;
    let bytes = format(&record, &config()).unwrap();
    let entry = parse_metadata(&bytes).unwrap();
    assert_eq!(entry.record, record);
    assert_eq!(entry.config, config());
    assert_eq!(parse_record(&bytes).unwrap(), record);
}

#[test]
fn metadata_without_expiry_is_parsed_so() {
    let mut record = sample(3);
    record.expires_ms = u64::MAX;
    let bytes = format(&record, &config()).unwrap();
    assert_eq!(parse_record(&bytes).unwrap().expires_ms, u64::MAX);
}

#[test]
fn each_wrong_field_is_named() {
    let good: Value = serde_json::from_slice(&format(&sample(3), &config()).unwrap()).unwrap();
    for (name, bad) in [
        ("key", Value::from("../../etc/passwd")),
        ("sha256", Value::from("00")),
        ("file", Value::from("../../../bin/sh")),
        ("created_at", Value::from("yesterday")),
        ("expires_at", Value::from("")),
        ("build_seconds", Value::from(-1)),
        ("digest", Value::from("xyz")),
    ] {
        let mut document = good.clone();
        document[name] = bad;
        let error = parse_record(document.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    let mut newer = good;
    newer["version"] = Value::from(2);
    assert!(matches!(
        parse_metadata(newer.to_string().as_bytes()),
        Err(MetadataError::Version(2))
    ));
}

#[test]
fn checksum_that_contradicts_the_file_name_is_refused() {
    let mut document: Value =
        serde_json::from_slice(&format(&sample(3), &config()).unwrap()).unwrap();
    document["sha256"] = Value::from(hex(&sample(4).sha256));
    assert!(parse_record(document.to_string().as_bytes()).is_err());
}

#[test]
fn truncated_or_endless_metadata_is_refused() {
    let bytes = format(&sample(3), &config()).unwrap();
    for end in 0..bytes.len() - 2 {
        assert!(parse_metadata(&bytes[..end]).is_err(), "{end} bytes");
    }
    let endless = vec![b' '; MAX_BYTES as usize + 1];
    assert!(matches!(
        parse_metadata(&endless),
        Err(MetadataError::TooLong)
    ));
    let deep = [b"{\"config\":".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(parse_metadata(&deep).is_err());
}

#[test]
fn configuration_fits_exactly_if_it_can_be_read_again() {
    let of = |length: usize| serde_json::json!({"deep": [[["\n".repeat(length / 2)]]]});
    for length in [0, 1000, MAX_BYTES as usize / 2, MAX_BYTES as usize - 5000] {
        let config = of(length);
        assert!(fits(&config), "{length}");
        let bytes = format(&sample(3), &config).unwrap();
        assert_eq!(parse_metadata(&bytes).unwrap().config, config);
    }
    assert!(!fits(&of(MAX_BYTES as usize)));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = parse_metadata(&bytes);
    }

    #[test]
    fn no_flipped_bit_makes_it_panic(at in 0usize..400, bit in 0u8..8) {
        let mut bytes = format(&sample(3), &config()).unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
        let _ = parse_metadata(&bytes);
    }
}
