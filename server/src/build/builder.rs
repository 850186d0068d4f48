//! One build from configuration to cached binary: resolve versions, write the module, tidy, verify, compile, store. It
//! happens in a directory of its own, which is removed at the end, also after a failure. One task for each build.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use pillion_engine::velox::Plugin;
use tokio::task::spawn_blocking;

use super::{
    build_cache::BuildCache,
    cancellation::StopSignal,
    configuration::Configuration,
    error::{BuildError, GoStage},
    module::ModulePlan,
    progress::{BuildState, Progress},
    toolchain::{GoModule, Toolchain, go::Go, go_targets::GoTargets},
    work_dir::WorkDir,
};

/// Shared by all builds of a server.
#[derive(Debug)]
pub(super) struct Builder {
    /// Parent of the builds' directories.
    work: PathBuf,
    pub(super) cache: Arc<BuildCache>,
    targets: GoTargets,
}

impl Builder {
    /// A builder with directories below `work`, which exists.
    pub(super) fn new(work: PathBuf, cache: Arc<BuildCache>) -> Self {
        Self {
            work,
            cache,
            targets: GoTargets::default(),
        }
    }

    /// Builds and stores a binary, and returns its path.
    ///
    /// # Errors
    /// The build failed, or was stopped.
    pub(super) async fn build(
        &self,
        configuration: &Configuration,
        go: Option<Go>,
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<PathBuf, BuildError> {
        progress.set_state(BuildState::Preparing);
        let started = Instant::now();
        let go = go.ok_or_else(|| {
            BuildError::build(
                "there is no `go` in PATH of the build server; Go 1.26.1 or newer is needed for the newest RoadRunner releases: install it, or start the server with a PATH that has it",
            )
        })?;
        let work_dir = WorkDir::create(&self.work, configuration).map_err(|error| {
            BuildError::internal(format!(
                "the build server can't make a directory in {}: {error}",
                self.work.display()
            ))
        })?;
        let module = work_dir.module();
        let cgo = if configuration.race { "1" } else { "0" };
        let platform = &configuration.target_platform;
        let go = go
            .with("TMPDIR", work_dir.temporary())
            .with("GOOS", &platform.os)
            .with("GOARCH", &platform.arch)
            .with("CGO_ENABLED", cgo);
        let mut toolchain = Toolchain {
            go,
            dir: &module,
            progress,
            stop,
        };
        let outcome = self.compile(configuration, &mut toolchain).await;
        let stored = match outcome {
            Ok(file) => self.store(configuration, file, started.elapsed()).await,
            Err(error) => Err(error),
        };
        work_dir.remove().await;
        stored
    }

    async fn compile(
        &self,
        configuration: &Configuration,
        toolchain: &mut Toolchain<'_>,
    ) -> Result<PathBuf, BuildError> {
        // `go list -m` needs a module around it.
        write(toolchain.dir, "go.mod", "module rr\n")?;
        let release = toolchain.release(&configuration.rr_version).await?;
        let version = toolchain.check_version(&release).await?;
        let platform = &configuration.target_platform;
        self.targets.check(platform, &version, toolchain).await?;
        let plugins = toolchain.resolve(&configuration.plugins).await?;
        let plan = ModulePlan::new(
            release,
            plugins.clone(),
            &configuration.replaces,
            &configuration.excludes,
        );
        write(toolchain.dir, "go.mod", &plan.go_mod())?;
        write(toolchain.dir, "main.go", &plan.main_go())?;

        toolchain.progress.set_state(BuildState::Downloading);
        let tidied = toolchain.run(&["mod", "tidy"]).await;
        tidied.map_err(|error| BuildError::go(GoStage::Plugins, "go mod tidy", error))?;
        let selected = toolchain.selected_versions(&plugins).await?;
        verify(configuration, &plugins, &selected)?;

        toolchain.progress.set_state(BuildState::Compiling);
        let output = toolchain.dir.join(configuration.binary_name());
        let arguments = build_arguments(configuration, &output);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let compiled = toolchain.run(&arguments).await;
        compiled.map_err(|error| BuildError::go(GoStage::Plugins, "compile", error))?;
        Ok(output)
    }

    async fn store(
        &self,
        configuration: &Configuration,
        file: PathBuf,
        took: Duration,
    ) -> Result<PathBuf, BuildError> {
        if !has_content(&file) {
            return Err(BuildError::build("compile: go left no executable"));
        }
        let (cache, configuration) = (Arc::clone(&self.cache), configuration.clone());
        let stored = spawn_blocking(move || cache.put(&configuration, &file, took)).await;
        match stored {
            Ok(Ok(path)) => Ok(path),
            Ok(Err(error)) => Err(BuildError::internal(format!(
                "the build server can't store the binary: {error}"
            ))),
            Err(error) => Err(BuildError::internal(format!(
                "the task that stores the binary ended abnormally: {error}"
            ))),
        }
    }
}

/// Arguments of `go build` by which the same configuration gives the same bytes on every machine: no paths, no version
/// control, no build id.
fn build_arguments(configuration: &Configuration, output: &Path) -> Vec<String> {
    let mut arguments = vec!["build", "-v", "-trimpath", "-buildvcs=false"];
    if configuration.debug {
        arguments.extend(["-gcflags", "all=-N -l", "-tags", "debug"]);
        arguments.extend(["-ldflags", "-buildid="]);
    } else {
        arguments.extend(["-ldflags", "-s -w -buildid="]);
    }
    if configuration.race {
        arguments.push("-race");
    }
    let output = output.to_string_lossy();
    arguments.extend(["-o", &output, "."]);
    arguments.into_iter().map(str::to_owned).collect()
}

/// Fails if tidying selected another version of a plugin than the requested one.
fn verify(
    configuration: &Configuration,
    resolved: &[Plugin],
    selected: &[GoModule],
) -> Result<(), BuildError> {
    for (requested, resolved) in configuration.plugins.iter().zip(resolved) {
        let module = selected
            .iter()
            .find(|module| module.path == resolved.module_name);
        let version = module.map_or("", |module| module.version.as_str());
        // A directory that replaces a module has no version, and `latest` promises none.
        if version.is_empty() || version == resolved.tag || requested.tag == "latest" {
            continue;
        }
        let meaning = if requested.tag == resolved.tag {
            String::new()
        } else {
            format!(", which is {}", resolved.tag)
        };
        return Err(BuildError::build(format_args!(
            "plugin {} resolved to {version} (you requested {}{meaning}); another plugin needs the newer one: ask for {version}, or force yours with an entry in `replaces`",
            requested.module_name, requested.tag,
        )));
    }
    Ok(())
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), BuildError> {
    let file = dir.join(name);
    fs::write(&file, text).map_err(|error| {
        BuildError::internal(format!(
            "the build server can't write {}: {error}",
            file.display()
        ))
    })
}

/// Whether a file does not begin with zeros, as one does that a full disk cut short. Executables have many formats
/// (`js/wasm`, `aix/ppc64`), and none begins so.
fn has_content(file: &Path) -> bool {
    let mut magic = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic != [0; 4]
}
