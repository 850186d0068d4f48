use super::*;

#[test]
fn known_times_are_formatted_and_parsed() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_001, "2000-02-29T00:00:00.001Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_792_663_799_999, "2026-10-22T10:09:59.999Z"),
    ] {
        assert_eq!(format_rfc3339(ms), text);
        assert_eq!(parse_rfc3339(text), Some(ms));
    }
}

#[test]
fn system_time_is_appended_with_milliseconds() {
    let mut text = String::new();
    let time = UNIX_EPOCH + std::time::Duration::from_micros(1_795_248_689_123_999);
    append_rfc3339(&mut text, time);
    append_rfc3339(&mut text, UNIX_EPOCH - std::time::Duration::from_secs(1));
    assert_eq!(text, "2026-11-21T08:11:29.123Z1970-01-01T00:00:00.000Z");
}

#[test]
fn http_dates_are_parsed_as_unix_seconds() {
    for (text, seconds) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sat, 21 Nov 2026 08:03:30 GMT", Some(1_795_248_210)),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(parse_http_date(text), seconds, "{text}");
    }
}

#[test]
fn forms_of_go_are_parsed() {
    let noon = parse_rfc3339("2025-11-13T12:00:00Z");
    assert_eq!(noon, Some(1_763_035_200_000));
    assert_eq!(parse_rfc3339("2025-11-13T15:00:00+03:00"), noon);
    assert_eq!(parse_rfc3339("2025-11-13T08:30:00.000000000-03:30"), noon);
    assert_eq!(
        parse_rfc3339("2025-11-13T12:00:00.123456789Z"),
        noon.map(|ms| ms + 123)
    );
    assert_eq!(
        parse_rfc3339("2025-11-13T12:00:00.5Z"),
        noon.map(|ms| ms + 500)
    );
    assert_eq!(parse_rfc3339("0001-01-01T00:00:00Z"), Some(0));
}

#[test]
fn never_parses_back() {
    assert_eq!(parse_rfc3339(&format_rfc3339(u64::MAX)), Some(u64::MAX));
}

#[test]
fn invalid_times_are_refused() {
    for text in [
        "",
        "2025-11-13",
        "2025-11-13T12:00:00",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00+1:00",
        "2025-01-01T00:00:00+01:00Z",
        "2025-01-01T00:00:0éZ",
        "-025-01-01T00:00:00Z",
    ] {
        assert_eq!(parse_rfc3339(text), None, "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn formatted_time_parses_back(ms in 0..MAX_MS) {
        proptest::prop_assert_eq!(parse_rfc3339(&format_rfc3339(ms)), Some(ms));
    }

    #[test]
    fn parser_never_panics(text in "\\PC{0,40}") {
        let _ = parse_rfc3339(&text);
    }
}
