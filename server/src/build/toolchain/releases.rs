//! The core plugins of a RoadRunner release, as its `go.mod` pins them. Released versions never change, so that those
//! known at the time of writing need no network; for any other, the `go.mod` that the Go module proxy serves is read.
//! Pure, any thread.

use pillion_engine::velox::protocol::grammar::is_canonical_version;

use crate::build::validate::grammar::check_module_path;

/// Plugins of every RoadRunner.
const CORE_PLUGINS: [&str; 4] = ["config", "endure", "informer", "resetter"];
const OWNER: &str = "github.com/roadrunner-server";

/// Module and version of a core plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::build) struct CoreVersion {
    pub(in crate::build) module: String,
    pub(in crate::build) version: String,
}

impl CoreVersion {
    /// Module and version.
    pub(in crate::build) fn parts(&self) -> (&str, &str) {
        (&self.module, &self.version)
    }
}

/// A RoadRunner release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::build) struct Release {
    /// The version that the binary prints: `2025.1.9`, `master`.
    pub(in crate::build) name: String,
    /// The Go language version of its module, which is the oldest Go that builds it: `1.26.1`.
    pub(in crate::build) go: String,
    pub(in crate::build) config: CoreVersion,
    pub(in crate::build) endure: CoreVersion,
    pub(in crate::build) informer: CoreVersion,
    pub(in crate::build) resetter: CoreVersion,
}

