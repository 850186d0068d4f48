//! Bodies that arrive, break off, grow without end, or find no room.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn through(pieces: Vec<&[u8]>) -> Result<Vec<u8>, Trouble> {
    let mut intake = Intake::new(Vec::new(), 1000, None, CancellationToken::new());
    for piece in pieces {
        intake.take(piece)?;
    }
    intake.finish()
}

#[test]
fn a_gzip_body_is_unpacked_wherever_it_is_cut_into_pieces() {
    let packed = gzip(b"hello");
    for at in 0..packed.len() {
        let (left, right) = packed.split_at(at);
        assert_eq!(through(vec![left, right]).unwrap(), b"hello");
    }
    assert_eq!(through(vec![b"he", b"", b"llo"]).unwrap(), b"hello");
    assert_eq!(through(vec![]).unwrap(), b"");
}

#[test]
fn a_body_that_breaks_off_is_tried_again() {
    let packed = gzip(&[7; 500]);
    let short = &packed[..packed.len() - 9];
    for at in 0..short.len() {
        let broken = through(vec![&short[..at], &short[at..]]);
        assert!(matches!(broken, Err(Trouble::Passing(Reason::Download, _))));
    }
}

#[test]
fn a_bomb_is_stopped_at_the_bound() {
    let packed = gzip(&[0; 1001]);
    assert!(matches!(
        through(vec![&packed]),
        Err(Trouble::Final(Error::Remote(_)))
    ));
    assert!(through(vec![&gzip(&[0; 1000])]).is_ok());
    assert!(through(vec![&[1; 1001]]).is_err());
}

#[test]
fn what_begins_wrong_is_not_taken_to_the_end() {
    let inspect: Inspect = Box::new(|head: &[u8]| {
        assert_eq!(head, [0; HEAD]);
        Err(Trouble::remote("zeros"))
    });
    let mut written = Vec::new();
    let mut intake = Intake::new(
        &mut written,
        u64::MAX,
        Some(inspect),
        CancellationToken::new(),
    );
    let pieces = (0..100).take_while(|_| intake.take(&[0; HEAD / 2]).is_ok());
    assert_eq!(pieces.count(), 1);
    assert!(matches!(intake.take(b"x"), Err(Trouble::Passing(..))));
    drop(intake);
    assert_eq!(written.len(), HEAD / 2);
}

#[test]
fn a_cancelled_body_is_written_no_further() {
    let cancel = CancellationToken::new();
    let mut intake = Intake::new(Vec::new(), 1000, None, cancel.clone());
    intake.take(b"abc").unwrap();
    cancel.cancel();
    assert!(intake.take(b"def").is_err());
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
    for body in [b"xyz".to_vec(), gzip(b"xyz")] {
        let mut intake = Intake::new(Full, 10, None, CancellationToken::new());
        let taken = intake.take(&body).and_then(|()| intake.finish().map(drop));
        assert!(matches!(taken, Err(Trouble::Unkept(_))));
    }
}

proptest! {
    #[test]
    fn any_bytes_arrive_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), magic: bool) {
        let mut body = if magic { vec![0x1f, 0x8b, 8] } else { vec![0] };
        body.extend(bytes);
        let arrived = through(vec![&body]);
        prop_assert!(magic || arrived.unwrap() == body);
    }
}
