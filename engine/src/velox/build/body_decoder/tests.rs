//! Complete, truncated and endless bodies, and a full disk.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn through(chunks: Vec<&[u8]>) -> Result<Vec<u8>, AttemptError> {
    let mut decoder = BodyDecoder::new(Vec::new(), 1000, None, CancellationToken::new());
    for chunk in chunks {
        decoder.write(chunk)?;
    }
    decoder.finish()
}

#[test]
fn gzip_body_is_decompressed_from_any_chunks() {
    let packed = gzip(b"hello");
    for at in 0..packed.len() {
        let (left, right) = packed.split_at(at);
        assert_eq!(through(vec![left, right]).unwrap(), b"hello");
    }
    assert_eq!(through(vec![b"he", b"", b"llo"]).unwrap(), b"hello");
    assert_eq!(through(vec![]).unwrap(), b"");
}

#[test]
fn truncated_body_is_transient() {
    let packed = gzip(&[7; 500]);
    let short = &packed[..packed.len() - 9];
    for at in 0..short.len() {
        let broken = through(vec![&short[..at], &short[at..]]);
        assert!(matches!(
            broken,
            Err(AttemptError::Transient(RetryReason::Download, _))
        ));
    }
}

#[test]
fn bomb_stops_at_the_limit() {
    let packed = gzip(&[0; 1001]);
    assert!(matches!(
        through(vec![&packed]),
        Err(AttemptError::Permanent(Error::Remote(_)))
    ));
    assert!(through(vec![&gzip(&[0; 1000])]).is_ok());
    assert!(through(vec![&[1; 1001]]).is_err());
}

#[test]
fn rejected_header_stops_the_body() {
    let inspect: Inspect = Box::new(|head: &[u8]| {
        assert_eq!(head, [0; HEADER_LEN]);
        Err(AttemptError::remote("zeros"))
    });
    let mut written = Vec::new();
    let mut decoder = BodyDecoder::new(
        &mut written,
        u64::MAX,
        Some(inspect),
        CancellationToken::new(),
    );
    let chunks = (0..100).take_while(|_| decoder.write(&[0; HEADER_LEN / 2]).is_ok());
    assert_eq!(chunks.count(), 1);
    assert!(matches!(
        decoder.write(b"x"),
        Err(AttemptError::Transient(..))
    ));
    drop(decoder);
    assert_eq!(written.len(), HEADER_LEN / 2);
}

#[test]
fn cancelled_body_is_not_written() {
    let cancel = CancellationToken::new();
    let mut decoder = BodyDecoder::new(Vec::new(), 1000, None, cancel.clone());
    decoder.write(b"abc").unwrap();
    cancel.cancel();
    assert!(decoder.write(b"def").is_err());
}

#[test]
fn full_disk_is_a_storage_error() {
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
        let mut decoder = BodyDecoder::new(Full, 10, None, CancellationToken::new());
        let taken = decoder
            .write(&body)
            .and_then(|()| decoder.finish().map(drop));
        assert!(matches!(taken, Err(AttemptError::Storage(_))));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..300), magic: bool) {
        let mut body = if magic { vec![0x1f, 0x8b, 8] } else { vec![0] };
        body.extend(bytes);
        let arrived = through(vec![&body]);
        prop_assert!(magic || arrived.unwrap() == body);
    }
}
