//! The settings under examination, and the directories that a process with them would use.

use std::{env, path::PathBuf};

use pillion_engine::{
    config::{Resolved, Settings},
    host::{
        DirOptions,
        dirs::{Inspection, group_id, inspect},
    },
};

use crate::setting_arguments::SettingArguments;

/// The subject of a report.
pub(super) struct Subject {
    pub(super) resolved: Resolved,
    pub(super) dirs: Inspection,
    /// The number of `pillion.group`; an error if there is no such group.
    pub(super) group: Result<Option<u32>, String>,
}

impl Subject {
    pub(super) fn of(arguments: &SettingArguments) -> Self {
        let resolved = arguments.unchecked(&[]);
        let host = &resolved.settings.host;
        let named = host.group.as_deref();
        let group = named
            .map(|name| group_id("pillion.group", name))
            .transpose()
            .map_err(|error| error.to_string());
        let options = DirOptions {
            state_dir: host.state_dir.clone(),
            run_dir: host.run_dir.clone(),
            group: host.group.clone(),
            env: &|name| env::var(name).ok(),
            temporary: env::temp_dir(),
            memory: "/dev/shm".into(),
        };
        let dirs = inspect(&options, group.clone().unwrap_or_default());
        Self {
            resolved,
            dirs,
            group,
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// The directory of the artifact cache.
    pub(super) fn artifacts(&self) -> PathBuf {
        self.settings().velox.cache.dir.resolve(&self.dirs.state)
    }
}
