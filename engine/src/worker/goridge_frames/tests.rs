use proptest::prelude::*;

use super::*;

fn frame(flags: u8, stream: u8, context: &[u8], body: &[u8]) -> Vec<u8> {
    let words = if flags & CONTROL_FLAG == 0 { 4 } else { 3 };
    let length = u32::try_from(context.len() + body.len()).unwrap();
    let mut frame = vec![VERSION << 4 | words, flags];
    frame.extend(length.to_le_bytes());
    frame.extend([0; 4]);
    frame.extend([stream, 0]);
    if words == 4 {
        frame.extend(u32::try_from(context.len()).unwrap().to_le_bytes());
    }
    frame.extend([context, body].concat());
    frame
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        field.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(bytes);
    field
}

fn header(name: &str, lines: &[&str]) -> Vec<u8> {
    let lines: Vec<u8> = lines
        .iter()
        .flat_map(|line| field(1, line.as_bytes()))
        .collect();
    field(5, &[field(1, name.as_bytes()), field(2, &lines)].concat())
}

/// The events and ids of a stream that is read in pieces of these sizes.
fn follow(wire: &[u8], sizes: &[usize]) -> (Vec<FrameEvent>, Vec<String>, FrameParser) {
    let (mut parser, mut events, mut ids) = (FrameParser::default(), Vec::new(), Vec::new());
    let mut sizes = sizes.iter().cycle();
    let mut rest = wire;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = behind;
        match parser.feed(piece) {
            FrameEvent::None => {}
            event => events.push(event),
        }
        ids.extend(parser.request_id());
    }
    ids.dedup();
    (events, ids, parser)
}

