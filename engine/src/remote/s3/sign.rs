//! Presigned URLs: signature version 4 in the query (docs.aws.amazon.com, "Authenticating Requests: Using Query
//! Parameters"), and Google's version of it, which differs in names only. All requests use them, the gateway's own too,
//! so there is one way to sign. The body is not signed; its checksum, which the storage compares, is. Pure.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::{hmac, remote::protocol::Checksum, secret::Secret, time};

/// The names of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3, and all storages that speak its protocol.
    Amazon,
    /// Google Cloud Storage with an HMAC key.
    Google,
}

impl Provider {
    /// Prefix of its headers.
    pub(super) const fn header_prefix(self) -> &'static str {
        match self {
            Self::Amazon => "x-amz-",
            Self::Google => "x-goog-",
        }
    }

    /// The header by which a PUT fails if the object exists.
    pub(super) const fn create_only(self) -> (&'static str, &'static str) {
        match self {
            Self::Amazon => ("if-none-match", "*"),
            Self::Google => ("x-goog-if-generation-match", "0"),
        }
    }

    const fn query_prefix(self) -> &'static str {
        match self {
            Self::Amazon => "X-Amz-",
            Self::Google => "X-Goog-",
        }
    }

    const fn algorithm(self) -> &'static str {
        match self {
            Self::Amazon => "AWS4-HMAC-SHA256",
            Self::Google => "GOOG4-HMAC-SHA256",
        }
    }

    const fn key_prefix(self) -> &'static str {
        match self {
            Self::Amazon => "AWS4",
            Self::Google => "GOOG4",
        }
    }

    const fn service(self) -> &'static str {
        match self {
            Self::Amazon => "s3",
            Self::Google => "storage",
        }
    }

    const fn end(self) -> &'static str {
        match self {
            Self::Amazon => "aws4_request",
            Self::Google => "goog4_request",
        }
    }
}

/// The key that signs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Its id.
    pub access_key: Secret,
    /// The key.
    pub secret_key: Secret,
    /// Token of a session.
    pub session_token: Option<Secret>,
}

/// A request to sign.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, with the port if it is not that of the scheme.
    pub host: &'a str,
    /// Path, not encoded; begins with a slash.
    pub path: &'a str,
    /// Further parameters of the query, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers that the request must have exactly so, with names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// Validity of the URL.
    pub lifetime: Duration,
}

/// Signs a request; returns its URL.
#[must_use]
pub fn presign(
    provider: Provider,
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
    request: &Unsigned<'_>,
) -> String {
    let (date, time) = timestamp(now);
    let scope = format!("{date}/{region}/{}/{}", provider.service(), provider.end());
    let mut headers = vec![("host", request.host)];
    headers.extend_from_slice(request.headers);
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let parameter = |name: &str, value: &str| {
        let name = format!("{}{name}", provider.query_prefix());
        (encode(&name, false), encode(value, false))
    };
    let access_key = credentials.access_key.expose();
    let mut query = vec![
        parameter("Algorithm", provider.algorithm()),
        parameter("Credential", &format!("{access_key}/{scope}")),
        parameter("Date", &time),
        parameter("Expires", &request.lifetime.as_secs().max(1).to_string()),
        parameter("SignedHeaders", &names),
    ];
    if let Some(token) = &credentials.session_token {
        query.push(parameter("Security-Token", token.expose()));
    }
    let more = request.query.iter();
    query.extend(more.map(|(name, value)| (encode(name, false), encode(value, false))));
    query.sort_unstable();
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let query = query.join("&");
    let path = encode(request.path, true);
    let mut canonical = format!("{}\n{path}\n{query}\n", request.method);
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _ = write!(canonical, "\n{names}\nUNSIGNED-PAYLOAD");
    let hash = Checksum(Sha256::digest(&canonical).into());
    let text = format!("{}\n{time}\n{scope}\n{hash}", provider.algorithm());
    let first = format!(
        "{}{}",
        provider.key_prefix(),
        credentials.secret_key.expose()
    );
    let parts = [&*date, region, provider.service(), provider.end(), &text];
    let signature = parts.iter().fold(first.into_bytes(), |key, part| {
        hmac::sign(&key, &[part.as_bytes()]).to_vec()
    });
    let mut url = format!("{}://{}{path}?{query}&", request.scheme, request.host);
    let _ = write!(url, "{}Signature=", provider.query_prefix());
    for byte in signature {
        let _ = write!(url, "{byte:02x}");
    }
    url
}

/// Day, and time, as `20130524` and `20130524T000000Z`.
fn timestamp(now: SystemTime) -> (String, String) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    let text = time::format_rfc3339(u64::try_from(ms).unwrap_or(u64::MAX));
    let seconds = text.split('.').next().unwrap_or_default();
    let time: String = seconds.chars().filter(|c| !"-:".contains(*c)).collect();
    let date = time.split('T').next().unwrap_or_default().to_owned();
    (date, time + "Z")
}

/// Encodes all but the unreserved characters of RFC 3986.
pub(super) fn encode(text: &str, is_path: bool) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if is_path => encoded.push('/'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2013-05-24T00:00:00Z, of the examples in Amazon's documentation.
    const NOW: Duration = Duration::from_secs(1_369_353_600);

    fn credentials() -> Credentials {
        Credentials {
            access_key: Secret::new("AKIAIOSFODNN7EXAMPLE"),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        }
    }

    fn signed(provider: Provider, request: &Unsigned<'_>) -> String {
        let now = SystemTime::UNIX_EPOCH + NOW;
        presign(provider, &credentials(), "us-east-1", now, request)
    }

    const GET: Unsigned<'_> = Unsigned {
        method: "GET",
        scheme: "https",
        host: "examplebucket.s3.amazonaws.com",
        path: "/test.txt",
        query: &[],
        headers: &[],
        lifetime: Duration::from_secs(86_400),
    };

    #[test]
    fn url_is_that_of_the_published_example() {
        assert_eq!(
            signed(Provider::Amazon, &GET),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn condition_is_a_signed_header() {
        let headers = [Provider::Amazon.create_only()];
        let put = Unsigned {
            method: "PUT",
            headers: &headers,
            ..GET
        };
        assert!(
            signed(Provider::Amazon, &put).contains("&X-Amz-SignedHeaders=host%3Bif-none-match&")
        );
        let headers = [Provider::Google.create_only()];
        let put = Unsigned {
            headers: &headers,
            ..put
        };
        let url = signed(Provider::Google, &put);
        assert!(
            url.contains("&X-Goog-SignedHeaders=host%3Bx-goog-if-generation-match&"),
            "{url}"
        );
        assert!(
            url.contains("%2Fstorage%2Fgoog4_request&") && !url.contains("Amz"),
            "{url}"
        );
    }

    #[test]
    fn secrets_are_in_no_url() {
        let mut credentials = credentials();
        credentials.session_token = Some(Secret::new("a/b="));
        let now = SystemTime::UNIX_EPOCH + NOW;
        let url = presign(Provider::Amazon, &credentials, "eu-west-1", now, &GET);
        assert!(
            !url.contains("wJalr") && url.contains("X-Amz-Security-Token=a%2Fb%3D&"),
            "{url}"
        );
    }
}
