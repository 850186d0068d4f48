//! Listening sockets: ports, and sockets in the file system. The latter get mode and group before they have their name,
//! replace what a killed server left there, and go with the server. Called by the task that starts the server.

use std::{
    fs,
    net::{SocketAddr, ToSocketAddrs},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
};

use pillion_engine::{
    Error, Result,
    config::{ListenAddress, ServeSettings},
    error::IoContext,
    host::dirs::group_id,
};
use rustix::fs::{Gid, chown};

use crate::http::{Listener, SocketName};

/// Mode and group of sockets in the file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketOwner {
    mode: u32,
    group: Option<u32>,
}

impl SocketOwner {
    pub(crate) fn new(settings: &ServeSettings) -> Result<Self> {
        let group = settings.socket_group.as_deref();
        Ok(Self {
            mode: settings.socket_mode,
            group: group
                .map(|name| group_id("serve.socket_group", name))
                .transpose()?,
        })
    }

    /// Sockets for the user and the group of the process.
    pub(crate) const fn of_process() -> Self {
        Self {
            mode: 0o660,
            group: None,
        }
    }
}

/// A listening socket with its address.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    pub(crate) listener: Listener,
    pub(crate) address: ListenAddress,
}

/// Binds an address of a setting and listens.
///
/// # Errors
/// The address is in use or not this machine's, or its directory is not usable.
pub(crate) fn bind(
    setting: &str,
    address: &ListenAddress,
    owner: &SocketOwner,
) -> Result<BoundSocket> {
    match address {
        ListenAddress::Tcp(text) => bind_port(setting, text),
        ListenAddress::Unix(path) => bind_path(setting, path, owner),
    }
}

fn bind_port(setting: &str, text: &str) -> Result<BoundSocket> {
    let doing = || format!("{setting} {text}");
    let listener =
        std::net::TcpListener::bind(resolve(setting, text)?.as_slice()).context(doing)?;
    listener.set_nonblocking(true).context(doing)?;
    let address = listener.local_addr().context(doing)?.to_string();
    let listener = tokio::net::TcpListener::from_std(listener).context(doing)?;
    Ok(BoundSocket {
        listener: Listener::Tcp(listener),
        address: ListenAddress::Tcp(address),
    })
}

fn bind_path(setting: &str, path: &Path, owner: &SocketOwner) -> Result<BoundSocket> {
    let doing = || format!("{setting} unix:{}", path.display());
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(Error::Config(format!(
                "{}: found a file that is no socket; expected a name that is free",
                doing()
            )));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(Error::Config(format!(
                "{}: found a socket of another program, which accepts connections; expected a name that is free",
                doing()
            )));
        }
    }
    let temporary = path.with_file_name(format!(".{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary).context(doing)?;
    let named = publish(&temporary, path, owner);
    if named.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    let name = named.context(doing)?;
    listener.set_nonblocking(true).context(doing)?;
    Ok(BoundSocket {
        listener: Listener::Unix {
            name,
            listener: tokio::net::UnixListener::from_std(listener).context(doing)?,
        },
        address: ListenAddress::Unix(path.to_owned()),
    })
}

fn publish(temporary: &Path, path: &Path, owner: &SocketOwner) -> std::io::Result<SocketName> {
    if let Some(group) = owner.group {
        chown(temporary, None, Some(Gid::from_raw(group)))?;
    }
    fs::set_permissions(temporary, fs::Permissions::from_mode(owner.mode))?;
    fs::rename(temporary, path)?;
    SocketName::of(path)
}

fn resolve(setting: &str, text: &str) -> Result<Vec<SocketAddr>> {
    // Go programs write ":9180" for all addresses of this machine.
    let full = match text.starts_with(':') {
        true => format!("[::]{text}"),
        false => text.to_owned(),
    };
    match full.to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Config(format!(
            "{setting}: found {text}; expected an address of this machine, such as 127.0.0.1:9180"
        ))),
    }
}

/// Checks that an address of a setting is reached from this machine only. `remedy` names settings that allow others.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn check_private(setting: &str, address: &ListenAddress, remedy: &str) -> Result<()> {
    let ListenAddress::Tcp(text) = address else {
        return Ok(());
    };
    if resolve(setting, text)?
        .iter()
        .all(|found| found.ip().is_loopback())
    {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{setting}: found {text}, an address beyond this machine, without a token; expected {remedy}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: SocketOwner = SocketOwner {
        mode: 0o620,
        group: None,
    };

    fn unix(path: &Path) -> ListenAddress {
        ListenAddress::Unix(path.to_owned())
    }

    #[tokio::test]
    async fn socket_replaces_a_dead_one_and_goes_with_its_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serve.sock");
        drop(UnixListener::bind(&path).unwrap());
        let bound = bind("serve.listen", &unix(&path), &OWNER).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o620);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let error = bind("serve.listen", &unix(&path), &OWNER)
            .unwrap_err()
            .to_string();
        assert!(error.contains("another program"), "{error}");
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn name_of_another_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serve.sock");
        let bound = bind("serve.listen", &unix(&path), &OWNER).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(bound);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn file_that_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        fs::write(&path, "text").unwrap();
        let error = bind("serve.listen", &unix(&path), &OWNER)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }

    #[test]
    fn address_beyond_the_machine_is_not_private() {
        let private = |address: &ListenAddress| check_private("serve.listen", address, "a token");
        let check = |text: &str| private(&ListenAddress::Tcp(text.into()));
        assert!(check("127.0.0.1:9180").is_ok() && check("[::1]:0").is_ok());
        assert!(private(&unix(Path::new("/run/a.sock"))).is_ok());
        for public in [":9180", "0.0.0.0:1", "192.0.2.1:80"] {
            let error = check(public).unwrap_err().to_string();
            assert!(
                error.starts_with("serve.listen: ") && error.ends_with("expected a token"),
                "{error}"
            );
        }
    }
}
