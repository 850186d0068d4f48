//! The host that a request names. Any thread.

use std::net::IpAddr;

use hyper::{header, http::request::Parts};

use super::LocalClient;

/// Whether the client names this machine: by a loopback name, or by an address, which no foreign name stands for. A
/// server without tokens requires it: after DNS rebinding, requests of a foreign page have the foreign name in `Host`.
#[must_use]
pub fn is_own_host(head: &Parts) -> bool {
    if head.extensions.get::<LocalClient>().is_some() {
        return true;
    }
    let Some(host) = host(head) else {
        // HTTP/1.0 without the header: no browser sends that.
        return true;
    };
    let name = without_port(host);
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || name
            .rsplit_once('.')
            .is_some_and(|(_, last)| last.eq_ignore_ascii_case("localhost"));
    let address = name.trim_start_matches('[').trim_end_matches(']');
    is_loopback || address.parse::<IpAddr>().is_ok()
}

/// The host that the request is sent to; of HTTP/2 in its URI.
#[must_use]
pub fn host(head: &Parts) -> Option<&str> {
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let named = head.headers.get(header::HOST);
    authority.or_else(|| named.map(|value| value.to_str().unwrap_or("-")))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/dashboard");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn names_of_this_machine_are_its_own_hosts() {
        for host in [
            "localhost",
            "localhost:9180",
            "LOCALHOST",
            "shop.localhost:80",
            "127.0.0.1",
            "127.0.0.1:9180",
            "[::1]:9180",
            "[::1]",
            "192.168.0.7:9180",
        ] {
            assert!(is_own_host(&head(&[("host", host)])), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:9180",
            "127.0.0.1.evil.example",
            "",
            "evillocalhost",
        ] {
            assert!(!is_own_host(&head(&[("host", host)])), "{host}");
        }
        let mut local = head(&[("host", "shop.example")]);
        local.extensions.insert(LocalClient);
        assert!(is_own_host(&local));
    }
}