#[test]
fn requests_are_detected_in_pieces_of_any_size() {
    let context = [
        field(1, b"127.0.0.1"),
        header("Host", &["localhost"]),
        header("X-Request-ID", &["from-proxy", "second"]),
        // A flag and numbers of a fixed length.
        vec![
            8 << 3,
            1,
            11 << 3 | 1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            12 << 3 | 5,
            0,
            0,
            0,
            0,
        ],
    ]
    .concat();
    let wire = [
        frame(CONTROL_FLAG, 0, b"", br#"{"pid":1}"#),
        frame(0x80, 0, &context, b"body"),
        // About a stream, and no request.
        frame(0x80, 2, b"", b""),
        frame(0x80, 0, b"", b""),
        frame(CONTROL_FLAG, 0, b"", br#"{"stop":true}"#),
    ]
    .concat();
    for size in [1, 3, 12, 16, 1000] {
        let (events, ids, parser) = follow(&wire, &[size]);
        let requests = if size < 1000 { 2 } else { 1 };
        assert_eq!(
            events,
            vec![FrameEvent::Request; requests],
            "pieces of {size}"
        );
        assert!(parser.is_at_frame_start());
        if size < 16 {
            assert_eq!(ids, ["from-proxy"], "pieces of {size}");
        }
    }
}

#[test]
fn the_id_is_found_once_the_headers_are_complete() {
    let wire = frame(0x80, 0, &header("X-Request-Id", &["mine"]), &[b'x'; 100]);
    let mut parser = FrameParser::default();
    assert_eq!(parser.feed(&wire[..20]), FrameEvent::Request);
    assert_eq!(parser.request_id(), None);
    assert_eq!(parser.feed(&wire[20..wire.len() - 50]), FrameEvent::None);
    assert!(!parser.is_at_frame_start());
    assert_eq!(parser.request_id().as_deref(), Some("mine"));
    assert_eq!(parser.feed(&wire[wire.len() - 50..]), FrameEvent::None);
    assert!(parser.is_at_frame_start());
    assert_eq!(parser.request_id().as_deref(), Some("mine"));
    // A frame about the worker is no request.
    parser.feed(&frame(CONTROL_FLAG, 0, b"", b"{}"));
    assert_eq!(parser.request_id(), None);
}

#[test]
fn the_trace_id_is_used_without_a_valid_id() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let of = |headers: &[Vec<u8>]| id(&headers.concat());
    let traced = header("traceparent", &[trace]);
    let wanted = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
    assert_eq!(
        of(&[header("X-Request-Id", &["a b"]), traced.clone()]),
        wanted
    );
    assert_eq!(
        of(&[traced, header("x-request-id", &["ab"])]),
        Some("ab".to_owned())
    );
    assert_eq!(of(&[header("X-Request-Id", &[])]), None);
    let json = br#"{"protocol":"HTTP/1.1","headers":{"Host":["x"],"X-Request-Id":["from-json"]}}"#;
    assert_eq!(id(json).as_deref(), Some("from-json"));
    assert_eq!(id(b"{"), None);
}

#[test]
fn bytes_that_are_no_frame_end_the_parsing() {
    for bad in [[0x20; 12], [0x12; 12], *b"HTTP/1.1 200"] {
        let mut parser = FrameParser::default();
        assert_eq!(parser.feed(&bad), FrameEvent::OutOfSync);
        assert_eq!(parser.feed(&frame(0x80, 0, b"", b"")), FrameEvent::None);
        assert!(!parser.is_at_frame_start());
    }
}

#[test]
fn a_huge_context_is_stored_in_part() {
    let mut context = header("X-Request-Id", &["early"]);
    context.extend(header("X-Big", &["x".repeat(1 << 20).as_str()]));
    context.extend(header("X-Request-Id", &["late"]));
    let (events, ids, parser) = follow(&frame(0x80, 0, &context, b""), &[8192]);
    assert_eq!(
        (events, ids),
        (vec![FrameEvent::Request], vec!["early".to_owned()])
    );
    assert!(parser.is_at_frame_start() && parser.context.len() <= MAX_CONTEXT);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_parsed(
        wire in proptest::collection::vec(any::<u8>(), 0..400),
        sizes in proptest::collection::vec(1usize..40, 1..8),
    ) {
        follow(&wire, &sizes);
        id(&wire);
    }

    #[test]
    fn requests_are_counted_in_pieces_of_any_size(
        bodies in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..20),
        size in 1usize..13,
    ) {
        let wire: Vec<u8> = bodies
            .iter()
            .flat_map(|(is_control, body)| frame(u8::from(*is_control), 0, b"", body))
            .collect();
        let (events, _, parser) = follow(&wire, &[size]);
        // Pieces of at max 12 bytes hold no more than one header.
        let requests = bodies.iter().filter(|(is_control, _)| !is_control).count();
        prop_assert_eq!(events.len(), requests);
        prop_assert!(parser.is_at_frame_start());
    }
}

#[test]
fn method_and_path_are_those_of_the_context() {
    let line = |context: &[u8]| {
        let mut parser = FrameParser::default();
        let wire = frame(0x80, 0, context, b"body");
        let (begin, end) = wire.split_at(20);
        assert_eq!(parser.feed(begin), FrameEvent::Request);
        assert!(!parser.has_context());
        parser.feed(end);
        assert!(parser.has_context());
        let mut line = None;
        parser.request_line(|method, path| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            line = Some((text(method), text(path)));
        });
        line
    };
    let expected = |method: &str, path: &str| Some((method.to_owned(), path.to_owned()));
    let message = |uri: &[u8]| [field(1, b"127.0.0.1"), field(3, b"GET"), field(4, uri)].concat();
    assert_eq!(
        line(&message(b"http://shop.test:80/a?b=1")),
        expected("GET", "/a?b=1")
    );
    assert_eq!(line(&message(b"https://shop.test")), expected("GET", "/"));
    assert_eq!(
        line(&message(b"https://shop.test?b")),
        expected("GET", "?b")
    );
    assert_eq!(line(&message(b"/plain")), expected("GET", "/plain"));
    assert_eq!(
        line(
            br#"{"remoteAddr":"::1","method":"POST","uri":"http://shop.test/\u00e9","headers":{}}"#
        ),
        expected("POST", "/é")
    );
    assert_eq!(line(br#"{"method":"POST","uri":5}"#), None);
    assert_eq!(line(b"\x0a\x09127.0.0.1"), None);
}
