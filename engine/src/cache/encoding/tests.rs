use proptest::prelude::*;

use super::*;

#[test]
fn integer_keys_are_those_of_php() {
    for (text, key) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("18446744073709551617", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("00", None),
        ("07", None),
        ("+7", None),
        (" 7", None),
        ("7.0", None),
        ("1e3", None),
    ] {
        assert_eq!(integer_key(text.as_bytes()), key, "{text:?}");
    }
}

proptest! {
    #[test]
    fn numbers_and_strings_are_read_as_written(
        number: i64,
        count in 0usize..1 << 40,
        text: Vec<u8>,
    ) {
        let mut bytes = Vec::new();
        put_int(&mut bytes, number);
        put_string(&mut bytes, &text);
        put_varint(&mut bytes, count as u64);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.int(), Some(number));
        prop_assert_eq!(reader.string(), Some(text.as_slice()));
        prop_assert_eq!(reader.varint(), Some(count as u64));
        prop_assert!(reader.is_at_end());
    }
}

#[test]
fn array_can_have_no_more_elements_than_bytes() {
    let mut bytes = Vec::new();
    let head = Head {
        count: 3,
        is_list: true,
    };
    put_head(&mut bytes, head);
    bytes.extend([NULL, TRUE]);
    assert_eq!(Reader::new(&bytes).head(), None);
    bytes.push(FALSE);
    assert_eq!(Reader::new(&bytes).head(), Some(head));
}

#[test]
fn varint_without_an_end_is_none() {
    assert_eq!(Reader::new(&[0xff; 20]).varint(), None);
    assert_eq!(Reader::new(&[0xff; 3]).varint(), None);
}
