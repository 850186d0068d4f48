//! Questions to the Go toolchain before a build: which version it is, what a RoadRunner release or a
//! moving tag stands for, what the modules resolved to. Answers come from `go` itself, so that proxies,
//! private modules and toolchain switching work as its owner set them up. Runs in build tasks.

mod environment;
pub(super) mod go;
pub(super) mod go_targets;
mod go_version;
pub(super) mod releases;

use std::path::Path;

use serde::Deserialize;

use crate::build::{
    cancellation::StopSignal,
    failure::{Failure, Stage},
    progress::Progress,
    rpc::protocol::Plugin,
    validate::grammar,
};
use go::{Go, GoError};
use go_version::is_older;
use releases::Release;

/// One `go` and all that a command of a build needs.
#[derive(Debug)]
pub(in crate::build) struct Toolchain<'a> {
    pub(in crate::build) go: Go,
    /// The directory of the build's module.
    pub(in crate::build) dir: &'a Path,
    pub(in crate::build) progress: &'a Progress,
    pub(in crate::build) stop: &'a mut StopSignal,
}

/// What `go list -m -json` tells of a module.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::build) struct Module {
    pub(in crate::build) path: String,
    pub(in crate::build) version: String,
    go_mod: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
struct Env {
    goversion: String,
    gotoolchain: String,
}

impl Toolchain<'_> {
    /// One command; its standard output.
    pub(in crate::build) async fn run(&mut self, args: &[&str]) -> Result<Vec<u8>, GoError> {
        self.go.run(self.dir, args, self.progress, self.stop).await
    }

    /// Refuses a Go that is too old for the release and may not fetch a newer one; gives its version.
    ///
    /// # Errors
    /// The version that is needed and the one that is there.
    pub(in crate::build) async fn fit_for(&mut self, release: &Release) -> Result<String, Failure> {
        let output = self
            .run(&["env", "-json", "GOVERSION", "GOTOOLCHAIN"])
            .await;
        let output = output.map_err(|error| Failure::go(Stage::Server, "go env", error))?;
        let env: Env = serde_json::from_slice(&output).unwrap_or_default();
        // Since 1.21 go fetches a newer toolchain by itself, unless it is told not to.
        let may_switch = env.gotoolchain != "local" && !is_older(&env.goversion, "1.21");
        if !may_switch && is_older(&env.goversion, &release.go) {
            return Err(Failure::build(format!(
                "Go {} or newer is needed for RoadRunner {}, and the `go` in PATH of the build server is {}",
                release.go,
                release.name,
                if env.goversion.is_empty() {
                    "is_older than 1.16"
                } else {
                    &env.goversion
                },
            )));
        }
        Ok(env.goversion)
    }

    /// The release that `rr_version` names: from the table, or from the `go.mod` that the module proxy
    /// serves.
    ///
    /// # Errors
    /// In the real server's wording for a version that there is not.
    pub(in crate::build) async fn release(&mut self, rr_version: &str) -> Result<Release, Failure> {
        if let Some(release) = Release::known(rr_version) {
            return Ok(release);
        }
        let mut said = String::new();
        if grammar::version_query(rr_version).is_ok() {
            for module in releases::modules_of(rr_version) {
                let query = format!("{module}@{rr_version}");
                match self.run(&["list", "-m", "-json", &query]).await {
                    Ok(output) => {
                        let found: Module = serde_json::from_slice(&output).unwrap_or_default();
                        let text = std::fs::read_to_string(&found.go_mod).unwrap_or_default();
                        return Release::from_go_mod(rr_version, &text).map_err(Failure::template);
                    }
                    Err(GoError::Failed(_, stderr)) => said += &String::from_utf8_lossy(&stderr),
                    Err(other) => return Err(Failure::go(Stage::Template, "go list -m", other)),
                }
            }
        }
        Err(Failure::unknown_release(rr_version, &said))
    }

    /// Replaces branches, commits and `latest` by the versions that they stand for now.
    ///
    /// # Errors
    /// What `go` said of a tag that it can't find.
    pub(in crate::build) async fn pin(
        &mut self,
        plugins: &[Plugin],
    ) -> Result<Vec<Plugin>, Failure> {
        let mut pinned = Vec::with_capacity(plugins.len());
        for Plugin { module_name, tag } in plugins {
            if grammar::canonical_version(tag) && grammar::version_fits_path(tag, module_name) {
                pinned.push(Plugin {
                    module_name: module_name.clone(),
                    tag: tag.clone(),
                });
                continue;
            }
            let query = format!("{module_name}@{tag}");
            let output = self.run(&["list", "-m", "-json", &query]).await;
            let output = output.map_err(|error| {
                Failure::go(Stage::Plugins, &format!("go list -m {query}"), error)
            })?;
            let found: Module = serde_json::from_slice(&output).unwrap_or_default();
            if !grammar::canonical_version(&found.version) {
                return Err(Failure::build(format!(
                    "go list -m {query} names no version but {:?}",
                    found.version
                )));
            }
            self.progress.line(&format!("{query} is {}", found.version));
            pinned.push(Plugin {
                module_name: module_name.clone(),
                tag: found.version,
            });
        }
        Ok(pinned)
    }

    /// What the modules resolved to after tidying.
    ///
    /// # Errors
    /// What `go` said.
    pub(in crate::build) async fn resolved(
        &mut self,
        plugins: &[Plugin],
    ) -> Result<Vec<Module>, Failure> {
        let mut args = vec!["list", "-m", "-json"];
        args.extend(plugins.iter().map(|plugin| plugin.module_name.as_str()));
        let output = self.run(&args).await;
        let output = output.map_err(|error| {
            Failure::go(Stage::Plugins, "verifyResolvedVersions: go list -m", error)
        })?;
        Ok(serde_json::Deserializer::from_slice(&output)
            .into_iter()
            .flatten()
            .collect())
    }
}
