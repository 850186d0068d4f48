//! A proxy before a real Redis: it refuses what Dragonfly does not have, with its texts, and it can be silent, slow, or
//! answer wrongly. Two threads for each connection: one passes commands on, one answers.

mod command;
mod dragonfly;

use std::{
    io::{self, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use command::Command;
use dragonfly::Dragonfly;

/// How commands are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// By the server.
    Pass,
    /// Not at all; what is sent meanwhile is never answered.
    Silent,
    /// By the server, after so long.
    Slow(Duration),
    /// With these bytes, each command.
    Bytes(Vec<u8>),
}

impl Manner {
    /// From its words: `pass`, `silent`, `slow MILLISECONDS`, `bytes TEXT` with `\r` and `\n` for these bytes.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        match (word, rest) {
            ("pass", "") => Some(Self::Pass),
            ("silent", "") => Some(Self::Silent),
            ("slow", time) => Some(Self::Slow(Duration::from_millis(time.parse().ok()?))),
            ("bytes", text) => {
                let text = text.replace("\\r", "\r").replace("\\n", "\n");
                Some(Self::Bytes(text.into_bytes()))
            }
            _ => None,
        }
    }
}

/// The proxy.
#[derive(Debug)]
pub struct FakeRedis {
    server: PathBuf,
    is_dragonfly: bool,
    manner: Mutex<Manner>,
    connections: AtomicU64,
    commands: AtomicU64,
}

impl FakeRedis {
    /// Listens on a unix socket, before the server on another one.
    ///
    /// # Errors
    /// The socket can't be bound, or a thread can't be started.
    pub fn start(socket: &Path, server: &Path, is_dragonfly: bool) -> io::Result<Arc<Self>> {
        let listener = UnixListener::bind(socket)?;
        let proxy = Arc::new(Self {
            server: server.to_owned(),
            is_dragonfly,
            manner: Mutex::new(Manner::Pass),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&proxy);
        thread::Builder::new().spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = Arc::clone(&accepting);
                proxy.connections.fetch_add(1, Ordering::Relaxed);
                // A client that can't be served is gone.
                let _ = thread::Builder::new().spawn(move || proxy.serve(client));
            }
        })?;
        Ok(proxy)
    }

    /// Sets how commands are answered from now on.
    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Connections so far, and commands.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (
            self.connections.load(Ordering::Relaxed),
            self.commands.load(Ordering::Relaxed),
        )
    }

    fn manner(&self) -> Manner {
        let manner = self.manner.lock();
        manner.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, client: UnixStream) -> io::Result<()> {
        let server = UnixStream::connect(&self.server)?;
        let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
        thread::Builder::new().spawn(move || {
            let _ = io::copy(&mut answers, &mut back);
            let _ = back.shutdown(std::net::Shutdown::Both);
        })?;
        let passed = self.pass(&client, &server);
        let _ = server.shutdown(std::net::Shutdown::Both);
        passed
    }

    fn pass(&self, client: &UnixStream, mut server: &UnixStream) -> io::Result<()> {
        let mut commands = BufReader::new(client);
        let mut dragonfly = Dragonfly::default();
        while let Some(command) = Command::read(&mut commands)? {
            self.commands.fetch_add(1, Ordering::Relaxed);
            match self.manner() {
                Manner::Pass => {}
                Manner::Silent => continue,
                Manner::Slow(time) => thread::sleep(time),
                Manner::Bytes(bytes) => {
                    let mut client = client;
                    client.write_all(&bytes)?;
                    continue;
                }
            }
            let refusal = dragonfly.refusal(&command).filter(|_| self.is_dragonfly);
            match refusal {
                // The server answers, so that answers keep their order.
                Some(text) => server.write_all(&Command::that_fails(&text).bytes())?,
                None => server.write_all(&command.bytes())?,
            }
        }
        Ok(())
    }
}
