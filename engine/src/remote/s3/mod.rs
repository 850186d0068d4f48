//! Artifacts in object storage: one object each, with its record as user metadata. Every upload has the condition that
//! no such object exists inside its signature, so the storage itself decides which writer is first. A failure of the
//! storage is an error and never a miss. Runs on the runtime.
//!
//! # Layout
//!
//! * `sign`: presigned URLs. `record`: a record as headers. `list`: the answer to a listing.
//! * `objects`: reads and writes. `cleaning`: removes unused objects. `request`: repeats and limits.

mod cleaning;
mod list;
mod objects;
mod record;
mod request;
mod sign;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use reqwest::{Response, redirect::Policy};

use super::object::{Metadata, ObjectName};
use crate::{
    Error, Result,
    config::{PathStyle, S3Settings},
    dns::Dns,
    http_client::{chain, install_crypto},
    tls,
};
use sign::{Credentials, Provider};

/// Validity of the URLs of own requests.
const OWN_LIFETIME: Duration = Duration::from_secs(300);
const DEFAULT_REGION: &str = "us-east-1";
/// The time of the last use is as exact as this: refreshing it copies the object onto itself.
const TOUCH_INTERVAL: Duration = Duration::from_secs(86_400);
/// The shortest time without progress after which a transfer ends.
const MIN_IDLE: Duration = Duration::from_secs(30);

/// One address of the bucket.
#[derive(Debug, Clone)]
struct Address {
    scheme: String,
    host: String,
    /// Path of the bucket, without a slash at its end.
    base: String,
}

/// A bucket.
#[derive(Debug)]
pub struct S3Store {
    http: reqwest::Client,
    provider: Provider,
    credentials: Credentials,
    region: String,
    own: Address,
    public: Address,
    bucket: String,
    prefix: String,
    lifetime: Duration,
    timeout: Duration,
    /// Time without progress after which a transfer ends.
    idle_timeout: Duration,
}

/// An object that exists.
#[derive(Debug, Clone)]
pub struct S3Object {
    /// Its record.
    pub metadata: Metadata,
    /// The time of its last use, to a day.
    pub used: SystemTime,
    etag: String,
}

impl S3Object {
    /// Whether its use is to be recorded.
    #[must_use]
    pub fn is_touch_due(&self) -> bool {
        let age = SystemTime::now().duration_since(self.used);
        age.unwrap_or_default() >= TOUCH_INTERVAL
    }
}

/// The bytes of an object on their way.
#[derive(Debug)]
pub struct S3Download {
    response: Response,
    idle_timeout: Duration,
}

impl S3Download {
    /// The next bytes; `None` at their end.
    ///
    /// # Errors
    /// The connection breaks, or the storage sends nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        request::chunk(&mut self.response, self.idle_timeout).await
    }
}

/// The outcome of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Stored,
    /// The object exists, or another upload of it is in progress.
    Exists,
}

impl Address {
    fn new(endpoint: &reqwest::Url, bucket: &str, in_path: bool) -> Self {
        let mut host = endpoint.host_str().unwrap_or_default().to_owned();
        if let Some(port) = endpoint.port() {
            host = format!("{host}:{port}");
        }
        let base = endpoint.path().trim_end_matches('/');
        let (host, base) = match in_path {
            true => (host, format!("{base}/{bucket}")),
            false => (format!("{bucket}.{host}"), base.to_owned()),
        };
        Self {
            scheme: endpoint.scheme().to_owned(),
            host,
            base,
        }
    }
}

