//! How a server is set up, and what can be changed of it while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;

/// What answers `GET /builds/{request_id}`, which the real server does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// 404, as for every unknown path.
    #[default]
    Off,
    /// State, seconds and log lines, as `pillion velox` tells them.
    On,
    /// 500.
    Broken,
    /// 200 with something that is no JSON.
    Garbage,
    /// Nothing, until the client leaves.
    Hang,
}

/// Where a server listens and writes, and how it starts out.
#[derive(Debug, Clone)]
pub struct Options {
    /// A loopback address; port 0 lets the system choose. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The directory whose `<hash>/rr` are the answers' paths. A temporary one where absent, removed at the end.
    pub root: Option<PathBuf>,
    /// What it does at first, and again after a reset.
    pub script: Script,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            root: None,
            script: Script::default(),
        }
    }
}

impl Options {
    /// Every build takes so long.
    pub fn delay(mut self, time: Duration) -> Self {
        self.script.delay_ms = Some(time.as_millis() as u64);
        self
    }

    /// With one behaviour more from the start.
    pub fn behave(mut self, behaviour: impl Into<Behaviour>) -> Self {
        self.script.behaviours.push(behaviour.into());
        self
    }
}

/// The content of a script file and of a POST to the control endpoint. What is absent stays as it is; behaviours are
/// added behind those that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// How long a build takes, in milliseconds. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// The size of a binary in bytes, at least 128. Default 65,536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// RoadRunner versions that GitHub does not have. Default `["v2025.9.9"]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_versions: Option<Vec<String>>,
    /// Tags that no plugin has, or `module@tag` for one plugin. Default `["v5.999.999"]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_tags: Option<Vec<String>>,
    /// Answer 401 to all who do not bring this bearer token; an empty one lets everybody in. Default: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
    /// What answers `GET /builds/{request_id}`. Default off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The log lines that progress tells one after the other while a build runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_lines: Option<Vec<String>>,
    /// Build for Windows too (`rr.exe`), as the releases before "v3" do. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<bool>,
    /// Put a blank after the comma of an answer: whether protojson does depends on how the server was compiled.
    /// Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spaces: Option<bool>,
    /// What to do, in order of precedence.
    pub behaviours: Vec<Behaviour>,
}

/// A script's settings with nothing left open.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) delay: Duration,
    pub(super) size: u64,
    pub(super) unknown_versions: Vec<String>,
    pub(super) unknown_tags: Vec<String>,
    pub(super) auth_token: String,
    pub(super) progress: Progress,
    pub(super) progress_lines: Vec<String>,
    pub(super) windows: bool,
    pub(super) spaces: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            size: 64 << 10,
            unknown_versions: vec!["v2025.9.9".to_owned()],
            unknown_tags: vec!["v5.999.999".to_owned()],
            auth_token: String::new(),
            progress: Progress::Off,
            progress_lines: ["go: downloading modules", "compiling plugins", "linking rr"]
                .map(str::to_owned)
                .to_vec(),
            windows: false,
            spaces: false,
        }
    }
}

impl Settings {
    /// Takes over what the script sets.
    pub(super) fn apply(&mut self, script: &Script) {
        fn take<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(value) = from {
                *to = value.clone();
            }
        }
        take(&mut self.delay, &script.delay_ms.map(Duration::from_millis));
        take(&mut self.size, &script.size);
        take(&mut self.unknown_versions, &script.unknown_versions);
        take(&mut self.unknown_tags, &script.unknown_tags);
        take(&mut self.auth_token, &script.auth_token);
        take(&mut self.progress, &script.progress);
        take(&mut self.progress_lines, &script.progress_lines);
        take(&mut self.windows, &script.windows);
        take(&mut self.spaces, &script.spaces);
    }
}
