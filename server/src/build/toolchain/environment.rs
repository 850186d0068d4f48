//! What a `go` command sees of this machine: where `go` is, and the few variables that it gets. All
//! others, secrets of the server among them, stay behind. Pure but for one look at the file system.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Variables that reach `go`, besides those that start with `GO` or `CGO_`: where it finds programs,
/// caches, proxies, certificates and credentials for private modules.
const INHERITED: [&str; 24] = [
    "ALL_PROXY",
    "CC",
    "CXX",
    "GIT_CONFIG_GLOBAL",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LOGNAME",
    "NETRC",
    "NO_PROXY",
    "PATH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Names and values.
#[derive(Debug, Clone)]
pub(in crate::build) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// What is inherited of `variables`, and what every build wants. `home` is where the caches go when
    /// there is no home directory.
    pub(in crate::build) fn new(variables: &[(OsString, OsString)], home: &Path) -> Self {
        let inherited = |name: &OsStr| {
            let Some(name) = name.to_str() else {
                return false;
            };
            INHERITED.contains(&name) || name.starts_with("GO") || name.starts_with("CGO_")
        };
        let kept = variables.iter().filter(|(name, _)| inherited(name));
        let mut environment = Self(kept.cloned().collect());
        let flags = environment.get("GOFLAGS").and_then(OsStr::to_str);
        let others = flags.unwrap_or_default().split_whitespace();
        let mut flags: Vec<&str> = others.filter(|flag| !flag.contains("-mod=")).collect();
        flags.push("-mod=mod");
        let flags = flags.join(" ");
        environment.set("GOFLAGS", flags);
        environment.set("GO111MODULE", "on");
        // A workspace file above the build's directory would mix its modules in.
        environment.set("GOWORK", "off");
        // Messages are searched for words.
        environment.set("LC_ALL", "C");
        let homeless = environment.get("HOME").is_none_or(OsStr::is_empty);
        for (name, below) in [("GOPATH", "go"), ("GOCACHE", "go-build")] {
            if homeless && environment.get(name).is_none() {
                environment.set(name, home.join(below));
            }
        }
        environment
    }

    /// A variable's value.
    pub(in crate::build) fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Gives a variable a value.
    pub(in crate::build) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.into(), value.into()));
    }

    /// All of them.
    pub(in crate::build) fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The program of that name in `PATH`.
    pub(in crate::build) fn program(&self, name: &str) -> Option<PathBuf> {
        let mut files = std::env::split_paths(self.get("PATH")?).map(|dir| dir.join(name));
        files.find(|file| {
            let meta = std::fs::metadata(file);
            meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Environment::new(&variables, Path::new("/srv/velox"))
    }

    #[test]
    fn what_go_needs_is_passed_on_and_what_it_does_not_need_is_not() {
        let seen = environment(&[
            ("HOME", "/home/me"),
            ("GOPROXY", "off"),
            ("CGO_CFLAGS", "-O1"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("LD_PRELOAD", "x.so"),
        ]);
        assert_eq!(seen.get("GOPROXY"), Some("off".as_ref()));
        assert_eq!(seen.get("CGO_CFLAGS"), Some("-O1".as_ref()));
        assert_eq!(seen.get("AWS_SECRET_ACCESS_KEY"), None);
        assert_eq!(seen.get("LD_PRELOAD"), None);
        assert_eq!(seen.get("GOCACHE"), None, "below the home directory");
    }

    #[test]
    fn flags_are_kept_but_for_the_one_that_must_be_ours() {
        let seen = environment(&[("GOFLAGS", "-mod=vendor  -p=2")]);
        assert_eq!(seen.get("GOFLAGS"), Some("-p=2 -mod=mod".as_ref()));
        assert_eq!(environment(&[]).get("GOFLAGS"), Some("-mod=mod".as_ref()));
    }

    #[test]
    fn without_a_home_directory_the_caches_lie_in_the_servers() {
        let seen = environment(&[("GOPATH", "/opt/go")]);
        assert_eq!(seen.get("GOPATH"), Some("/opt/go".as_ref()));
        assert_eq!(seen.get("GOCACHE"), Some("/srv/velox/go-build".as_ref()));
    }

    #[test]
    fn a_program_is_an_executable_file_of_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, bin) = (dir.path().join("empty"), dir.path().join("bin"));
        std::fs::create_dir_all(empty.join("go")).unwrap();
        std::fs::create_dir_all(&bin).unwrap();
        let path = format!("{}:{}", empty.display(), bin.display());
        let seen = environment(&[("PATH", &path)]);
        assert_eq!(seen.program("go"), None);
        std::fs::write(bin.join("go"), "").unwrap();
        assert_eq!(seen.program("go"), None);
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("go"), all).unwrap();
        assert_eq!(seen.program("go"), Some(bin.join("go")));
    }
}