/// Release, Go version, and versions of [`CORE_PLUGINS`], from the release's `go.mod`.
#[rustfmt::skip]
const KNOWN_RELEASES: [(&str, &str, [&str; 4]); 29] = [
    ("v2024.1.0", "1.22.2", ["v4.8.0", "v2.4.4", "v4.5.0", "v4.3.0"]),
    ("v2024.1.1", "1.22.2", ["v4.8.1", "v2.4.4", "v4.5.1", "v4.3.1"]),
    ("v2024.1.2", "1.22.3", ["v4.8.2", "v2.4.4", "v4.5.2", "v4.3.2"]),
    ("v2024.1.3", "1.22.4", ["v4.9.1", "v2.4.5", "v4.5.3", "v4.3.3"]),
    ("v2024.1.4", "1.22.4", ["v4.9.2", "v2.4.5", "v4.5.4", "v4.3.4"]),
    ("v2024.1.5", "1.22.4", ["v4.9.3", "v2.4.5", "v4.5.5", "v4.3.5"]),
    ("v2024.2.0", "1.22", ["v5.0.2", "v2.4.6", "v5.0.2", "v5.0.2"]),
    ("v2024.2.1", "1.23", ["v5.0.4", "v2.6.1", "v5.0.4", "v5.0.5"]),
    ("v2024.3.0", "1.23", ["v5.1.0", "v2.6.1", "v5.1.0", "v5.1.0"]),
    ("v2024.3.1", "1.23", ["v5.1.1", "v2.6.1", "v5.1.1", "v5.1.1"]),
    ("v2024.3.2", "1.23.2", ["v5.1.2", "v2.6.1", "v5.1.2", "v5.1.2"]),
    ("v2024.3.3", "1.23.2", ["v5.1.3", "v2.6.1", "v5.1.3", "v5.1.3"]),
    ("v2024.3.4", "1.24", ["v5.1.4", "v2.6.1", "v5.1.4", "v5.1.4"]),
    ("v2024.3.5", "1.24", ["v5.1.6", "v2.6.1", "v5.1.6", "v5.1.6"]),
    ("v2025.1.0", "1.24", ["v5.1.7", "v2.6.1", "v5.1.7", "v5.1.7"]),
    ("v2025.1.1", "1.24", ["v5.1.7", "v2.6.1", "v5.1.7", "v5.1.7"]),
    ("v2025.1.2", "1.24", ["v5.1.8", "v2.6.2", "v5.1.8", "v5.1.8"]),
    ("v2025.1.3", "1.25", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.4", "1.25", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.5", "1.25.4", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.6", "1.25.5", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.7", "1.26", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.8", "1.26", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.9", "1.26.1", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.11", "1.26.1", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.12", "1.26.1", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.13", "1.26.2", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.14", "1.26.3", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
    ("v2025.1.15", "1.26.4", ["v5.1.9", "v2.6.2", "v5.1.9", "v5.1.9"]),
];

impl Release {
    /// A release of the table.
    pub(in crate::build) fn known(tag: &str) -> Option<Self> {
        let (_, go, versions) = KNOWN_RELEASES.iter().find(|(known, ..)| *known == tag)?;
        let core = CORE_PLUGINS.iter().zip(versions).map(|(name, version)| {
            let major = version.split('.').next().unwrap_or_default();
            CoreVersion {
                module: format!("{OWNER}/{name}/{major}"),
                version: (*version).to_owned(),
            }
        });
        Self::assemble(tag, go, core.collect())
    }

    /// Reads the `go.mod` of a RoadRunner module.
    ///
    /// # Errors
    /// A sentence that names the missing line.
    pub(super) fn from_go_mod(tag: &str, text: &str) -> Result<Self, String> {
        let mut go = None;
        let mut core = Vec::new();
        for line in text.lines() {
            let line = line.split("//").next().unwrap_or_default().trim();
            let mut words = line
                .strip_prefix("require ")
                .unwrap_or(line)
                .split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("go"), Some(version), None) => go = Some(version),
                (Some(module), Some(version), None)
                    if core_plugin(module).is_some()
                        && check_module_path(module).is_ok()
                        && is_canonical_version(version) =>
                {
                    core.push(CoreVersion {
                        module: module.to_owned(),
                        version: version.to_owned(),
                    });
                }
                _ => {}
            }
        }
        let go = go.filter(|go| {
            go.split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        });
        let go = go.ok_or_else(|| format!("the go.mod of RoadRunner {tag} names no Go version"))?;
        Self::assemble(tag, go, core).ok_or_else(|| {
            format!(
                "the go.mod of RoadRunner {tag} does not pin all of {}",
                CORE_PLUGINS.join(", ")
            )
        })
    }

    fn assemble(tag: &str, go: &str, mut core: Vec<CoreVersion>) -> Option<Self> {
        let mut take = |name: &str| {
            let index = core
                .iter()
                .position(|plugin| core_plugin(&plugin.module) == Some(name))?;
            Some(core.swap_remove(index))
        };
        let [config, endure, informer, resetter] = CORE_PLUGINS.map(&mut take);
        let digit = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit());
        Some(Self {
            name: tag
                .strip_prefix('v')
                .filter(digit)
                .unwrap_or(tag)
                .to_owned(),
            go: go.to_owned(),
            config: config?,
            endure: endure?,
            informer: informer?,
            resetter: resetter?,
        })
    }
}

/// The name of a core plugin's module of any major version, or `None` for another module.
pub(in crate::build) fn core_plugin(module: &str) -> Option<&'static str> {
    let rest = module.strip_prefix(OWNER)?.strip_prefix('/')?;
    let name = rest.split_once('/').map_or(rest, |(name, _)| name);
    CORE_PLUGINS.into_iter().find(|core| *core == name)
}

/// The modules that may contain a RoadRunner version, the likeliest first. A branch or a commit does not show its major
/// version, so that the newest ones are tried.
pub(super) fn candidate_modules(rr_version: &str) -> Vec<String> {
    let module = |major: &str| format!("{OWNER}/roadrunner/{major}");
    match rr_version
        .strip_prefix('v')
        .and_then(|rest| rest.split('.').next())
    {
        Some("0" | "1") => vec![format!("{OWNER}/roadrunner")],
        Some(major) => vec![module(&format!("v{major}"))],
        None => ["v2025", "v3", "v2026"].map(module).to_vec(),
    }
}

/// First and last release of the table, for messages.
pub(in crate::build) fn known_range() -> (&'static str, &'static str) {
    let tag = |row: Option<&(&'static str, &str, [&str; 4])>| row.map_or("", |row| row.0);
    (tag(KNOWN_RELEASES.first()), tag(KNOWN_RELEASES.last()))
}

#[cfg(test)]
mod tests;
