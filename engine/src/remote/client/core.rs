//! The client with its limits, and the calls that its breakers admit. Runs on the runtime.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::redirect::Policy;
use tokio::time::timeout;

use super::{
    breaker::Breaker,
    http::{Failure, Http},
};
use crate::{
    Error, Result,
    backoff::Jitter,
    config::duration,
    dns::Dns,
    http_client::{chain, install_crypto},
    secret::{Secret, ServerUrl},
    tls::{self, SystemCertificates},
};

/// Attempts of a call, where another one may succeed.
const MAX_ATTEMPTS: u32 = 2;
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Time of one transfer at most.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

/// The parameters of a client.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The gateway; its path is kept.
    pub url: ServerUrl,
    /// Sent to the gateway alone.
    pub token: Option<Secret>,
    /// Time for connecting and for an answer, and the longest silence of a transfer.
    pub timeout: Duration,
    /// Bytes of one artifact at most.
    pub max_size: u64,
    /// PEM file with certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Locations of the system's certificates.
    pub certificates: SystemCertificates,
    /// The start of the settings' names in errors, such as `remote`.
    pub section: &'static str,
}

impl ClientOptions {
    /// Parameters with default limits: 10 seconds and 5 GiB.
    #[must_use]
    pub fn new(url: ServerUrl) -> Self {
        Self {
            url,
            token: None,
            timeout: Duration::from_secs(10),
            max_size: 5 << 30,
            ca_file: None,
            certificates: SystemCertificates::default(),
            section: "remote",
        }
    }
}

/// The client of one gateway; a clone shares its connections and its breakers.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: Http,
    pub(super) max_size: u64,
    /// Time of a whole call.
    limit: Duration,
    shared: Arc<Breakers>,
}

/// Apart, because a full disk of the gateway, or a token that may only read, does not stop reading.
#[derive(Debug, Default)]
struct Breakers {
    reading: Breaker,
    writing: Breaker,
}

/// The direction of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Client {
    /// Creates a client. Reads the certificates; sends nothing.
    ///
    /// # Errors
    /// [`Error::Config`]: the certificates can't be read.
    pub fn new(options: ClientOptions) -> Result<Self> {
        let ClientOptions { url, section, .. } = &options;
        install_crypto();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("pillion/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .http1_only()
            // Under CGI, HTTP_PROXY may be a request header.
            .no_proxy()
            .dns_resolver(Dns::system())
            .connect_timeout(options.timeout)
            .pool_max_idle_per_host(4);
        let ca_file = options.ca_file.as_deref();
        let setting = format!("{section}.ca_file");
        let builder = tls::trusting(builder, &setting, ca_file, &options.certificates)?;
        let http = builder
            .build()
            .map_err(|error| Error::Config(format!("{section}.url {url}: {}", chain(&error))))?;
        Ok(Self {
            http: Http::new(http, options.url, options.token, options.timeout),
            max_size: options.max_size,
            limit: TRANSFER_TIMEOUT,
            shared: Arc::default(),
        })
    }

    /// The same client with calls that end within `limit`. A call that exceeds it is a failure of the gateway.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            limit: limit.min(TRANSFER_TIMEOUT),
            ..self.clone()
        }
    }

    /// The gateway's address without secrets, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        self.http.address.to_string()
    }

    /// Whether downloads fail at once at the moment, because the gateway has failed.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.reading.is_refusing(Instant::now())
    }

    /// Whether uploads fail at once at the moment, because the gateway has failed.
    #[must_use]
    pub fn is_writing_paused(&self) -> bool {
        self.shared.writing.is_refusing(Instant::now())
    }

    /// Fails as an upload would during a pause, before the work that an upload needs.
    ///
    /// # Errors
    /// [`Error::Remote`]: the gateway has failed a moment ago.
    pub fn check_writing(&self) -> Result<()> {
        match self.is_writing_paused() {
            true => Err(self.paused()),
            false => Ok(()),
        }
    }

    fn paused(&self) -> Error {
        Error::Remote(format!(
            "the gateway at {} has failed, and is not asked again yet",
            self.http.address
        ))
    }

    /// Makes a call, unless the gateway has failed lately: attempts within the limit, until one succeeds or fails
    /// for good.
    pub(super) async fn call<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        direction: Direction,
        attempt: impl Fn() -> F,
    ) -> Result<T> {
        let breaker = match direction {
            Direction::Read => &self.shared.reading,
            Direction::Write => &self.shared.writing,
        };
        let Some(permit) = breaker.admit(Instant::now()) else {
            return Err(self.paused());
        };
        let called = timeout(self.limit, attempts(attempt)).await;
        let called = called.unwrap_or_else(|_| {
            let (address, limit) = (&self.http.address, duration::format(self.limit));
            let message = format!("the gateway at {address} has not completed within {limit}");
            Err(Failure::Gateway(Error::Timeout(message)))
        });
        match called {
            Ok(value) => {
                permit.succeed();
                Ok(value)
            }
            Err(Failure::Artifact(error)) => {
                permit.succeed();
                Err(error)
            }
            Err(Failure::Gateway(error) | Failure::Transient(error)) => {
                let pause = duration::brief(permit.fail(Instant::now()));
                let direction = match direction {
                    Direction::Read => "read",
                    Direction::Write => "write",
                };
                log::warn!(gateway:% = self.http.address, direction, pause:%, error:%; "remote artifacts paused");
                Err(error)
            }
        }
    }
}

async fn attempts<T, F: Future<Output = Result<T, Failure>>>(
    attempt: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut made = 1;
    loop {
        match attempt().await {
            Err(Failure::Transient(_)) if made < MAX_ATTEMPTS => {
                made += 1;
                tokio::time::sleep(Jitter::new().equal(RETRY_PAUSE)).await;
            }
            ended => return ended,
        }
    }
}
