//! The parts of a task's key: all that its result may depend on, by name, so that two runs can be compared. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::remote::protocol::{Checksum, Key};

/// The version of this program, of which no two share a key.
pub const TOOL: &str = concat!("pillion ", env!("CARGO_PKG_VERSION"));
/// Differences that an explanation lists.
const MAX_LISTED: usize = 10;

/// The parts of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// [`TOOL`].
    pub tool: String,
    /// Operating system and processor: `linux/x86_64`.
    pub platform: String,
    /// `project_id`.
    pub project: String,
    /// Path of the package.
    pub package: String,
    /// Name of the task.
    pub task: String,
    /// Its command.
    pub command: String,
    /// Its outputs, sorted.
    pub outputs: Vec<String>,
    /// Checksums of the values of its variables; `None`: not set. A value may be a secret, and records are kept.
    pub variables: BTreeMap<String, Option<Checksum>>,
    /// Marks of its files.
    pub files: BTreeMap<String, String>,
    /// Keys of the tasks it depends on, by their package's path and name.
    pub dependencies: BTreeMap<String, String>,
}

/// Hashes texts so that no two sequences of them give the same bytes.
struct Hasher(Sha256);

impl Hasher {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn map(&mut self, map: &BTreeMap<String, String>) {
        self.count(map.len());
        for (name, value) in map {
            self.text(name);
            self.text(value);
        }
    }
}

impl Parts {
    /// The platform of this process.
    #[must_use]
    pub fn platform() -> String {
        format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH)
    }

    /// The checksum of a variable's value.
    #[must_use]
    pub fn variable(value: &[u8]) -> Checksum {
        Checksum(Sha256::digest(value).into())
    }

    /// The SHA-256 of all parts.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        let mut hasher = Hasher(Sha256::new());
        let Self {
            tool,
            platform,
            project,
            package,
            task,
            command,
            outputs,
            variables,
            files,
            dependencies,
        } = self;
        hasher.text("task 1");
        for text in [tool, platform, project, package, task, command] {
            hasher.text(text);
        }
        hasher.count(outputs.len());
        outputs.iter().for_each(|output| hasher.text(output));
        hasher.count(variables.len());
        for (name, value) in variables {
            hasher.text(name);
            hasher.text(&value.map(|value| value.to_string()).unwrap_or_default());
        }
        hasher.map(files);
        hasher.map(dependencies);
        Checksum(hasher.0.finalize().into())
    }

    /// The key: the checksum in 64 hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        Key::parse(&self.checksum().to_string())
    }

    /// The differences to an earlier run, each a phrase: `src/a.ts has changed`.
    #[must_use]
    pub fn differences(&self, earlier: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let pairs = [
            ("the version of pillion", &self.tool, &earlier.tool),
            ("the platform", &self.platform, &earlier.platform),
            ("project_id", &self.project, &earlier.project),
            ("the package's path", &self.package, &earlier.package),
            ("the task's name", &self.task, &earlier.task),
            ("command", &self.command, &earlier.command),
        ];
        let changed = pairs.iter().filter(|(_, now, before)| now != before);
        found.extend(changed.map(|(name, ..)| format!("{name} has changed")));
        if self.outputs != earlier.outputs {
            found.push("outputs have changed".into());
        }
        compare(&mut found, "variable ", &self.variables, &earlier.variables);
        compare(&mut found, "", &self.files, &earlier.files);
        compare(
            &mut found,
            "dependency ",
            &self.dependencies,
            &earlier.dependencies,
        );
        let more = found.len().saturating_sub(MAX_LISTED);
        if more > 0 {
            found.truncate(MAX_LISTED);
            found.push(format!("{more} more differences"));
        }
        found
    }
}

