//! The manifests of a package: names, and the packages that it depends on, from `package.json` and `composer.json`.
//! Reads files.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result, error::IoContext as _, host::files};

/// Bytes of a manifest at most.
const MAX_MANIFEST: u64 = 16 << 20;

/// File names of manifests, the first one names the package.
const PACKAGE_JSON: &str = "package.json";
const COMPOSER_JSON: &str = "composer.json";

/// The manifests of one directory.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// The names of the package: npm's, then Composer's.
    pub names: Vec<String>,
    /// The packages that it depends on.
    pub needs: Vec<Need>,
    /// Patterns of the packages of a workspace, if this is its root.
    pub members: Vec<String>,
    /// Whether the directory has a manifest.
    pub exists: bool,
}

/// A dependency that may be a package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// By name: a package of the workspace if there is one of the name.
    Name(String),
    /// By name: `workspace:`, an error if there is none.
    Member {
        /// The name of the package.
        name: String,
        /// As written in the manifest.
        written: String,
    },
    /// By its directory, relative to the package.
    Path(String),
}

#[derive(Deserialize, Default)]
struct PackageJson {
    name: Option<String>,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: BTreeMap<String, Value>,
    #[serde(default, rename = "optionalDependencies")]
    optional_dependencies: BTreeMap<String, Value>,
    #[serde(default, rename = "peerDependencies")]
    peer_dependencies: BTreeMap<String, Value>,
    workspaces: Option<Value>,
}

#[derive(Deserialize, Default)]
struct ComposerJson {
    name: Option<String>,
    #[serde(default)]
    require: Value,
    #[serde(default, rename = "require-dev")]
    require_dev: Value,
    #[serde(default)]
    repositories: Value,
}

impl Manifest {
    /// Reads the manifests of a directory; both may be absent.
    ///
    /// # Errors
    /// A manifest can't be read or is invalid.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut manifest = Self::default();
        if let Some(npm) = read_json::<PackageJson>(&directory.join(PACKAGE_JSON))? {
            manifest.add_npm(npm);
        }
        if let Some(composer) = read_json::<ComposerJson>(&directory.join(COMPOSER_JSON))? {
            manifest.add_composer(composer);
        }
        Ok(manifest)
    }

    fn add_npm(&mut self, npm: PackageJson) {
        self.exists = true;
        self.names.extend(npm.name.filter(|name| !name.is_empty()));
        let groups = [
            npm.dependencies,
            npm.dev_dependencies,
            npm.optional_dependencies,
            npm.peer_dependencies,
        ];
        for (name, version) in groups.into_iter().flatten() {
            self.needs
                .extend(need(name, version.as_str().unwrap_or_default()));
        }
        // npm and pnpm write a list, yarn a list or a map with `packages`.
        let members = match &npm.workspaces {
            Some(Value::Object(map)) => map.get("packages"),
            other => other.as_ref(),
        };
        self.members.extend(texts(members));
    }

    fn add_composer(&mut self, composer: ComposerJson) {
        self.exists = true;
        let name = composer.name.filter(|name| !name.is_empty());
        self.names
            .extend(name.filter(|name| !self.names.contains(name)));
        for group in [&composer.require, &composer.require_dev] {
            // An empty list stands for an empty map in PHP's JSON.
            let names = group.as_object().into_iter().flat_map(|map| map.keys());
            self.needs.extend(names.cloned().map(Need::Name));
        }
        let repositories: Box<dyn Iterator<Item = &Value>> = match &composer.repositories {
            Value::Array(list) => Box::new(list.iter()),
            Value::Object(map) => Box::new(map.values()),
            _ => Box::new(std::iter::empty()),
        };
        for repository in repositories {
            if repository.get("type").and_then(Value::as_str) == Some("path") {
                let url = repository.get("url").and_then(Value::as_str);
                self.members.extend(url.map(str::to_owned));
            }
        }
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array);
    let texts = items.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The dependency with this version in `package.json`; `None` if it comes from elsewhere.
fn need(name: String, version: &str) -> Option<Need> {
    let version = version.trim();
    if let Some(rest) = version.strip_prefix("workspace:") {
        if rest.starts_with('.') {
            return Some(Need::Path(rest.to_owned()));
        }
        // An alias: `workspace:other@*`.
        let target = match rest.rsplit_once('@') {
            Some((target, _)) if !target.is_empty() => target.to_owned(),
            _ => name,
        };
        return Some(Need::Member {
            name: target,
            written: version.to_owned(),
        });
    }
    for scheme in ["file:", "link:", "portal:"] {
        if let Some(path) = version.strip_prefix(scheme) {
            return Some(Need::Path(path.to_owned()));
        }
    }
    // A range, a tag, or pnpm's catalog. Others are URLs, repositories and packages of another name.
    let is_range = version.starts_with("catalog:") || !version.contains([':', '/']);
    is_range.then_some(Need::Name(name))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    // A manifest is no secret, and may be a link, as in Nix' and Bazel's sandboxes.
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(format!("opening {}", path.display()), error)),
    };
    let bytes =
        files::read(&real, MAX_MANIFEST).context(|| format!("reading {}", path.display()))?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match serde_json::from_slice(text) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => Err(Error::Config(format!(
            "{}: invalid JSON: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_members_from_other_packages() {
        let name = |text: &str| Some(Need::Name(text.into()));
        let member = |text: &str, written: &str| {
            Some(Need::Member {
                name: text.into(),
                written: written.into(),
            })
        };
        for (version, expected) in [
            ("workspace:*", member("lib", "workspace:*")),
            ("workspace:^1.2", member("lib", "workspace:^1.2")),
            ("workspace:@a/b@*", member("@a/b", "workspace:@a/b@*")),
            ("workspace:../lib", Some(Need::Path("../lib".into()))),
            ("file:../lib", Some(Need::Path("../lib".into()))),
            ("link:lib", Some(Need::Path("lib".into()))),
            ("^1.0.0", name("lib")),
            ("*", name("lib")),
            ("", name("lib")),
            (">=1 <2 || 3", name("lib")),
            ("catalog:", name("lib")),
            ("npm:other@1", None),
            ("git+ssh://git@h/x.git", None),
            ("user/repo", None),
            ("https://h/x.tgz", None),
        ] {
            assert_eq!(need("lib".into(), version), expected, "{version}");
        }
    }
}
