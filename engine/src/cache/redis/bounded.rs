//! A stream that withholds the head of an answer that is too large from its reader: the connection fails before a
//! client allocates memory for it. Follows the framing of RESP: a line, after the head of a text so many bytes. On the
//! runtime.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a text at most: a value of the largest size, each byte of which JSON may write as six.
pub(super) const MAX_TEXT: u64 = 64 << 20;
/// Elements of an array at most.
pub(super) const MAX_ELEMENTS: u64 = 100_000;
/// Bytes of a line at most.
const MAX_LINE: usize = 64 << 10;

/// A stream with bounded answers.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: S,
    frames: Frames,
}

impl<S> Bounded<S> {
    /// Wraps a stream at the start of an answer.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            frames: Frames::default(),
        }
    }
}

/// The place in the answers.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The line so far, as much as can be a head.
    head: Vec<u8>,
    /// Bytes of the line.
    line: usize,
    /// Bytes of a text with its line end that are left.
    text: u64,
}

/// Bytes of a head: a type and a number.
const MAX_HEAD: usize = 24;

impl Frames {
    /// Follows bytes that were read.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.text > 0 {
                let skipped = usize::try_from(self.text)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.text -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            self.line += line.len();
            let kept = MAX_HEAD.saturating_sub(self.head.len()).min(line.len());
            self.head
                .extend_from_slice(line.get(..kept).unwrap_or_default());
            if self.line > MAX_LINE {
                return Err(too_large("a line"));
            }
            if end.is_some() {
                self.text = text_after(&self.head)?;
                self.head.clear();
                self.line = 0;
            }
            bytes = rest;
        }
        Ok(())
    }
}

/// The bytes of the text that follows a line.
fn text_after(line: &[u8]) -> io::Result<u64> {
    let Some((kind, rest)) = line.split_first() else {
        return Ok(0);
    };
    let digits: &[u8] = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let number = || -> io::Result<u64> {
        let text = std::str::from_utf8(digits).unwrap_or_default();
        // Negative: null.
        match text.parse::<i64>() {
            Ok(number) => Ok(number.try_into().unwrap_or(0)),
            Err(_) => Err(broken("an answer without a length".into())),
        }
    };
    match kind {
        b'$' | b'=' | b'!' => {
            let is_null = digits.first() == Some(&b'-');
            match number()? {
                _ if is_null => Ok(0),
                bytes if bytes > MAX_TEXT => Err(too_large("a text")),
                bytes => Ok(bytes + 2),
            }
        }
        b'*' | b'%' | b'~' | b'>' | b'|' if number()? > MAX_ELEMENTS => Err(too_large("an array")),
        _ => Ok(0),
    }
}

fn too_large(part: &str) -> io::Error {
    broken(format!("{part} of an answer is too large"))
}

/// Of a kind after which the client ends the connection.
fn broken(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, reason)
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let followed = this.frames.follow(read);
        if followed.is_err() {
            buffer.set_filled(before);
        }
        Poll::Ready(followed)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows the bytes whole, and one by one.
    fn follow(bytes: &[u8]) -> io::Result<()> {
        let mut single = Frames::default();
        let one_by_one = bytes.iter().try_for_each(|byte| single.follow(&[*byte]));
        let mut frames = Frames::default();
        let whole = frames.follow(bytes);
        assert_eq!(one_by_one.is_ok(), whole.is_ok());
        if whole.is_ok() {
            assert_eq!(frames.text, single.text);
        }
        whole
    }

    #[test]
    fn answers_within_the_bounds_pass() {
        for answers in [
            "+OK\r\n:7\r\n$5\r\n$9\r\n1\r\n*2\r\n$-1\r\n_\r\n",
            "%1\r\n+a\r\n,1.5\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
            "-ERR a long text that is no head at all\r\n*-1\r\n(12345678901234567890123456789\r\n",
        ] {
            follow(answers.as_bytes()).unwrap();
        }
    }

    #[test]
    fn large_claims_fail_before_their_bytes_arrive() {
        for (answer, part) in [
            ("$536870912\r\n", "a text"),
            ("$3\r\nabc\r\n=99999999999\r\n", "a text"),
            ("*1000000000\r\n", "an array"),
            ("$\r\n", "without a length"),
            ("*many\r\n", "without a length"),
        ] {
            let error = follow(answer.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{answer:?}: {error}");
        }
        let endless = vec![b'+'; MAX_LINE + 1];
        assert!(follow(&endless).is_err());
    }
}
