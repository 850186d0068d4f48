//! Bodies that arrive, break off, grow without end, or find no room.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn through(pieces: Vec<&[u8]>, ended: bool) -> Result<Vec<u8>, Trouble> {
    let (sender, receiver) = mpsc::channel(pieces.len() + 1);
    for piece in pieces {
        sender.try_send(Some(piece.to_vec())).unwrap();
    }
    if ended {
        sender.try_send(None).unwrap();
    }
    drop(sender);
    write(receiver, Vec::new(), 1000, None)
}

#[test]
fn a_gzip_body_is_unpacked_wherever_it_is_cut_into_pieces() {
    let packed = gzip(b"hello");
    for at in 0..packed.len() {
        let (left, right) = packed.split_at(at);
        assert_eq!(through(vec![left, right], true).unwrap(), b"hello");
    }
    assert_eq!(through(vec![b"he", b"", b"llo"], true).unwrap(), b"hello");
    assert_eq!(through(vec![], true).unwrap(), b"");
}

#[test]
fn a_body_that_breaks_off_is_tried_again() {
    let packed = gzip(&[7; 500]);
    let short = &packed[..packed.len() - 9];
    for broken in [through(vec![short], true), through(vec![b"x"], false)] {
        assert!(matches!(broken, Err(Trouble::Passing(Reason::Download, _))));
    }
}

#[test]
fn a_bomb_is_stopped_at_the_bound() {
    let packed = gzip(&[0; 1001]);
    assert!(matches!(
        through(vec![&packed], true),
        Err(Trouble::Final(Error::Remote(_)))
    ));
    assert!(through(vec![&gzip(&[0; 1000])], true).is_ok());
    assert!(through(vec![&[1; 1001]], true).is_err());
}

#[test]
fn what_begins_wrong_is_not_taken_to_the_end() {
    /// Zeros, and how many were taken.
    struct Zeros<'a>(&'a mut usize);
    impl Read for Zeros<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(0);
            *self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    let mut taken = 0;
    let inspect: Inspect = Box::new(|head: &[u8]| {
        assert_eq!(head, [0; HEAD]);
        Err(Trouble::remote("zeros"))
    });
    let end = unpack(Zeros(&mut taken), io::sink(), u64::MAX, Some(inspect));
    assert!(
        matches!(end, Err(Trouble::Final(_))) && taken < 1 << 20,
        "{taken}"
    );
}

#[test]
fn a_full_disk_is_our_own_trouble() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(matches!(
        unpack(&b"xyz"[..], Full, 10, None),
        Err(Trouble::Unkept(_))
    ));
}

proptest! {
    #[test]
    fn any_bytes_arrive_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), magic: bool) {
        let mut body = if magic { vec![0x1f, 0x8b, 8] } else { vec![0] };
        body.extend(bytes);
        let arrived = through(vec![&body], true);
        prop_assert!(magic || arrived.unwrap() == body);
    }
}
