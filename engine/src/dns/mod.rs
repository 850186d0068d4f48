//! Resolves host names like the C library, so that PHP and its runtime reach the same servers: `/etc/hosts`, then the
//! name servers of `/etc/resolv.conf` in their order, 127.0.0.1 if it lists none. Both files are checked for each
//! lookup, because a network or a VPN may start after the process. hickory sends the queries: asynchronously, and
//! cancelled with the future. On the runtime.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::Name,
};
use reqwest::dns::{Addrs, Resolve, Resolving};
use resolv_conf::Config;

use crate::descriptors;
use text::{candidates, hosts_entries};

mod text;

/// Name servers that are used, as in the C library (`MAXNS`).
const MAX_SERVERS: usize = 3;
/// Upper bound of the time that an answer is cached: the C library caches none.
const MAX_TTL: Duration = Duration::from_secs(60);
/// The same for the answer that a name does not exist: it may be created soon.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(1);
/// Time for which a name server that did not answer is asked last.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(30);

/// The resolver of one client.
#[derive(Debug, Clone)]
pub(crate) struct Dns(Arc<Files>);

#[derive(Debug)]
struct Files {
    resolv_conf: PathBuf,
    hosts: PathBuf,
    port: u16,
    // Held while a small file is read; never during a query.
    servers: Mutex<Option<Arc<Servers>>>,
}

/// The name servers of a `resolv.conf`.
#[derive(Debug)]
struct Servers {
    source: Option<FileStamp>,
    config: Config,
    list: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    ip: IpAddr,
    resolver: TokioResolver,
    unanswered: Mutex<Option<Instant>>,
}

/// Identifies the content of a file by its device, inode, size and times of change.
#[derive(Debug, PartialEq, Eq)]
struct FileStamp([u64; 3], [i64; 4]);

impl FileStamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(
            [metadata.dev(), metadata.ino(), metadata.size()],
            [
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ],
        ))
    }
}

impl Dns {
    /// The resolver of the system. Opens no file.
    pub(crate) fn system() -> Self {
        Self::new("/etc/resolv.conf", "/etc/hosts", 53)
    }

    fn new(resolv_conf: impl Into<PathBuf>, hosts: impl Into<PathBuf>, port: u16) -> Self {
        Self(Arc::new(Files {
            resolv_conf: resolv_conf.into(),
            hosts: hosts.into(),
            port,
            servers: Mutex::new(None),
        }))
    }
}

impl Dns {
    /// Returns the addresses of a host, which may be one itself.
    ///
    /// # Errors
    /// The name does not exist, or no name server answers.
    pub(crate) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        descriptors::reserve_stdio();
        let found = self.0.addresses(host).await.map_err(readable);
        descriptors::reserve_stdio();
        found
    }
}

impl Files {
    /// Returns the addresses of a host.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        let addresses = hosts_entries(&fs::read(&self.hosts).unwrap_or_default(), host);
        if !addresses.is_empty() {
            return Ok(addresses);
        }
        let servers = self.servers()?;
        let mut last = NetError::from("the host's name is not valid");
        for name in candidates(&servers.config, host) {
            match servers.query(name).await {
                Err(error @ NetError::Dns(_)) => last = error,
                // An answer; or a timeout, which other names would only repeat.
                answer => return answer,
            }
        }
        Err(last)
    }

    /// Returns the name servers of the current file.
    fn servers(&self) -> Result<Arc<Servers>, NetError> {
        // Before the file is read, so that a change in between is detected next time.
        let now = FileStamp::of(&self.resolv_conf);
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.as_ref().filter(|known| known.source == now) {
            return Ok(Arc::clone(known));
        }
        let text = fs::read(&self.resolv_conf).unwrap_or_default();
        let fresh = Arc::new(Servers::new(&text, now, self.port)?);
        *servers = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}

impl Servers {
    /// Parses a `resolv.conf`; invalid lines are skipped.
    fn new(text: &[u8], source: Option<FileStamp>, port: u16) -> Result<Self, NetError> {
        let (mut config, _) = Config::parse_with_errors(text);
        config.nameservers.truncate(MAX_SERVERS);
        let mut servers: Vec<IpAddr> = config.nameservers.iter().map(Into::into).collect();
        if servers.is_empty() {
            servers.push(Ipv4Addr::LOCALHOST.into());
        }
        let list = servers.into_iter().map(|ip| Server::new(ip, port, &config));
        Ok(Self {
            list: list.collect::<Result<_, _>>()?,
            source,
            config,
        })
    }

    /// Queries one server after the other until one answers, also that the name does not exist.
    async fn query(&self, name: Name) -> Result<Vec<IpAddr>, NetError> {
        let mut last = NetError::NoConnections;
        for _ in 0..self.config.attempts.max(1) {
            let (mut order, unanswered): (Vec<_>, Vec<_>) =
                self.list.iter().partition(|server| server.is_answering());
            order.extend(unanswered);
            for server in order {
                match server.resolver.lookup_ip(name.clone()).await {
                    Ok(found) => {
                        server.record(None);
                        return Ok(found.iter().collect());
                    }
                    Err(error) if error.is_no_records_found() => {
                        server.record(None);
                        return Err(error);
                    }
                    Err(error) => {
                        log::debug!(server = server.ip.to_string().as_str(), error = error.to_string().as_str(); "name server did not answer");
                        let answered = matches!(error, NetError::Dns(_));
                        server.record((!answered).then(Instant::now));
                        last = error;
                    }
                }
            }
        }
        Err(last)
    }
}

impl Server {
    fn new(ip: IpAddr, port: u16, config: &Config) -> Result<Self, NetError> {
        let mut server = match config.use_vc {
            true => NameServerConfig::tcp(ip),
            false => NameServerConfig::udp_and_tcp(ip),
        };
        for connection in &mut server.connections {
            connection.port = port;
        }
        let server = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(server, provider);
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = Duration::from_secs(config.timeout.clamp(1, 30).into());
        options.attempts = 0;
        options.edns0 = config.edns0;
        options.positive_max_ttl = Some(MAX_TTL);
        options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
        options.ip_strategy = match config.no_aaaa {
            true => LookupIpStrategy::Ipv4Only,
            false => LookupIpStrategy::Ipv6AndIpv4,
        };
        Ok(Self {
            ip,
            resolver: builder.build()?,
            unanswered: Mutex::new(None),
        })
    }

    fn record(&self, unanswered: Option<Instant>) {
        *self
            .unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = unanswered;
    }

    fn is_answering(&self) -> bool {
        let unanswered = *self
            .unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unanswered.is_none_or(|since| since.elapsed() > UNANSWERED_TIMEOUT)
    }
}

/// As an error for people: hickory's shows its query.
fn readable(error: NetError) -> io::Error {
    match error.is_no_records_found() {
        true => io::Error::new(io::ErrorKind::NotFound, "the host name is not known"),
        false => io::Error::other(error),
    }
}

impl Resolve for Dns {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        let files = Arc::clone(&self.0);
        Box::pin(async move {
            descriptors::reserve_stdio();
            let found = files.addresses(name.as_str()).await.map_err(readable)?;
            // For the connection that follows.
            descriptors::reserve_stdio();
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
