//! Request bodies: collected up to a limit and within a timeout, so that no client holds memory or a task for ever; a
//! gzip body is bounded by its unpacked size. One task for each connection.

use std::{io::Read, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use tokio::time::timeout;

use super::BodyError;

/// Limits of a request body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Its length in bytes.
    pub max_bytes: usize,
    /// The time until its last byte.
    pub timeout: Duration,
}

/// Reads a whole body.
///
/// # Errors
/// It breaks a limit, or the connection breaks.
pub async fn read_body(body: Incoming, limits: BodyLimits) -> Result<Bytes, BodyError> {
    let collected = Limited::new(body, limits.max_bytes).collect();
    match timeout(limits.timeout, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(BodyError::TooLarge(limits.max_bytes))
        }
        Ok(Err(error)) => Err(BodyError::Broken(error.to_string())),
        Err(_) => Err(BodyError::Timeout),
    }
}

/// Unpacks a gzip body of at most `max_bytes`.
///
/// # Errors
/// It is not whole gzip, or unpacks to more.
pub fn gunzip(body: &[u8], max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .take(max_bytes as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| BodyError::Gzip(error.to_string()))?;
    if unpacked.len() > max_bytes {
        return Err(BodyError::TooLarge(max_bytes));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gunzip_is_bounded_by_the_unpacked_size() {
        let packed = gzip(&[0; 1000]);
        assert_eq!(gunzip(&packed, 1000).unwrap().len(), 1000);
        assert_eq!(gunzip(&packed, 999), Err(BodyError::TooLarge(999)));
    }

    #[test]
    fn gunzip_rejects_a_truncated_body() {
        let packed = gzip(b"text");
        let truncated = packed.get(..packed.len() - 1).unwrap();
        assert!(matches!(gunzip(truncated, 1000), Err(BodyError::Gzip(_))));
    }
}
