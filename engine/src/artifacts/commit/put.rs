//! Commits a binary that was built elsewhere. Parsing runs on PHP's thread, the copy on one that may wait.

use std::{fs::File, time::Duration};

use serde_json::Value;

use crate::artifacts::{
    CommitMeta, ConfigDigest, EvictScope, IndexRecord, Key, Store, is_full, metadata,
};
use crate::{
    Error, Result,
    error::{IoContext as _, Violation},
};

/// A binary to put, its bytes apart.
#[derive(Debug, Clone)]
pub struct Put {
    key: Key,
    config: Value,
    digest: ConfigDigest,
    ttl: Option<Duration>,
    build_ms: u32,
    replace: bool,
}

impl Put {
    /// Parses the metadata of the caller: `config` (an array, stored with it), `ttl` (seconds; the cache's own by
    /// default), `build_seconds`, `replace` (true by default: the last one stays).
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with every field that is unknown or wrong.
    pub fn parse(key: Key, meta: &Value) -> Result<Self> {
        let mut put = Self {
            key,
            config: Value::Object(serde_json::Map::new()),
            digest: ConfigDigest(0),
            ttl: None,
            build_ms: 0,
            replace: true,
        };
        let mut wrong = Vec::new();
        let mut refuse = |field: &str, message: &str| {
            wrong.push(Violation {
                field: format!("meta.{field}"),
                message: message.to_owned(),
            });
        };
        for (name, value) in meta.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("config", Value::Object(_)) => put.config = value.clone(),
                ("config", Value::Array(empty)) if empty.is_empty() => {}
                ("config", _) => refuse(name, "must be an array with names as keys"),
                ("replace", Value::Bool(replace)) => put.replace = *replace,
                ("replace", _) => refuse(name, "must be true or false"),
                ("ttl", _) => match seconds(value).filter(|ttl| !ttl.is_zero()) {
                    Some(ttl) => put.ttl = Some(ttl),
                    None => refuse(name, "must be a number of seconds greater than 0"),
                },
                ("build_seconds", _) => match seconds(value) {
                    Some(took) => put.build_ms = took.as_millis().try_into().unwrap_or(u32::MAX),
                    None => refuse(name, "must be a number of seconds"),
                },
                _ => refuse(
                    name,
                    "is not known; config, ttl, build_seconds and replace are",
                ),
            }
        }
        if meta.as_array().is_some_and(|list| !list.is_empty()) {
            wrong.push(Violation {
                field: "meta".to_owned(),
                message: "must be an array with names as keys, not a list".to_owned(),
            });
        }
        if !metadata::fits(&put.config) {
            wrong.push(Violation {
                field: "meta.config".to_owned(),
                message: format!(
                    "must be at most {} bytes long as indented JSON",
                    metadata::MAX_BYTES - metadata::MAX_OTHER_BYTES
                ),
            });
        }
        put.digest = ConfigDigest::of_value(&put.config);
        if wrong.is_empty() {
            Ok(put)
        } else {
            Err(Error::InvalidRequest(wrong))
        }
    }

    /// The configuration stored with it.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Sets another digest: for a configuration with a digest that is not of its text.
    #[must_use]
    pub fn known_by(mut self, digest: ConfigDigest) -> Self {
        self.digest = digest;
        self
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok()
}

impl Store {
    /// Copies a file and commits it. Calls `cancelled` every few megabytes. If the disk is full, evicts artifacts and
    /// tries once more.
    ///
    /// # Errors
    /// The file is not regular, is empty or changes during the copy; or as [`Store::commit`].
    pub fn put(
        &self,
        file: &File,
        put: Put,
        mut cancelled: impl FnMut() -> bool,
    ) -> Result<IndexRecord> {
        let about = file.metadata().context(|| "looking at the file to put")?;
        if !about.is_file() || about.len() == 0 {
            return Err(Error::InvalidRequest(vec![Violation {
                field: "path".to_owned(),
                message: "must be a file that is not empty".to_owned(),
            }]));
        }
        let size = about.len();
        match self.copy_and_commit(file, size, put.clone(), &mut cancelled) {
            Err(error) if is_full(&error) && self.make_space(size, EvictScope::Any) => {
                self.copy_and_commit(file, size, put, &mut cancelled)
            }
            kept => kept,
        }
    }

    fn copy_and_commit(
        &self,
        file: &File,
        size: u64,
        put: Put,
        cancelled: &mut dyn FnMut() -> bool,
    ) -> Result<IndexRecord> {
        let mut staging = self.stage()?;
        staging.copy_from(file, size, cancelled)?;
        self.commit(
            staging,
            CommitMeta {
                key: put.key,
                digest: put.digest,
                config: put.config,
                build_ms: put.build_ms,
                ttl: put.ttl.unwrap_or(self.options.ttl),
                replace: put.replace,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::StoreOptions;
    use serde_json::json;

    #[test]
    fn put_binary_is_found_with_its_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, run) = (dir.path().join("cache"), dir.path().join("run"));
        std::fs::create_dir(&run).unwrap();
        let store = Store::open(StoreOptions::new(cache, run)).unwrap();
        let path = dir.path().join("rr");
        std::fs::write(&path, "binary").unwrap();
        let meta = json!({"config": {"os": "linux"}, "ttl": 60, "build_seconds": 1.5});
        let key = Key(7);
        let put = Put::parse(key, &meta).unwrap();
        let record = store
            .put(&File::open(&path).unwrap(), put, || false)
            .unwrap();
        assert_eq!((record.size, record.build_ms), (6, 1500));
        assert_eq!(record.expires_ms - record.created_ms, 60_000);
        let found = store.find(key).unwrap();
        assert_eq!(std::fs::read(store.path(&found)).unwrap(), b"binary");
        assert_eq!(store.config(&found).unwrap(), json!({"os": "linux"}));
    }

    #[test]
    fn all_errors_of_the_metadata_are_reported_at_once() {
        let meta = json!({"ttl": -1, "config": 3, "replace": "yes", "sha": "x"});
        let Err(Error::InvalidRequest(wrong)) = Put::parse(Key(1), &meta) else {
            panic!("accepted");
        };
        let fields: Vec<_> = wrong.iter().map(|w| w.field.as_str()).collect();
        assert_eq!(
            fields,
            ["meta.ttl", "meta.config", "meta.replace", "meta.sha"]
        );
    }

    #[test]
    fn empty_file_and_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(dir.path().join("c"), dir.path())).unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        for path in [&empty, &dir.path().to_owned()] {
            let put = Put::parse(Key(1), &json!({})).unwrap();
            let refused = store.put(&File::open(path).unwrap(), put, || false);
            assert!(matches!(refused, Err(Error::InvalidRequest(_))));
        }
    }
}
