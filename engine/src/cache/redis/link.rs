//! One connection to the server of the second tier. The client crate gets a stream that is connected here, so that
//! names are resolved, certificates trusted and answers bounded as everywhere else. On the runtime.

use std::{io, sync::Arc};

use ::redis::{
    AsyncConnectionConfig, ErrorKind, Pipeline, ProtocolVersion, PushInfo, PushKind,
    RedisConnectionInfo, RedisError, Value, aio::MultiplexedConnection,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::AbortHandle,
};
use tokio_rustls::TlsConnector;

use super::bounded::Bounded;
use crate::{
    config::{CacheSettings, RedisTarget, RedisUrl},
    descriptors,
    dns::Dns,
    tls,
};

/// Commands that wait for the connection; more wait for a place.
const MAX_WAITING: usize = 1024;

/// What happens on a connection. Reported in the order of the answers, on the task that reads them.
#[derive(Debug)]
pub(super) enum Event {
    /// Keys that were read on it are changed; `None`: any of them.
    Changed(Option<Vec<Vec<u8>>>),
    /// It has ended.
    End,
}

/// Connects to one server.
#[derive(Debug)]
pub(super) struct Connector {
    url: RedisUrl,
    settings: CacheSettings,
    dns: Dns,
}

/// A connection. Its commands are pipelined.
#[derive(Debug)]
pub(super) struct Link {
    /// The number of the connection in this process.
    pub(super) number: u64,
    /// Whether the server reports changes of keys that were read on it.
    pub(super) is_tracking: bool,
    connection: MultiplexedConnection,
    driver: AbortHandle,
}

impl Link {
    /// Asks the server to report changes of keys, also those by this connection: with `NOLOOP` it would not report a
    /// key either that it evicts, or ceases to track, while it executes a command of this connection. Returns `false` if
    /// it does not report changes.
    async fn track(&self) -> Result<bool, RedisError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("CLIENT").arg("TRACKING").arg("ON");
        let answers = self.send(&pipeline).await?;
        Ok(matches!(answers.first(), Some(Value::Okay)))
    }

    /// Sends commands, and returns one answer for each.
    pub(super) async fn send(&self, pipeline: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let mut connection = self.connection.clone();
        let values = connection
            .send_packed_commands(pipeline, 0, pipeline.len())
            .await?;
        if values.len() == pipeline.len() {
            return Ok(values);
        }
        Err((
            ErrorKind::UnexpectedReturnType,
            "not one answer for each command",
        )
            .into())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connector {
    pub(super) fn new(url: RedisUrl, settings: CacheSettings) -> Self {
        Self {
            url,
            settings,
            dns: Dns::system(),
        }
    }

    /// Connects and authenticates.
    pub(super) async fn connect(
        &self,
        number: u64,
        events: impl Fn(Event) + Clone + Send + Sync + 'static,
    ) -> Result<Link, RedisError> {
        match &self.url.target {
            RedisTarget::Unix(path) => {
                descriptors::reserve_stdio();
                let stream = UnixStream::connect(path).await?;
                self.set_up(stream, number, events).await
            }
            RedisTarget::Tcp { host, port, tls } => {
                let stream = self.connect_tcp(host, *port).await?;
                if !tls {
                    return self.set_up(stream, number, events).await;
                }
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let config = self.tls_config().await?;
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                self.set_up(stream, number, events).await
            }
        }
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the host has no address");
        for address in self.dns.addresses(host).await? {
            descriptors::reserve_stdio();
            match TcpStream::connect((address, port)).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn tls_config(&self) -> io::Result<Arc<ClientConfig>> {
        let (file, system) = (
            self.settings.ca_file.clone(),
            self.settings.system_certificates.clone(),
        );
        let config = crate::threads::blocking(move || {
            tls::client_config("cache.ca_file", file.as_deref(), &system)
        });
        let config = config.await.and_then(|config| config);
        config.map(Arc::new).map_err(io::Error::other)
    }

    async fn set_up<S>(
        &self,
        stream: S,
        number: u64,
        events: impl Fn(Event) + Clone + Send + Sync + 'static,
    ) -> Result<Link, RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name()
            .set_db(self.url.database.into());
        if let Some(user) = &self.url.user {
            info = info.set_username(user);
        }
        if let Some(password) = &self.url.password {
            info = info.set_password(password.expose());
        }
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None)
            .set_pipeline_buffer_size(MAX_WAITING)
            .set_push_sender({
                let events = events.clone();
                move |info: PushInfo| -> Result<(), ()> {
                    if info.kind == PushKind::Invalidate {
                        events(Event::Changed(changed_keys(info.data)));
                    }
                    Ok(())
                }
            });
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, Bounded::new(stream), config).await?;
        let driver = tokio::spawn(async move {
            driver.await;
            events(Event::End);
        });
        let mut link = Link {
            number,
            is_tracking: false,
            connection,
            driver: driver.abort_handle(),
        };
        link.is_tracking = link.track().await?;
        Ok(link)
    }
}

/// The keys of a report; `None`: any key.
fn changed_keys(data: Vec<Value>) -> Option<Vec<Vec<u8>>> {
    let Some(Value::Array(keys)) = data.into_iter().next() else {
        return None;
    };
    let key = |key| match key {
        Value::BulkString(key) => Some(key),
        Value::SimpleString(key) => Some(key.into_bytes()),
        _ => None,
    };
    keys.into_iter().map(key).collect()
}
