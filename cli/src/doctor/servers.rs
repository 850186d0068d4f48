//! The servers of the settings: each gets one harmless request, with the timeouts of the settings; and `pillion serve`.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    time::{Duration, SystemTime},
};

use pillion_engine::{
    cache,
    config::{ListenAddress, RedisTarget},
    http_client::ServerAnswer,
    sentry, velox,
};
use tokio::runtime;

use super::{report::Report, subject::Subject};

/// A larger difference makes dates of artifacts, rate limits and certificates wrong. `Date` has whole seconds.
const MAX_SKEW: Duration = Duration::from_secs(5);
/// Time for `pillion serve`, which is on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        report.fail(
            "servers",
            "no runtime can be started",
            "raise the limits of processes and descriptors",
        );
        return;
    };
    let settings = subject.settings();
    let velox = &settings.velox;
    match &velox.server_url {
        None => report.ok(
            "velox server",
            "none: builds are off; velox.server_url (PILLION_VELOX_SERVER_URL) names one, such as `pillion velox`",
        ),
        Some(url) => {
        let advice = "start the server, or correct velox.server_url, velox.auth_token and velox.ca_file";
        let answer = runtime.block_on(velox::probe(velox));
        reached("velox server", &url.to_string(), answer, advice, report);
        }
    }
    if let Some(dsn) = &settings.sentry.dsn {
        let advice = "check the network, sentry.transport.proxy and sentry.transport.ca_file; envelopes wait until then";
        let answer = runtime.block_on(sentry::probe(&settings.sentry));
        reached("sentry server", dsn.authority(), answer, advice, report);
    }
    if let Some(url) = &settings.cache.url {
        let address = match &url.target {
            RedisTarget::Unix(path) => format!("unix:{}", path.display()),
            RedisTarget::Tcp { host, port, .. } => format!("{host}:{port}"),
        };
        let advice = "start the server, or correct CACHE_URL (address, user, password, database); values stay on this host until then";
        let answer = runtime.block_on(cache::redis::probe(&settings.cache));
        reached("cache server", &address, answer, advice, report);
    }
    if super::delivery::is_served(&subject.dirs.run) {
        for address in &settings.serve.listen {
            standing_server(address, report);
        }
    }
}

fn reached(
    check: &'static str,
    address: &str,
    answer: Option<Result<ServerAnswer, String>>,
    advice: &str,
    report: &mut Report,
) {
    match answer {
        None => report.ok(
            check,
            format!("{address} is not used: its part is switched off"),
        ),
        Some(Err(error)) if error.contains(address) => report.fail(check, error, advice),
        Some(Err(error)) => report.fail(check, format!("{address}: {error}"), advice),
        Some(Ok(answer)) => {
            let skew = answer.date.and_then(skew);
            match (skew, answer.status) {
                (Some(skew), _) => report.warn(
                    check,
                    format!(
                        "{address} answers, and its clock differs by {} s",
                        skew.as_secs()
                    ),
                    "start NTP on both machines (`timedatectl set-ntp true`)",
                ),
                (None, Some(status)) => report.ok(check, format!("{address} answers ({status})")),
                (None, None) => report.ok(check, format!("{address} answers")),
            }
        }
    }
}

fn skew(date: SystemTime) -> Option<Duration> {
    let now = SystemTime::now();
    let skew = now
        .duration_since(date)
        .unwrap_or_else(|error| error.duration());
    (skew > MAX_SKEW).then_some(skew)
}

fn standing_server(address: &ListenAddress, report: &mut Report) {
    const CHECK: &str = "pillion serve";
    match health(address) {
        Ok(true) => report.ok(CHECK, format!("{address} answers")),
        Ok(false) => report.warn(
            CHECK,
            format!("{address} is another server"),
            "set serve.listen as `pillion serve` has it",
        ),
        Err(error) => report.warn(
            CHECK,
            format!("{address}: {error}"),
            "set serve.listen as `pillion serve` has it, and check mode and group of its socket",
        ),
    }
}

/// Whether the server at the address is `pillion serve`.
fn health(address: &ListenAddress) -> io::Result<bool> {
    match address {
        ListenAddress::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(LOCAL_TIMEOUT))?;
            stream.set_write_timeout(Some(LOCAL_TIMEOUT))?;
            ask(stream)
        }
        ListenAddress::Tcp(text) => {
            let found = text
                .strip_prefix(':')
                .map(|port| format!("127.0.0.1:{port}"));
            let mut addresses = found.as_deref().unwrap_or(text).to_socket_addrs()?;
            let address = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
            let stream = TcpStream::connect_timeout(&address, LOCAL_TIMEOUT)?;
            stream.set_read_timeout(Some(LOCAL_TIMEOUT))?;
            stream.set_write_timeout(Some(LOCAL_TIMEOUT))?;
            ask(stream)
        }
    }
}

fn ask(mut stream: impl Read + Write) -> io::Result<bool> {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    Ok(text.contains("\r\nserver: pillion/"))
}
