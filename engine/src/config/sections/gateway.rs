//! The section `gateway`: the gateway of remote artifacts, which the command `pillion gateway` runs. PHP reads none of
//! it. The environment variables are those of the VelocityCache server and of AWS's programs.

use std::{path::PathBuf, time::Duration};

use super::super::{
    row::{
        DAY, HOUR, MINUTE, Row, SECOND, ZERO, days, duration, number, optional, path, required,
        secret, size, url, word,
    },
    types::{ListenAddress, RelativeTo, Value, ValueType},
};
use crate::{
    secret::{Secret, ServerUrl},
    tls::SystemCertificates,
};

/// The storage of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StorageDriver {
    /// A directory of this machine.
    #[default]
    Local,
    /// Object storage.
    S3,
}

/// The rights of clients without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnonymousRole {
    /// None, unless there are no tokens and no address beyond this machine.
    #[default]
    Off,
    /// Those of the role `read`.
    Read,
    /// Those of the role `trusted`.
    Trusted,
}

settings! {
    /// The section `gateway`.
    pub struct GatewaySettings: Gateway, "gateway." {
        /// Addresses of `pillion gateway`; unset: the port on all addresses of this machine if there are tokens, else
        /// on 127.0.0.1.
        listen: Option<Vec<ListenAddress>> = Row::new(ValueType::Listen, None, optional!(Listen));
        /// The port where no address is set.
        port: u32 = number(1, 65_535, "8080").env(&["VC_PORT"]);
        /// A token with the role `trusted`, which reads and writes.
        auth_token: Option<Secret> = secret().env(&["VC_AUTH_TOKEN"]);
        /// File with tokens, one on each line after its role: `read`, `write:NAMESPACE` or `trusted`. In place of a
        /// token, `sha256:` with its hash. It is read again when it changes.
        token_file: Option<PathBuf> = path();
        /// Rights of clients without a token; `off`: none, except if there are no tokens and the gateway listens on
        /// this machine only.
        anonymous: AnonymousRole = anonymous("off");
        /// The storage: a directory, or object storage with the protocol of Amazon S3 or Google Cloud Storage.
        driver: StorageDriver = driver("local").env(&["VC_STORAGE_DRIVER"]);
        /// Directory of the artifacts, for the driver `local`.
        local_root: Option<PathBuf> = Row::new(
            ValueType::Path(RelativeTo::WorkingDirectory), None, optional!(Path)
        ).env(&["VC_LOCAL_ROOT"]);
        /// URL of the gateway for its clients; unset: `http` and the host that the client names.
        base_url: Option<ServerUrl> = url().env(&["VC_BASE_URL"]);
        /// Days after its last use that an artifact is removed; 0: never.
        retention as "retention_days": Duration = days(0, 36_500, "7").env(&["VC_RETENTION_DAYS"]);
        /// Bytes of all artifacts; above it, those unused longest are removed, first those of `write:` tokens beyond a
        /// quarter; 0: no limit.
        max_size: u64 = size(0, 1 << 30, "0");
        /// Bytes of one artifact at most.
        max_artifact_size: u64 = size(1, 5 << 10, "5G");
        /// Key of a signature that the gateway stores with each artifact and checks before it hands it out: an artifact
        /// that another program stored or changed is a miss. Unset: no signature. The same on all gateways of a
        /// storage.
        hmac_secret: Option<Secret> = secret();
        /// Time in which a transfer has to end.
        transfer_timeout: Duration = duration(SECOND, DAY, "1h");
        /// Time without progress after which a transfer ends, because its client sends or reads nothing.
        idle_timeout: Duration = duration(SECOND, HOUR, "60s");
        /// Time that transfers in progress get after SIGTERM; the next signal ends them.
        shutdown_timeout: Duration = duration(ZERO, HOUR, "30s");
        /// Connections at once; the next ones wait in the system's queue.
        max_connections: u32 = number(1, 1_000_000, "1024");
    } with {
        /// Object storage.
        s3: S3Settings,
    }
}

settings! {
    /// The section `gateway.s3`.
    pub struct S3Settings: Gateway, "gateway.s3." {
        /// Bucket of the artifacts.
        bucket: Option<String> = word().env(&["VC_S3_BUCKET"]);
        /// URL of the storage; unset: Amazon S3 in the region.
        endpoint: Option<ServerUrl> = url().env(&["VC_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        /// URL of the storage for clients, if they reach it by another one.
        public_endpoint: Option<ServerUrl> = url();
        /// Region of the bucket; unset: `us-east-1`.
        region: Option<String> = word().env(&["VC_S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"]);
        /// Text before the name of each object, such as `pillion/`.
        prefix: Option<String> = word();
        /// Whether the bucket is in the path of URLs, and not in their host; `auto`: if an endpoint is set.
        path_style: PathStyle = path_style("auto");
        /// Id of the access key.
        access_key: Option<Secret> = secret().env(&["AWS_ACCESS_KEY_ID"]);
        /// The access key.
        secret_key: Option<Secret> = secret().env(&["AWS_SECRET_ACCESS_KEY"]);
        /// Token of a session, for temporary keys.
        session_token: Option<Secret> = secret().env(&["AWS_SESSION_TOKEN"]);
        /// PEM file with certificates to trust in addition to the system's; unset: only the system's.
        ca_file: Option<PathBuf> = path();
        /// Validity of a URL of the storage; 0: clients get no such URLs, and all bytes pass through the gateway.
        url_lifetime: Duration = duration(ZERO, DAY, "15m");
        /// Time for an answer of the storage, without its body.
        timeout: Duration = duration(SECOND, MINUTE, "10s");
    } with {
        /// Locations from the environment.
        system_certificates: SystemCertificates,
    }
}

/// The place of the bucket in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathStyle {
    /// In the path if an endpoint is set.
    #[default]
    Auto,
    /// In the path.
    On,
    /// In the host.
    Off,
}

const fn driver(default: &'static str) -> Row<StorageDriver> {
    let words = &["local", "s3"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "s3" => StorageDriver::S3,
            _ => StorageDriver::Local,
        }
    })
}

const fn anonymous(default: &'static str) -> Row<AnonymousRole> {
    let words = &["off", "read", "trusted"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "read" => AnonymousRole::Read,
            "trusted" => AnonymousRole::Trusted,
            _ => AnonymousRole::Off,
        }
    })
}

const fn path_style(default: &'static str) -> Row<PathStyle> {
    let words = &["auto", "on", "off"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        match word.as_str() {
            "on" => PathStyle::On,
            "off" => PathStyle::Off,
            _ => PathStyle::Auto,
        }
    })
}
