//! What a Go toolchain can build for. It is asked once for each of its versions, because the answer may
//! have to be compiled first (`go tool dist`). Build tasks.

use std::sync::{Mutex, PoisonError};

use crate::build::{
    failure::{Failure, Stage},
    rpc::protocol::Platform,
    toolchain::Toolchain,
};

/// Go versions whose targets were asked for, with the targets; a server meets one or two of them.
#[derive(Debug, Default)]
pub(in crate::build) struct GoTargets(Mutex<Vec<(String, Vec<String>)>>);

impl GoTargets {
    /// Refuses a target that this Go does not know.
    ///
    /// # Errors
    /// The target, and those of the same system that there are.
    pub(in crate::build) async fn check(
        &self,
        platform: &Platform,
        version: &str,
        toolchain: &mut Toolchain<'_>,
    ) -> Result<(), Failure> {
        let known = match self.of(version) {
            Some(known) => known,
            None => {
                let command = "go tool dist list";
                let output = toolchain.run(&["tool", "dist", "list"]).await;
                let output = output.map_err(|error| Failure::go(Stage::Server, command, error))?;
                let lines = String::from_utf8_lossy(&output);
                self.remember(version, lines.lines().map(str::to_owned).collect())
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
        Err(Failure::build(message))
    }

    fn of(&self, version: &str) -> Option<Vec<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(other, _)| other == version);
        found.map(|(_, targets)| targets.clone())
    }

    fn remember(&self, version: &str, targets: Vec<String>) -> Vec<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(8);
        known.insert(0, (version.to_owned(), targets.clone()));
        targets
    }
}
