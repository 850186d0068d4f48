use super::*;
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

const FORMATS: [LogFormat; 3] = [LogFormat::Text, LogFormat::Json, LogFormat::Logfmt];

fn render(format: LogFormat, event: &str, fields: &[(&str, Value<'_>)]) -> String {
    let header = Header {
        time: UNIX_EPOCH + Duration::from_millis(1_795_248_689_123),
        level: Level::Info,
        pid: 7,
    };
    format_record(
        format,
        header,
        &Record::builder()
            .target("pillion::velox")
            .key_values(&fields)
            .args(format_args!("{event}"))
            .build(),
    )
}

#[test]
fn event_in_each_format() {
    let fields = [
        ("os", Value::from("linux")),
        ("plugins_count", Value::from(4)),
        ("cache_age", Value::from(1.5)),
        ("force_rebuild", Value::from(false)),
        ("note", Value::from("a \"b\"\n=c")),
    ];
    for (format, line) in [
        (
            LogFormat::Text,
            "2026-11-21T08:11:29.123Z INFO  build request received pid=7 os=linux plugins_count=4 cache_age=1.5 force_rebuild=false note=\"a \\\"b\\\"\\n=c\"\n",
        ),
        (
            LogFormat::Json,
            "{\"time\":\"2026-11-21T08:11:29.123Z\",\"level\":\"info\",\"event\":\"build request received\",\"pid\":7,\"os\":\"linux\",\"plugins_count\":4,\"cache_age\":1.5,\"force_rebuild\":false,\"note\":\"a \\\"b\\\"\\n=c\"}\n",
        ),
        (
            LogFormat::Logfmt,
            "time=2026-11-21T08:11:29.123Z level=info event=\"build request received\" pid=7 os=linux plugins_count=4 cache_age=1.5 force_rebuild=false note=\"a \\\"b\\\"\\n=c\"\n",
        ),
    ] {
        assert_eq!(render(format, "build request received", &fields), line);
    }
}

#[test]
fn field_can_not_replace_a_header_field() {
    let line = render(
        LogFormat::Json,
        "x",
        &[("level", Value::from("error")), ("a b\"", Value::from(1))],
    );
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&json["level"], &json["level_"], &json["a_b_"]),
        (&"info".into(), &"error".into(), &1.into())
    );
}

#[test]
fn secrets_are_masked_by_type_and_by_name() {
    let secret = crate::secret::Secret::new("hunter2");
    let fields = [
        ("token", Value::from("hunter2")),
        ("value", Value::from_display(&secret)),
        ("url", Value::from("http://ann:hunter2@velox")),
    ];
    for format in FORMATS {
        let line = render(format, "see http://ann:hunter2@velox", &fields);
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn infinity_is_still_json() {
    let line = render(
        LogFormat::Json,
        "x",
        &[("a", Value::from(f64::INFINITY)), ("b", Value::null())],
    );
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&json["a"], &json["b"]),
        (&"inf".into(), &serde_json::Value::Null)
    );
}

proptest! {
    #[test]
    fn line_is_one_line_of_bounded_length(
        event: String,
        fields in proptest::collection::vec(("\\PC{0,9}", "(?s).{0,2000}"), 0..6),
    ) {
        let fields: Vec<(&str, Value<'_>)> =
            fields.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))).collect();
        for format in FORMATS {
            let line = render(format, &event, &fields);
            prop_assert!(line.len() <= MAX_LEN, "{}", line.len());
            prop_assert!(line.ends_with('\n'));
            prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control));
            if format == LogFormat::Json {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
            }
        }
    }
}
