//! A server's response before its delivery. The head is rendered in the order of Go's net/http, as the real server's.

use std::fmt::Write as _;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bodies of at least this length are sent in chunks by Go's net/http, unless the handler set a length.
const COUNTED: u64 = 2048;

/// The content of a response.
pub enum Body {
    /// Complete in memory.
    Bytes(Vec<u8>),
    /// Generated while it is sent, so that gigabytes need no memory. Without a length it is sent in chunks.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

/// The way in which the response marks the end of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Content-Length`, correct or not.
    Counted(u64),
    Chunked,
    /// By the end of the connection, or there is no body.
    Open,
}

/// A complete response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, without `Date`, `Content-Length`, `Transfer-Encoding` and `Connection`, which the delivery adds.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Body,
}

impl Response {
    /// A response without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(body.into()),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The announced length, or `None` for chunks.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes.len() as u64).filter(|length| *length <= COUNTED),
            Body::Stream(_, length) => *length,
        }
    }

    /// Status line and headers, including the empty line.
    pub(super) fn head(
        &self,
        minor: u8,
        framing: Framing,
        close: bool,
        now: SystemTime,
    ) -> Vec<u8> {
        let mut head = format!("HTTP/1.{minor} {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Date: {}\r\n", http_date(now));
        if let Framing::Counted(length) = framing {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        if close && minor > 0 {
            head.push_str("Connection: close\r\n");
        }
        if framing == Framing::Chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// `Sat, 21 Nov 2026 08:03:30 GMT` (RFC 9110 §5.6.7). Civil date from days after H. Hinnant, "chrono-compatible
/// low-level date algorithms".
fn http_date(now: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let seconds = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);
    let name =
        |names: &[&'static str], index: u64| names.get(index as usize).copied().unwrap_or_default();
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month),
        time / 3_600,
        time / 60 % 60,
        time % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_standard() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_248_210, "Sat, 21 Nov 2026 08:03:30 GMT"),
        ] {
            assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn body_above_two_kilobytes_is_sent_in_chunks() {
        assert_eq!(Response::new(200, vec![b'x'; 2048]).length(), Some(2048));
        assert_eq!(Response::new(200, vec![b'x'; 2049]).length(), None);
    }
}
