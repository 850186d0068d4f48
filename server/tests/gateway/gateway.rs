//! A gateway over a directory, with the tokens `trusted`, `pr-1`, `pr-2` and `read` for the roles of these names.

use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

use pillion_engine::config::{self, ListenAddress, Sources};
use pillion_server::{gateway::Server, serve::Stop};
use tempfile::TempDir;

use crate::client::Client;

const TOKENS: &str = "trusted trusted\nwrite:pr-1 pr-1\nwrite:pr-2 pr-2\nread read\n";

/// A running gateway, stopped when it is dropped.
pub struct TestGateway {
    pub dir: TempDir,
    pub address: SocketAddr,
    stop: Stop,
}

impl TestGateway {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more settings.
    pub fn with(more: &[(&str, &str)]) -> Self {
        // Many small files, each synced: in memory where there is such a file system.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::inside(dir.unwrap(), more)
    }

    /// Starts one for which no token is configured.
    pub fn without_tokens(more: &[(&str, &str)]) -> Self {
        Self::begin(tempfile::tempdir().unwrap(), more, false)
    }

    /// Starts one over the artifacts that a directory has.
    pub fn inside(dir: TempDir, more: &[(&str, &str)]) -> Self {
        Self::begin(dir, more, true)
    }

    fn begin(dir: TempDir, more: &[(&str, &str)], has_tokens: bool) -> Self {
        let tokens = dir.path().join("tokens");
        std::fs::write(&tokens, TOKENS).unwrap();
        let mut settings: HashMap<String, String> = [
            ("listen", "127.0.0.1:0".into()),
            ("local_root", dir.path().join("store").display().to_string()),
        ]
        .map(|(name, value)| (format!("pillion.gateway_{name}"), value))
        .into();
        if has_tokens {
            let tokens = tokens.display().to_string();
            settings.insert("pillion.gateway_token_file".into(), tokens);
        }
        for (name, value) in more {
            settings.insert(format!("pillion.gateway_{name}"), (*value).to_owned());
        }
        let resolved = config::resolve(&Sources {
            ini: &|name| settings.get(name).cloned(),
            env: &|_| None,
            read_file: &config::file::read,
            cwd: dir.path(),
        });
        assert!(resolved.errors.is_empty(), "{:?}", resolved.errors);
        let server = Server::open(resolved.settings.gateway).unwrap();
        let [ListenAddress::Tcp(address)] = &server.addresses()[..] else {
            panic!("no port");
        };
        let address = address.parse().unwrap();
        let stop = Stop::default();
        tokio::spawn(server.run(stop.clone()));
        Self { dir, address, stop }
    }

    /// Connects with a token.
    pub async fn client(&self, token: &str) -> Client {
        Client::connect(self.address, token).await
    }

    /// All files of the store.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.dir.path().join("store")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => files.push(path),
                }
            }
        }
        files
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.stop.graceful.cancel();
        self.stop.now.cancel();
    }
}
