//! Options of a server at its start, and the settings that can change while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;

/// The answer to `GET /builds/{request_id}`, which the real server does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// 404, as for every unknown path.
    #[default]
    Off,
    /// State, seconds and log lines, in the form of `pillion velox`.
    On,
    /// 500.
    Broken,
    /// 200 with a body that is not JSON.
    Garbage,
    /// No answer until the client closes the connection.
    Hang,
}

/// Address, directory and initial settings of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// A loopback address; port 0 selects a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The directory with the answers' paths `<hash>/rr`. By default a temporary one, removed at the end.
    pub root: Option<PathBuf>,
    /// The settings at the start, and again after a reset.
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
    /// Sets the duration of every build.
    pub fn delay(mut self, time: Duration) -> Self {
        self.script.delay_ms = Some(time.as_millis() as u64);
        self
    }

    /// Appends a behaviour to the initial ones.
    pub fn behave(mut self, behaviour: impl Into<Behaviour>) -> Self {
        self.script.behaviours.push(behaviour.into());
        self
    }
}

/// The content of a script file and of a POST to the control endpoint. Absent values stay as they are; behaviours are
/// appended to the existing ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Duration of a build in milliseconds. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// The size of a binary in bytes, at least 128. Default 65,536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The bearer token without which the answer is 401; an empty one disables the check. Default empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
    /// The answer to `GET /builds/{request_id}`. Default off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The log lines that progress shows one after the other while a build runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_lines: Option<Vec<String>>,
    /// Build for Windows too (`rr.exe`), as the releases before "v3" do. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<bool>,
    /// Behaviours, in order of precedence.
    pub behaviours: Vec<Behaviour>,
}

/// A script's settings with all defaults filled in.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) delay: Duration,
    pub(super) size: u64,
    pub(super) auth_token: String,
    pub(super) progress: Progress,
    pub(super) progress_lines: Vec<String>,
    pub(super) windows: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            size: 64 << 10,
            auth_token: String::new(),
            progress: Progress::Off,
            progress_lines: ["go: downloading modules", "compiling plugins", "linking rr"]
                .map(str::to_owned)
                .to_vec(),
            windows: false,
        }
    }
}

impl Settings {
    /// Applies the values that the script sets.
    pub(super) fn apply(&mut self, script: &Script) {
        fn take<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(value) = from {
                *to = value.clone();
            }
        }
        take(&mut self.delay, &script.delay_ms.map(Duration::from_millis));
        take(&mut self.size, &script.size);
        take(&mut self.auth_token, &script.auth_token);
        take(&mut self.progress, &script.progress);
        take(&mut self.progress_lines, &script.progress_lines);
        take(&mut self.windows, &script.windows);
    }
}
