//! One build from configuration to kept binary: look up, write the module, tidy, verify, compile, keep.
//! Everything happens in a directory of its own, which is gone afterwards whatever the end. One task.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;

use crate::build::{
    cache::BuildCache,
    cancellation::StopSignal,
    configuration::Configuration,
    failure::{Failure, Stage},
    module::Plan,
    progress::{Progress, State},
    rpc::protocol::Plugin,
    toolchain::go::Go,
    toolchain::go_targets::GoTargets,
    toolchain::{Module, Toolchain},
    work_dir::WorkDir,
};

/// What all builds of a server share.
#[derive(Debug)]
pub(super) struct Builder {
    /// Where each build gets its directory.
    work: PathBuf,
    pub(super) keep: Arc<BuildCache>,
    targets: GoTargets,
}

impl Builder {
    /// Builds in directories below `work`, which is there.
    pub(super) fn new(work: PathBuf, keep: Arc<BuildCache>) -> Self {
        Self {
            work,
            keep,
            targets: GoTargets::default(),
        }
    }

    /// Builds, keeps the binary, and gives its path.
    ///
    /// # Errors
    /// Whatever stands in [`Failure`].
    pub(super) async fn build(
        &self,
        configuration: &Configuration,
        go: Option<Go>,
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<PathBuf, Failure> {
        progress.enter(State::Preparing);
        let started = Instant::now();
        let go = go.ok_or_else(|| {
            Failure::build(
                "there is no `go` in PATH of the build server; Go 1.26.1 or newer is needed for the newest RoadRunner releases: install it, or start the server with a PATH that has it",
            )
        })?;
        let work_dir = WorkDir::make(&self.work, configuration).map_err(|error| {
            Failure::server(format!(
                "the build server can't make a directory in {}: {error}",
                self.work.display()
            ))
        })?;
        let module = work_dir.module();
        let environment = [
            ("TMPDIR", work_dir.temporary().into_os_string()),
            ("GOOS", configuration.platform.os.clone().into()),
            ("GOARCH", configuration.platform.arch.clone().into()),
            (
                "CGO_ENABLED",
                if configuration.race { "1" } else { "0" }.into(),
            ),
        ];
        let go = environment
            .into_iter()
            .fold(go, |go, (name, value)| go.with(name, value));
        let mut toolchain = Toolchain {
            go,
            dir: &module,
            progress,
            stop,
        };
        let outcome = self.make(configuration, &mut toolchain, progress).await;
        let built = match outcome {
            Ok(file) => self.keep(configuration, file, started.elapsed()).await,
            Err(failure) => Err(failure),
        };
        work_dir.remove().await;
        built
    }

    async fn make(
        &self,
        configuration: &Configuration,
        toolchain: &mut Toolchain<'_>,
        progress: &Progress,
    ) -> Result<PathBuf, Failure> {
        // Commands that look something up want to stand in a module.
        write(toolchain.dir, "go.mod", "module rr\n")?;
        let release = toolchain.release(&configuration.rr_version).await?;
        let version = toolchain.fit_for(&release).await?;
        let platform = &configuration.platform;
        self.targets.check(platform, &version, toolchain).await?;
        let plugins = toolchain.pin(&configuration.plugins).await?;
        let plan = Plan::new(
            release,
            plugins.clone(),
            &configuration.replaces,
            &configuration.excludes,
        );
        write(toolchain.dir, "go.mod", &plan.go_mod())?;
        write(toolchain.dir, "main.go", &plan.main_go())?;

        progress.enter(State::Downloading);
        let tidied = toolchain.run(&["mod", "tidy"]).await;
        tidied.map_err(|error| Failure::go(Stage::Plugins, "go mod tidy", error))?;
        verify(
            configuration,
            &plugins,
            &toolchain.resolved(&plugins).await?,
        )?;

        progress.enter(State::Compiling);
        let output = toolchain.dir.join(configuration.binary_name());
        let output_text = output.to_string_lossy().into_owned();
        // Nothing of this machine and of this moment may get into the binary: no paths, no revision
        // control, no build id.
        let mut args = vec!["build", "-v", "-trimpath", "-buildvcs=false"];
        if configuration.debug {
            args.extend([
                "-gcflags",
                "all=-N -l",
                "-tags",
                "debug",
                "-ldflags",
                "-buildid=",
            ]);
        } else {
            args.extend(["-ldflags", "-s -w -buildid="]);
        }
        if configuration.race {
            args.push("-race");
        }
        args.extend(["-o", &output_text, "."]);
        let compiled = toolchain.run(&args).await;
        compiled.map_err(|error| Failure::go(Stage::Plugins, "compile", error))?;
        Ok(output)
    }

    async fn keep(
        &self,
        configuration: &Configuration,
        file: PathBuf,
        took: Duration,
    ) -> Result<PathBuf, Failure> {
        if !has_content(&file) {
            return Err(Failure::build("compile: go left no executable"));
        }
        let (keep, configuration) = (Arc::clone(&self.keep), configuration.clone());
        let kept = spawn_blocking(move || keep.put(&configuration, &file, took)).await;
        match kept {
            Ok(Ok(path)) => Ok(path),
            Ok(Err(error)) => Err(Failure::server(format!(
                "the build server can't keep the binary: {error}"
            ))),
            Err(error) => Err(Failure::server(format!(
                "the task that keeps the binary ended abnormally: {error}"
            ))),
        }
    }
}

/// A plugin that tidying moved to another version is an error: nobody gets what was not asked for.
fn verify(
    configuration: &Configuration,
    pinned: &[Plugin],
    resolved: &[Module],
) -> Result<(), Failure> {
    for (asked, pinned) in configuration.plugins.iter().zip(pinned) {
        let found = resolved
            .iter()
            .find(|module| module.path == pinned.module_name);
        let version = found.map_or("", |module| module.version.as_str());
        // A directory in the place of a module has no version, and `latest` promises none.
        if version.is_empty() || version == pinned.tag || asked.tag == "latest" {
            continue;
        }
        let meaning = if asked.tag == pinned.tag {
            String::new()
        } else {
            format!(", which is {}", pinned.tag)
        };
        return Err(Failure::build(format!(
            "plugin {} resolved to {version} (you requested {}{meaning}); another plugin needs the newer one: ask for {version}, or force yours with an entry in `replaces`",
            asked.module_name, asked.tag,
        )));
    }
    Ok(())
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let file = dir.join(name);
    fs::write(&file, text).map_err(|error| {
        Failure::server(format!(
            "the build server can't write {}: {error}",
            file.display()
        ))
    })
}

/// Targets have many formats (`js/wasm`, `aix/ppc64`); but none starts with zeros, as a file does that
/// a full disk cut short.
fn has_content(file: &Path) -> bool {
    let mut magic = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic != [0; 4]
}
