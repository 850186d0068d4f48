//! Keys, from the bytes that a terminal sends. A thread reads them, because a read can't be cancelled; it ends with the
//! process.

use std::{
    io::{self, IsTerminal, Read},
    thread,
};

use tokio::sync::mpsc;

use super::sort::Sort;

/// A key with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    NextOrder,
    LastOrder,
    Order(Sort),
    Reverse,
}

/// The keys of standard input; none if it is no terminal.
pub(super) fn read() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(64);
    if io::stdin().is_terminal() {
        let reading = move || {
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = io::stdin().read(&mut bytes) {
                for key in parse(bytes.get(..count).unwrap_or_default()) {
                    if sender.blocking_send(key).is_err() {
                        return;
                    }
                }
            }
        };
        // Without the thread the signals work still.
        let _ = thread::Builder::new().name("keys".into()).spawn(reading);
    }
    keys
}

/// The keys in bytes that arrived together. A terminal sends a key as a whole.
fn parse(mut bytes: &[u8]) -> Vec<Key> {
    const SEQUENCES: [(&[u8], Key); 14] = [
        (b"\x1b[A", Key::Up),
        (b"\x1bOA", Key::Up),
        (b"\x1b[B", Key::Down),
        (b"\x1bOB", Key::Down),
        (b"\x1b[C", Key::NextOrder),
        (b"\x1bOC", Key::NextOrder),
        (b"\x1b[D", Key::LastOrder),
        (b"\x1bOD", Key::LastOrder),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[H", Key::Home),
        (b"\x1b[1~", Key::Home),
        (b"\x1b[F", Key::End),
        (b"\x1b[4~", Key::End),
    ];
    let mut keys = Vec::new();
    while let Some((first, rest)) = bytes.split_first() {
        let sequence = SEQUENCES
            .iter()
            .find(|(sequence, _)| bytes.starts_with(sequence));
        if let Some((sequence, key)) = sequence {
            keys.push(*key);
            bytes = bytes.get(sequence.len()..).unwrap_or_default();
            continue;
        }
        if *first == 0x1b {
            // An unknown key: up to the letter that ends it.
            let is_end = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'~';
            let end = rest
                .iter()
                .position(is_end)
                .map_or(rest.len(), |end| end + 1);
            bytes = rest.get(end..).unwrap_or_default();
            continue;
        }
        keys.extend(match first {
            b'q' | b'Q' | 3 | 4 => Some(Key::Quit),
            b'k' => Some(Key::Up),
            b'j' => Some(Key::Down),
            b' ' => Some(Key::PageDown),
            b's' | b'>' => Some(Key::NextOrder),
            b'<' => Some(Key::LastOrder),
            b'a' => Some(Key::Order(Sort::Age)),
            b'm' => Some(Key::Order(Sort::Memory)),
            b'r' => Some(Key::Order(Sort::Requests)),
            b'p' => Some(Key::Order(Sort::P99)),
            b'n' => Some(Key::Order(Sort::Pid)),
            b'i' => Some(Key::Reverse),
            _ => None,
        });
        bytes = rest;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_terminal_are_keys() {
        assert_eq!(
            parse(b"\x1b[A\x1b[B\x1b[5~q"),
            [Key::Up, Key::Down, Key::PageUp, Key::Quit]
        );
        assert_eq!(
            parse(b"mra"),
            [Sort::Memory, Sort::Requests, Sort::Age].map(Key::Order)
        );
        // An unknown key, its parts no other ones.
        assert_eq!(parse(b"\x1b[1;5Am\x1b"), [Key::Order(Sort::Memory)]);
        assert_eq!(parse("zé\u{0}".as_bytes()), []);
    }
}