impl S3Store {
    /// Creates the client of a bucket; sends nothing.
    ///
    /// # Errors
    /// [`Error::Config`]: a setting is missing.
    pub fn new(settings: &S3Settings) -> Result<Self> {
        let missing = |name: &str, env: &str| {
            Error::Config(format!(
                "gateway.s3.{name}: found no value; expected one for gateway.driver = s3 (also {env})"
            ))
        };
        let bucket = settings.bucket.clone();
        let bucket = bucket.ok_or_else(|| missing("bucket", "VC_S3_BUCKET"))?;
        let access_key = settings.access_key.clone();
        let secret_key = settings.secret_key.clone();
        let credentials = Credentials {
            access_key: access_key.ok_or_else(|| missing("access_key", "AWS_ACCESS_KEY_ID"))?,
            secret_key: secret_key.ok_or_else(|| missing("secret_key", "AWS_SECRET_ACCESS_KEY"))?,
            session_token: settings.session_token.clone(),
        };
        let region = settings.region.as_deref().unwrap_or(DEFAULT_REGION);
        let amazon = format!("https://s3.{region}.amazonaws.com/");
        let amazon = reqwest::Url::parse(&amazon).map_err(|error| {
            Error::Config(format!("gateway.s3.region: found {region} ({error})"))
        })?;
        let endpoint = settings.endpoint.as_ref();
        let url = endpoint.map_or(&amazon, |endpoint| endpoint.as_url());
        let in_path = match settings.path_style {
            PathStyle::Auto => endpoint.is_some(),
            PathStyle::On => true,
            PathStyle::Off => false,
        };
        let own = Address::new(url, &bucket, in_path);
        let public = settings.public_endpoint.as_ref();
        let public = public.map_or_else(
            || own.clone(),
            |public| Address::new(public.as_url(), &bucket, in_path),
        );
        let host = url.host_str().unwrap_or_default();
        let is_google = host == "googleapis.com" || host.ends_with(".googleapis.com");
        Ok(Self {
            http: client(settings)?,
            provider: if is_google {
                Provider::Google
            } else {
                Provider::Amazon
            },
            credentials,
            region: region.to_owned(),
            own,
            public,
            bucket,
            prefix: settings.prefix.clone().unwrap_or_default(),
            lifetime: settings.url_lifetime,
            timeout: settings.timeout,
            idle_timeout: settings.timeout.max(MIN_IDLE),
        })
    }

    /// Whether clients get URLs of the storage for downloads.
    #[must_use]
    pub const fn has_urls(&self) -> bool {
        !self.lifetime.is_zero()
    }

    /// Whether clients get URLs of the storage for uploads, which bind the checksum: Google's have no such header.
    #[must_use]
    pub fn has_upload_urls(&self) -> bool {
        self.has_urls() && self.provider == Provider::Amazon
    }

    /// A URL for the upload of this artifact, and the headers that the client has to send: it stores only these bytes,
    /// and only if the object does not exist.
    #[must_use]
    pub fn upload_url(
        &self,
        name: &ObjectName,
        metadata: &Metadata,
    ) -> (String, BTreeMap<String, String>) {
        let headers = self.upload_headers(metadata);
        let mut signed: Vec<(&str, &str)> = headers.iter().map(pair).collect();
        let size = metadata.size.to_string();
        // Clients set it anyway.
        signed.push(("content-length", &size));
        let url = self.url(
            &self.public,
            "PUT",
            &self.key(name),
            &[],
            &signed,
            self.lifetime,
        );
        (url, headers)
    }

    /// A URL for a download.
    #[must_use]
    pub fn download_url(&self, name: &ObjectName) -> String {
        self.url(
            &self.public,
            "GET",
            &self.key(name),
            &[],
            &[],
            self.lifetime,
        )
    }

    fn key(&self, name: &ObjectName) -> String {
        format!("{}{}", self.prefix, name.path())
    }
}

fn pair<'a>((name, value): (&'a String, &'a String)) -> (&'a str, &'a str) {
    (name, value)
}

/// A client without a time limit for requests, since that would be one for the length of an upload.
fn client(settings: &S3Settings) -> Result<reqwest::Client> {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("pillion/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .http1_only()
        .dns_resolver(Dns::system())
        .connect_timeout(settings.timeout)
        .pool_max_idle_per_host(32);
    let ca_file = settings.ca_file.as_deref();
    let certificates = &settings.system_certificates;
    let builder = tls::trusting(builder, "gateway.s3.ca_file", ca_file, certificates)?;
    let built = builder.build();
    built.map_err(|error| Error::Config(format!("gateway.s3.endpoint: {}", chain(&error))))
}

#[cfg(test)]
mod tests;
