//! Targets of a Go toolchain, queried once for each of its versions, because `go` may first have to compile the answer
//! (`go tool dist`). Build tasks.

use std::sync::{Mutex, PoisonError};

use pillion_engine::velox::Platform;

use super::Toolchain;
use crate::build::error::{BuildError, GoStage};

/// A server has one or two versions of Go; above the limit the oldest entries are dropped.
const MAX_VERSIONS: usize = 8;

/// Go versions with their targets.
#[derive(Debug, Default)]
pub(in crate::build) struct GoTargets(Mutex<Vec<(String, Vec<String>)>>);

impl GoTargets {
    /// Fails if this Go does not know the target.
    ///
    /// # Errors
    /// Names the target, and the known ones of the same system.
    pub(in crate::build) async fn check(
        &self,
        platform: &Platform,
        version: &str,
        toolchain: &mut Toolchain<'_>,
    ) -> Result<(), BuildError> {
        let known = match self.cached(version) {
            Some(known) => known,
            None => {
                let output = toolchain.run(&["tool", "dist", "list"]).await;
                let output = output.map_err(|error| {
                    BuildError::go(GoStage::Toolchain, "go tool dist list", error)
                })?;
                let lines = String::from_utf8_lossy(&output);
                let targets = lines.lines().map(str::to_owned).collect();
                self.insert(version, targets)
            }
        };
        let target = format!("{}/{}", platform.os, platform.arch);
        if known.contains(&target) {
            return Ok(());
        }
        let same_system = |known: &&String| known.split('/').next() == Some(&platform.os);
        let near: Vec<&str> = known
            .iter()
            .filter(same_system)
            .map(String::as_str)
            .collect();
        let hint = if near.is_empty() {
            "`go tool dist list` shows all".to_owned()
        } else {
            format!("there are {}", near.join(", "))
        };
        let message = format!("unsupported GOOS/GOARCH pair {target}; {hint}");
        Err(BuildError::build(message))
    }

    fn cached(&self, version: &str) -> Option<Vec<String>> {
        let versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = versions.iter().find(|(other, _)| other == version);
        entry.map(|(_, targets)| targets.clone())
    }

    fn insert(&self, version: &str, targets: Vec<String>) -> Vec<String> {
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        versions.truncate(MAX_VERSIONS - 1);
        versions.insert(0, (version.to_owned(), targets.clone()));
        targets
    }
}
