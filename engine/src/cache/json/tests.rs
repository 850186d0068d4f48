use proptest::prelude::*;

use super::{
    super::encoding::{integer_key, put_head, put_int, put_string},
    *,
};

/// The JSON that a text has become after it was a value.
fn through_value(text: &str) -> String {
    let (encoding, bytes) = from_json(text.as_bytes()).unwrap();
    String::from_utf8(to_json(encoding, &bytes).unwrap()).unwrap()
}

#[test]
fn texts_come_back_as_they_were() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1.0",
        "-0.0",
        "0.1",
        "1e+300",
        "5e-324",
        "1.7976931348623157e+308",
        r#""""#,
        r#""ä\"\\\u0000\n""#,
        "[]",
        r#"[1,1.0,"1",null,[true,[]]]"#,
        r#"{"a":{"b":[{"c":-5}]},"":0,"1":1}"#,
        r#"{"1":"a","0":"b"}"#,
        r#"{"01":1,"-0":2,"9223372036854775808":3}"#,
    ] {
        assert_eq!(through_value(text), text);
    }
}

#[test]
fn other_texts_are_read_as_php_reads_them() {
    for (text, expected) in [
        (" [ 1 , 2 ] ", "[1,2]"),
        ("1E2", "100.0"),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("-9223372036854775809", "-9.223372036854776e+18"),
        ("18446744073709551615", "1.8446744073709552e+19"),
        ("100000000000000000000000", "1e+23"),
        ("{}", "[]"),
        (r#"{"0":"a","1":"b"}"#, r#"["a","b"]"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"0":1,"1":2,"0":3}"#, "[3,2]"),
        (r#"{"1":1,"0":2,"1":3}"#, r#"{"1":3,"0":2}"#),
        (r#""\ud83d\ude00\/""#, "\"\u{1f600}/\""),
    ] {
        assert_eq!(through_value(text), expected);
    }
}

#[test]
fn the_last_of_many_equal_keys_counts() {
    let fields: Vec<String> = (0..100)
        .map(|index| format!("\"k{}\":{index}", index % 40))
        .collect();
    let text = format!("{{{}}}", fields.join(","));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(through_value(&text), value.to_string());
}

#[test]
fn texts_that_are_no_json_are_refused() {
    for text in [
        "",
        "nul",
        "[1,]",
        "{1:2}",
        "01",
        "1 2",
        "'a'",
        "NaN",
        "1e400",
        r#""\ud800""#,
        r#""\ude00\ud83d""#,
        "\"\n\"",
    ] {
        assert!(from_json(text.as_bytes()).is_err(), "{text}");
    }
    assert!(from_json(b"\"\xff\"").is_err());
}

#[test]
fn levels_are_bounded() {
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    assert_eq!(through_value(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    let error = from_json(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("more than 512 levels"));
    assert!(from_json(&[b'['; 1 << 20]).is_err());
    let mut bytes = Vec::new();
    for _ in 0..=MAX_DEPTH {
        bytes.extend([3, encoding::ARRAY]);
    }
    bytes.push(1);
    assert_eq!(to_json(encoding::ARRAY, &bytes), Err(NotJson::Damaged));
}

#[test]
fn values_that_json_has_not_are_refused() {
    let list = |element: &[u8]| [&[3], element].concat();
    for (encoding, bytes, reason) in [
        (
            encoding::SERIALIZED,
            b"O:1:\"A\":0:{}".to_vec(),
            NotJson::Serialized,
        ),
        (
            encoding::FLOAT,
            f64::NAN.to_le_bytes().to_vec(),
            NotJson::Float,
        ),
        (
            encoding::FLOAT,
            f64::INFINITY.to_le_bytes().to_vec(),
            NotJson::Float,
        ),
        (encoding::STRING, vec![0xff], NotJson::Utf8),
        (
            encoding::ARRAY,
            list(&[encoding::STRING, 1, 0xff]),
            NotJson::Utf8,
        ),
        (
            encoding::ARRAY,
            list(&[encoding::SERIALIZED]),
            NotJson::Damaged,
        ),
        (
            encoding::ARRAY,
            list(&[encoding::NULL, 0]),
            NotJson::Damaged,
        ),
        (encoding::ARRAY, vec![3], NotJson::Damaged),
        (encoding::ARRAY, vec![], NotJson::Damaged),
        (encoding::INT, vec![1], NotJson::Damaged),
        (200, vec![], NotJson::Damaged),
    ] {
        assert_eq!(to_json(encoding, &bytes), Err(reason));
    }
}

/// A value of PHP.
#[derive(Debug, Clone, PartialEq)]
enum Php {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    List(Vec<Php>),
    Map(Vec<(String, Php)>),
}

impl Php {
    fn put(&self, out: &mut Vec<u8>, depth: usize) -> Encoding {
        match self {
            Self::Null => encoding::NULL,
            Self::Bool(value) => encoding::FALSE + u8::from(*value),
            Self::Int(number) if depth == 0 => {
                out.extend(number.to_le_bytes());
                encoding::INT
            }
            Self::Int(number) => {
                put_int(out, *number);
                encoding::INT
            }
            Self::Float(number) => {
                out.extend(number.to_le_bytes());
                encoding::FLOAT
            }
            Self::String(text) if depth == 0 => {
                out.extend(text.as_bytes());
                encoding::STRING
            }
            Self::String(text) => {
                put_string(out, text.as_bytes());
                encoding::STRING
            }
            Self::List(items) => {
                put_head(
                    out,
                    Head {
                        count: items.len(),
                        is_list: true,
                    },
                );
                for item in items {
                    item.put_element(out, depth);
                }
                encoding::ARRAY
            }
            Self::Map(items) => {
                put_head(
                    out,
                    Head {
                        count: items.len(),
                        is_list: false,
                    },
                );
                for (key, item) in items {
                    match integer_key(key.as_bytes()) {
                        Some(index) => {
                            out.push(encoding::INT);
                            put_int(out, index);
                        }
                        None => {
                            out.push(encoding::STRING);
                            put_string(out, key.as_bytes());
                        }
                    }
                    item.put_element(out, depth);
                }
                encoding::ARRAY
            }
        }
    }

    fn put_element(&self, out: &mut Vec<u8>, depth: usize) {
        let at = out.len();
        out.push(0);
        out[at] = self.put(out, depth + 1);
    }
}

fn any_value() -> impl Strategy<Value = Php> {
    let scalar = prop_oneof![
        Just(Php::Null),
        any::<bool>().prop_map(Php::Bool),
        any::<i64>().prop_map(Php::Int),
        any::<f64>()
            .prop_filter("JSON has it", |number| number.is_finite())
            .prop_map(Php::Float),
        any::<i32>().prop_map(|number| Php::Float(f64::from(number))),
        any::<String>().prop_map(Php::String),
    ];
    scalar.prop_recursive(5, 200, 80, |inner| {
        let key = prop_oneof![
            any::<String>(),
            (-20i64..20).prop_map(|key| key.to_string())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..80).prop_map(Php::List),
            prop::collection::vec((key, inner), 1..30).prop_map(|mut items| {
                let mut seen = std::collections::HashSet::new();
                items.retain(|(key, _)| seen.insert(key.clone()));
                let is_list = (0..)
                    .zip(&items)
                    .all(|(index, (key, _))| *key == index.to_string());
                match is_list {
                    true => Php::List(items.into_iter().map(|(_, item)| item).collect()),
                    false => Php::Map(items),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn values_come_back_as_they_were(value in any_value()) {
        let mut bytes = Vec::new();
        let encoding = value.put(&mut bytes, 0);
        let json = to_json(encoding, &bytes).unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        prop_assert_eq!(from_json(&json).unwrap(), (encoding, bytes));
    }

    #[test]
    fn any_bytes_are_refused_or_come_back(encoding in 0u8..9, bytes: Vec<u8>) {
        if let Ok(json) = to_json(encoding, &bytes) {
            // Keys may be equal or those of a list, which no array of PHP has so.
            let value = from_json(&json).unwrap();
            let json = to_json(value.0, &value.1).unwrap();
            prop_assert_eq!(from_json(&json).unwrap(), value);
        }
    }
}
