//! Queries of the Go toolchain before a build: its version, the core plugins of a RoadRunner release, the version
//! behind a tag, the versions that the module selects. The answers come from `go` itself, so that proxies, private
//! modules and toolchain switching work as configured. Runs in build tasks.

mod environment;
pub(super) mod go;
pub(super) mod go_targets;
mod go_version;
pub(super) mod releases;

use std::path::Path;

use pillion_engine::velox::{Plugin, protocol::grammar::is_canonical_version};
use serde::Deserialize;

use crate::build::{
    cancellation::StopSignal,
    error::{BuildError, GoStage},
    progress::Progress,
    validate::grammar,
};
use go::{Go, GoError};
use go_version::is_older;
use releases::Release;

/// The `go` of one build, with all that its commands need.
#[derive(Debug)]
pub(super) struct Toolchain<'a> {
    pub(super) go: Go,
    /// The directory of the build's module.
    pub(super) dir: &'a Path,
    pub(super) progress: &'a Progress,
    pub(super) stop: &'a mut StopSignal,
}

/// Output of `go list -m -json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GoModule {
    pub(super) path: String,
    pub(super) version: String,
    go_mod: String,
}

/// Output of `go env -json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
struct GoEnv {
    goversion: String,
    gotoolchain: String,
}

impl Toolchain<'_> {
    /// Runs one command, and returns its standard output.
    pub(super) async fn run(&mut self, arguments: &[&str]) -> Result<Vec<u8>, GoError> {
        let run = self.go.run(self.dir, arguments, self.progress, self.stop);
        run.await
    }

    /// Returns the version of Go, if it is new enough for the release or may fetch a newer one.
    ///
    /// # Errors
    /// Names the required version and the installed one.
    pub(super) async fn check_version(&mut self, release: &Release) -> Result<String, BuildError> {
        let output = self
            .run(&["env", "-json", "GOVERSION", "GOTOOLCHAIN"])
            .await;
        let output = output.map_err(|error| BuildError::go(GoStage::Toolchain, "go env", error))?;
        let env: GoEnv = serde_json::from_slice(&output).unwrap_or_default();
        // Since 1.21 `go` fetches a newer toolchain by itself, unless GOTOOLCHAIN forbids it.
        let may_switch = env.gotoolchain != "local" && !is_older(&env.goversion, "1.21");
        if !may_switch && is_older(&env.goversion, &release.go) {
            return Err(BuildError::build(format_args!(
                "Go {} or newer is needed for RoadRunner {}, and the `go` in PATH of the build server is {}",
                release.go,
                release.name,
                if env.goversion.is_empty() {
                    "older than 1.16"
                } else {
                    &env.goversion
                },
            )));
        }
        Ok(env.goversion)
    }

    /// The release `rr_version`, from the table or from the `go.mod` that the module proxy serves.
    ///
    /// # Errors
    /// The release is unknown, or `go` fails.
    pub(super) async fn release(&mut self, rr_version: &str) -> Result<Release, BuildError> {
        if let Some(release) = Release::known(rr_version) {
            return Ok(release);
        }
        let mut error_output = String::new();
        if grammar::check_version_query(rr_version).is_ok() {
            for module in releases::candidate_modules(rr_version) {
                let query = format!("{module}@{rr_version}");
                match self.run(&["list", "-m", "-json", &query]).await {
                    Ok(output) => {
                        let module: GoModule = serde_json::from_slice(&output).unwrap_or_default();
                        let text = std::fs::read_to_string(&module.go_mod).unwrap_or_default();
                        let release = Release::from_go_mod(rr_version, &text);
                        return release.map_err(BuildError::release);
                    }
                    Err(GoError::Failed(_, stderr)) => {
                        error_output += &String::from_utf8_lossy(&stderr);
                    }
                    Err(other) => {
                        return Err(BuildError::go(GoStage::Release, "go list -m", other));
                    }
                }
            }
        }
        Err(BuildError::unknown_release(rr_version, &error_output))
    }

    /// Replaces branches, commits and `latest` by the versions that they mean now.
    ///
    /// # Errors
    /// `go` can't resolve a tag.
    pub(super) async fn resolve(&mut self, plugins: &[Plugin]) -> Result<Vec<Plugin>, BuildError> {
        let mut resolved = Vec::with_capacity(plugins.len());
        for plugin in plugins {
            let Plugin { module_name, tag } = plugin;
            if is_canonical_version(tag) && grammar::version_matches_path(tag, module_name) {
                resolved.push(plugin.clone());
                continue;
            }
            let query = format!("{module_name}@{tag}");
            let output = self.run(&["list", "-m", "-json", &query]).await;
            let output = output.map_err(|error| {
                BuildError::go(GoStage::Plugins, &format!("go list -m {query}"), error)
            })?;
            let module: GoModule = serde_json::from_slice(&output).unwrap_or_default();
            let version = module.version;
            if !is_canonical_version(&version) {
                return Err(BuildError::build(format_args!(
                    "go list -m {query}: found {version:?}; expected a version"
                )));
            }
            self.progress.push_line(&format!("{query} is {version}"));
            resolved.push(Plugin {
                module_name: module_name.clone(),
                tag: version,
            });
        }
        Ok(resolved)
    }

    /// The versions that the module selects after tidying.
    ///
    /// # Errors
    /// `go` fails.
    pub(super) async fn selected_versions(
        &mut self,
        plugins: &[Plugin],
    ) -> Result<Vec<GoModule>, BuildError> {
        let mut arguments = vec!["list", "-m", "-json"];
        arguments.extend(plugins.iter().map(|plugin| plugin.module_name.as_str()));
        let output = self.run(&arguments).await;
        let output = output.map_err(|error| {
            BuildError::go(
                GoStage::Plugins,
                "verifyResolvedVersions: go list -m",
                error,
            )
        })?;
        Ok(serde_json::Deserializer::from_slice(&output)
            .into_iter()
            .flatten()
            .collect())
    }
}