fn compare<V: PartialEq>(
    found: &mut Vec<String>,
    kind: &str,
    now: &BTreeMap<String, V>,
    before: &BTreeMap<String, V>,
) {
    for (name, value) in now {
        match before.get(name) {
            None => found.push(format!("{kind}{name} is new")),
            Some(other) if other != value => found.push(format!("{kind}{name} has changed")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    found.extend(gone.map(|name| format!("{kind}{name} is gone")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Parts {
            tool: TOOL.into(),
            platform: "linux/x86_64".into(),
            project: "shop".into(),
            package: "packages/app".into(),
            task: "build".into(),
            command: "make".into(),
            outputs: vec!["dist".into()],
            variables: BTreeMap::from([("CI".into(), Some(Parts::variable(b"1")))]),
            files: map("src/a", "file 00"),
            dependencies: map("packages/lib#build", "11"),
        }
    }

    /// Changes one part, each in each way that counts.
    type Change = fn(&mut Parts);

    const CHANGES: [(&str, Change); 19] = [
        ("the version of pillion has changed", |parts| {
            parts.tool.push('1')
        }),
        ("the platform has changed", |parts| {
            parts.platform = "linux/aarch64".into()
        }),
        ("project_id has changed", |parts| parts.project.clear()),
        ("the package's path has changed", |parts| {
            parts.package.push('s')
        }),
        ("the task's name has changed", |parts| {
            parts.task = "test".into()
        }),
        ("command has changed", |parts| {
            parts.command.push_str(" all")
        }),
        ("outputs have changed", |parts| {
            parts.outputs.push("lib".into())
        }),
        ("outputs have changed", |parts| parts.outputs.clear()),
        ("variable CI has changed", |parts| {
            parts
                .variables
                .insert("CI".into(), Some(Parts::variable(b"")));
        }),
        ("variable CI has changed", |parts| {
            parts.variables.insert("CI".into(), None);
        }),
        ("variable CD is new", |parts| {
            parts.variables.insert("CD".into(), None);
        }),
        ("variable CI is gone", |parts| parts.variables.clear()),
        ("src/a has changed", |parts| {
            parts.files.insert("src/a".into(), "file 01".into());
        }),
        ("src/a has changed", |parts| {
            parts.files.insert("src/a".into(), "program 00".into());
        }),
        ("src/b is new", |parts| {
            parts.files.insert("src/b".into(), "file 00".into());
        }),
        ("src/a is gone", |parts| parts.files.clear()),
        ("dependency packages/lib#build has changed", |parts| {
            parts
                .dependencies
                .insert("packages/lib#build".into(), "12".into());
        }),
        ("dependency packages/x#build is new", |parts| {
            parts
                .dependencies
                .insert("packages/x#build".into(), "11".into());
        }),
        ("dependency packages/lib#build is gone", |parts| {
            parts.dependencies.clear()
        }),
    ];

    #[test]
    fn each_part_changes_the_key_and_is_named() {
        let before = parts();
        let mut keys = vec![before.checksum()];
        for (name, change) in CHANGES {
            let mut now = parts();
            change(&mut now);
            assert_eq!(now.differences(&before), [name]);
            keys.push(now.checksum());
        }
        keys.sort_by_key(|key| key.0);
        keys.dedup();
        assert_eq!(keys.len(), CHANGES.len() + 1);
        assert_eq!(parts().checksum(), before.checksum());
        assert!(parts().differences(&before).is_empty());
    }

    #[test]
    fn text_moved_between_parts_changes_the_key() {
        let mut moved = parts();
        moved.package.push_str(&std::mem::take(&mut moved.task));
        assert_ne!(moved.checksum(), parts().checksum());
        let mut moved = parts();
        moved.dependencies.append(&mut moved.files);
        assert_ne!(moved.checksum(), parts().checksum());
    }

    #[test]
    fn key_of_a_format_never_changes() {
        let mut fixed = parts();
        fixed.tool = "pillion 0.0.0".into();
        let key = fixed.key().unwrap();
        let expected = "71566093d9f8ed963856eaf68819fa21e581eb96a3ebb187391bd9fcf3471744";
        assert_eq!(key.as_str(), expected);
    }

    #[test]
    fn list_of_differences_is_bounded() {
        let mut now = parts();
        for number in 0..50 {
            now.files.insert(number.to_string(), String::new());
        }
        let found = now.differences(&parts());
        assert_eq!(
            (found.len(), found[10].as_str()),
            (11, "40 more differences")
        );
    }
}
