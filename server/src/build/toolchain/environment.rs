//! The environment of a `go` command: the program's path and the few variables that it inherits. All others, such as
//! secrets of the server, are withheld. Reads nothing but the directories of `PATH`.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Inherited variables beside `GO*` and `CGO_*`: paths of programs and caches, proxies, certificates, credentials for
/// private modules.
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

/// Names and values of variables.
#[derive(Debug, Clone)]
pub(super) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// The inherited variables of a build, and those that it needs. `home` is the directory of the caches if there is
    /// no home directory.
    pub(super) fn new(variables: &[(OsString, OsString)], home: &Path) -> Self {
        let is_inherited = |name: &OsStr| {
            let Some(name) = name.to_str() else {
                return false;
            };
            INHERITED.contains(&name) || name.starts_with("GO") || name.starts_with("CGO_")
        };
        let inherited = variables.iter().filter(|(name, _)| is_inherited(name));
        let mut environment = Self(inherited.cloned().collect());
        let flags = environment.get("GOFLAGS").and_then(OsStr::to_str);
        let others = flags.unwrap_or_default().split_whitespace();
        let mut flags: Vec<&str> = others.filter(|flag| !flag.contains("-mod=")).collect();
        flags.push("-mod=mod");
        let flags = flags.join(" ");
        environment.set("GOFLAGS", flags);
        environment.set("GO111MODULE", "on");
        // A workspace file above the build's directory would add its modules.
        environment.set("GOWORK", "off");
        // `BuildError` searches messages for English words.
        environment.set("LC_ALL", "C");
        let has_no_home = environment.get("HOME").is_none_or(OsStr::is_empty);
        for (name, below) in [("GOPATH", "go"), ("GOCACHE", "go-build")] {
            if has_no_home && environment.get(name).is_none() {
                environment.set(name, home.join(below));
            }
        }
        environment
    }

    /// Value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        let variable = self.0.iter().find(|(other, _)| other == name);
        variable.map(|(_, value)| value.as_os_str())
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.into(), value.into()));
    }

    /// All variables.
    pub(super) fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The first executable file of that name in `PATH`.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
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

    fn of(variables: &[(&str, &str)]) -> Environment {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Environment::new(&variables, Path::new("/srv/velox"))
    }

    #[test]
    fn variables_that_go_needs_are_inherited_and_no_others() {
        let environment = of(&[
            ("HOME", "/home/me"),
            ("GOPROXY", "off"),
            ("CGO_CFLAGS", "-O1"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("LD_PRELOAD", "x.so"),
        ]);
        assert_eq!(environment.get("GOPROXY"), Some("off".as_ref()));
        assert_eq!(environment.get("CGO_CFLAGS"), Some("-O1".as_ref()));
        assert_eq!(environment.get("AWS_SECRET_ACCESS_KEY"), None);
        assert_eq!(environment.get("LD_PRELOAD"), None);
        assert_eq!(environment.get("GOCACHE"), None, "below the home directory");
    }

    #[test]
    fn flags_are_inherited_except_mod() {
        let environment = of(&[("GOFLAGS", "-mod=vendor  -p=2")]);
        assert_eq!(environment.get("GOFLAGS"), Some("-p=2 -mod=mod".as_ref()));
        assert_eq!(of(&[]).get("GOFLAGS"), Some("-mod=mod".as_ref()));
    }

    #[test]
    fn caches_default_to_the_servers_directory_without_home() {
        let environment = of(&[("GOPATH", "/opt/go")]);
        assert_eq!(environment.get("GOPATH"), Some("/opt/go".as_ref()));
        assert_eq!(
            environment.get("GOCACHE"),
            Some("/srv/velox/go-build".as_ref())
        );
    }

    #[test]
    fn program_is_an_executable_file_of_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, bin) = (dir.path().join("empty"), dir.path().join("bin"));
        std::fs::create_dir_all(empty.join("go")).unwrap();
        std::fs::create_dir_all(&bin).unwrap();
        let path = format!("{}:{}", empty.display(), bin.display());
        let environment = of(&[("PATH", &path)]);
        assert_eq!(environment.program("go"), None);
        std::fs::write(bin.join("go"), "").unwrap();
        assert_eq!(environment.program("go"), None);
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("go"), all).unwrap();
        assert_eq!(environment.program("go"), Some(bin.join("go")));
    }
}
