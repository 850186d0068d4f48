//! Shared by all network clients: the process's cryptography provider and error messages. Certificates are in `tls`.
//! Any thread.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use reqwest::header::DATE;
use rustls::InvalidMessage;

use crate::{secret::mask_url, time::parse_http_date};

/// Installs ring as the process's rustls provider, unless one is installed. The extension calls it while its module
/// starts: a child that is forked in the middle of it would wait for its end for ever.
pub fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// The answer of a server to a harmless request, for diagnoses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The status, of a server with HTTP.
    pub status: Option<u16>,
    /// The server's clock, if the answer has it.
    pub date: Option<SystemTime>,
}

/// Sends a request, and returns any answer.
///
/// # Errors
/// The reason why there is none, without secrets.
pub(crate) async fn probe(
    request: reqwest::RequestBuilder,
    timeout: Duration,
) -> Result<ServerAnswer, String> {
    let answer = request.timeout(timeout).send().await;
    let answer = answer.map_err(|error| cause(&error.without_url()))?;
    Ok(ServerAnswer::of(&answer))
}

impl ServerAnswer {
    /// The part of a response that a diagnosis shows.
    pub(crate) fn of(response: &reqwest::Response) -> Self {
        let date = response.headers().get(DATE);
        let seconds = date.and_then(|date| parse_http_date(date.to_str().ok()?));
        Self {
            status: Some(response.status().as_u16()),
            date: seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    }
}

/// The innermost cause of an error, such as `Connection refused (os error 111)`; passwords in URLs are masked.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> String {
    let failed = error.downcast_ref::<reqwest::Error>();
    // The library has two clocks for it, with an error each.
    if failed.is_some_and(|error| error.is_connect() && error.is_timeout()) {
        return "no connection in time".into();
    }
    let mut cause = error;
    loop {
        let wrapper = cause.downcast_ref::<io::Error>();
        // What it wraps is not its source.
        let wrapped = wrapper.and_then(io::Error::get_ref);
        let wrapped = wrapped.map(|error| error as &(dyn Error + 'static));
        match wrapped.or_else(|| cause.source()) {
            Some(next) => cause = next,
            None => break,
        }
    }
    if let Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) =
        cause.downcast_ref()
    {
        return "the server does not speak TLS".into();
    }
    mask_url(&cause.to_string()).into_owned()
}

/// Formats an error with all its causes, the innermost last; passwords in URLs are masked.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        source = cause.source();
    }
    mask_url(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_is_the_innermost_error() {
        let tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        for (error, text) in [
            (io::Error::other(io::Error::other("inner")), "inner"),
            (io::Error::other(tls), "the server does not speak TLS"),
            (
                io::Error::from_raw_os_error(libc::ECONNREFUSED),
                "Connection refused (os error 111)",
            ),
        ] {
            assert_eq!(cause(&error), text);
        }
    }
}
