//! One secret a host, for tickets and signatures, created by the first process that needs it. Any thread.

use std::{
    fmt::{self, Write as _},
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::SystemTime,
};

use super::files;
use crate::{
    Error, Result,
    error::IoContext,
    failpoint::failpoint,
    file_size::without_sigxfsz,
    hmac,
    shm::publish::{self, STALE_TEMP_AGE},
};

/// Prefix of a secret that is being created; 16 random hex digits follow.
const TEMPORARY: &str = ".secret-";

/// 32 random bytes; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The bytes, for a signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Signs the concatenation of `parts`. `domain` separates the signatures of one purpose from all others.
    #[must_use]
    pub fn sign(&self, domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let inner = hmac::sign(&self.0, &[domain]);
        hmac::sign(&inner, parts)
    }

    /// Whether a signature of [`Secret::sign`] is the right one.
    #[must_use]
    pub fn is_signed(&self, domain: &[u8], parts: &[&[u8]], signature: &[u8; 32]) -> bool {
        hmac::is_equal(&self.sign(domain, parts), signature)
    }

    /// Reads the host's secret from `<state_dir>/secret`, and creates it if it is absent.
    ///
    /// # Errors
    /// The file can't be created, or its content is not 64 hex digits.
    pub fn of_host(state_dir: &Path) -> Result<Self> {
        let path = state_dir.join("secret");
        for _ in 0..2 {
            match read(&path) {
                Ok(text) => return Self::parse(&text, &path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => create(state_dir, &path)?,
                Err(error) => return Err(Error::io(format!("reading {}", path.display()), error)),
            }
        }
        Err(Error::State(format!("{} vanished", path.display())))
    }

    /// Reads the host's secret; `None` if it is absent.
    ///
    /// # Errors
    /// The file can't be read, or its content is not 64 hex digits.
    pub fn existing(state_dir: &Path) -> Result<Option<Self>> {
        let path = state_dir.join("secret");
        match read(&path) {
            Ok(text) => Self::parse(&text, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("reading {}", path.display()), error)),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut bytes = [0u8; 32];
        let text = text.trim();
        let mut digits = text.as_bytes().chunks_exact(2);
        for (byte, pair) in bytes.iter_mut().zip(&mut digits) {
            let pair = std::str::from_utf8(pair).unwrap_or("");
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad(path))?;
        }
        if text.len() == 64 {
            Ok(Self(bytes))
        } else {
            Err(bad(path))
        }
    }
}

fn bad(path: &Path) -> Error {
    Error::Config(format!(
        "{} does not hold 64 hex digits; remove it, and a new secret is made",
        path.display()
    ))
}

fn read(path: &Path) -> io::Result<String> {
    let bytes = files::read(path, 1024)?.ok_or(io::ErrorKind::NotFound)?;
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Publishes a new secret, unless another process is first.
fn create(state_dir: &Path, path: &Path) -> Result<()> {
    let mut random = [0u8; 40];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
    let hex = random.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let (name, secret) = hex.split_at(16);
    let temporary = state_dir.join(format!("{TEMPORARY}{name}"));
    let write = |temporary: &Path| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)?;
        without_sigxfsz(|| file.write_all(secret.as_bytes()))?;
        // Users that share the directory share the secret: without it none of them could join.
        let group = state_dir.metadata()?.mode() & 0o020;
        file.set_permissions(fs::Permissions::from_mode(0o600 | (group << 1)))?;
        file.sync_all()?;
        failpoint!("secret.written");
        Ok(())
    };
    publish::publish(&temporary, path, write, || failpoint!("secret.linked"))
        .map(drop)
        .context(|| format!("creating {}", path.display()))
}

/// Removes the temporary files of processes that died while they created the secret. Called by the leader.
pub fn sweep(state_dir: &Path, now: SystemTime) {
    publish::remove_stale(state_dir, now, STALE_TEMP_AGE, |name| {
        name.strip_prefix(TEMPORARY).is_some_and(|digits| {
            digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_dead_creators_go_and_those_of_living_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::of_host(dir.path()).unwrap();
        // Killed after the link: a second name of the secret.
        let dead = dir.path().join(".secret-0123456789abcdef");
        fs::hard_link(dir.path().join("secret"), &dead).unwrap();
        let strange = dir.path().join(".secret-santa");
        fs::write(&strange, "").unwrap();
        sweep(dir.path(), SystemTime::now());
        assert!(dead.exists(), "it may be under way");
        sweep(dir.path(), SystemTime::now() + STALE_TEMP_AGE * 2);
        assert!(!dead.exists() && strange.exists());
        assert!(Secret::of_host(dir.path()).unwrap() == secret);
    }

    #[test]
    fn first_secret_stays_for_all_processes() {
        let dir = tempfile::tempdir().unwrap();
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Secret::of_host(dir.path()).unwrap()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
        assert_ne!(secrets[0].bytes(), &[0; 32]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(format!("{:?}", secrets[0]), "Secret(…)");
    }

    #[test]
    fn secret_is_readable_for_the_group_of_a_shared_directory() {
        for (rights, expected) in [(0o700, 0o600), (0o2770, 0o640), (0o755, 0o600)] {
            let dir = tempfile::tempdir().unwrap();
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(rights)).unwrap();
            Secret::of_host(dir.path()).unwrap();
            let mode = dir.path().join("secret").metadata().unwrap().mode();
            assert_eq!(mode & 0o7777, expected, "in {rights:o}");
        }
    }

    #[test]
    fn symlink_in_its_place_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "0".repeat(64)).unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("secret")).unwrap();
        let error = Secret::of_host(dir.path()).unwrap_err();
        assert!(error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn damaged_secret_is_reported_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), "zz").unwrap();
        assert!(Secret::of_host(dir.path()).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "zz");
    }
}
