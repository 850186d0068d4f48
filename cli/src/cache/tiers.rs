//! The commands on both tiers, in the order of PHP's functions: the memory of the host, then the server behind it.

use std::{borrow::Cow, ffi::OsString, os::unix::ffi::OsStrExt, time::Duration};

use pillion_engine::{
    Error, Result,
    cache::{Cache, Encoding, MAX_TAGS, NewValue, Stored, Tag, Ttl, pattern, redis::Entry},
    engine::Engine,
};
use serde_json::json;

use super::{
    format, key_bytes,
    second::Second,
    values::{print_value, refused},
};
use crate::output::print;

/// The tiers of the namespace.
pub(super) struct Tiers<'a> {
    pub(super) engine: &'a Engine,
    /// `None`: no process has created it.
    pub(super) cache: Option<&'a Cache>,
    /// `None`: the settings name none.
    pub(super) second: Option<Second<'a>>,
}

impl Tiers<'_> {
    /// Prints a value. Returns `false` if there is none.
    pub(super) fn get(&self, key: &[u8], is_raw: bool) -> Result<bool> {
        let read =
            |cache: &Cache, key: &[u8]| cache.get(key, |value| (value.encoding(), value.to_vec()));
        let first = self
            .cache
            .and_then(|cache| self.names(key).find_map(|key| read(cache, &key)));
        let found = match (first, self.second_of(key)) {
            (None, Some(second)) => {
                let names: Vec<_> = self.names(key).map(Cow::into_owned).collect();
                let read = second.run(|tier| {
                    let names = names.clone();
                    async move { tier.read(names).await }
                })?;
                let read = read.into_iter().flatten().next();
                read.map(|value| (value.encoding, value.bytes.clone()))
            }
            (first, _) => first,
        };
        match found {
            Some((encoding, bytes)) => print_value(encoding, &bytes, is_raw).map(|()| true),
            None => Ok(false),
        }
    }

    /// Stores a value.
    pub(super) fn set(
        &self,
        key: &[u8],
        (encoding, bytes): (Encoding, Vec<u8>),
        ttl: Option<Duration>,
        tags: &[OsString],
    ) -> Result<bool> {
        if tags.len() > MAX_TAGS {
            return Err(Error::Config(format!(
                "--tag: found {} tags; expected at most {MAX_TAGS}",
                tags.len()
            )));
        }
        let (ttl, name) = (self.ttl(key, ttl), self.stored_key(key));
        let second = self.second.as_ref().filter(|second| second.stores(key));
        if let Some(second) = second {
            let entry = Entry {
                key: name.to_vec(),
                encoding,
                bytes,
                ttl,
                tags: tags.iter().map(|tag| tag.as_bytes().to_vec()).collect(),
                first: None,
            };
            second.run(|tier| {
                let entry = entry.clone();
                async move { tier.set(&[entry]).await }
            })?;
            // No copy on this host: the server reports its changes only to a process that lives on.
            if let Some(cache) = self.cache {
                cache.remove_fenced(&name);
            }
        } else if let Some(cache) = self.cache {
            let tags: Vec<Tag> = tags.iter().map(|tag| cache.tag(tag.as_bytes())).collect();
            let value = NewValue {
                bytes: &bytes,
                encoding,
                ttl,
                tags: &tags,
            };
            if cache.set(&name, &value) != Stored::Yes {
                return Err(refused(bytes.len(), cache.stats().max_value));
            }
        }
        Ok(true)
    }

    /// Removes the values of keys. Returns how many keys had one.
    pub(super) fn delete(&self, keys: &[OsString]) -> Result<u64> {
        let mut count = 0;
        for key in keys {
            let key = key_bytes(key)?;
            let names: Vec<_> = self.names(key).map(Cow::into_owned).collect();
            let mut was_stored = false;
            for name in &names {
                was_stored |= self.cache.is_some_and(|cache| cache.remove_fenced(name));
            }
            if let Some(second) = self.second_of(key) {
                let removed = second.change(|tier| {
                    let names = names.clone();
                    async move { tier.remove(names).await }
                })?;
                was_stored |= removed > 0;
            }
            count += u64::from(was_stored);
        }
        Ok(count)
    }

    /// Removes the values of all keys that match. Returns the number in the tier that had more.
    pub(super) fn delete_matching(&self, pattern: &[u8]) -> Result<u64> {
        let first = self
            .cache
            .map_or(0, |cache| cache.delete_matching(pattern, 0, usize::MAX).0);
        let second = match &self.second {
            Some(second) => second.change(|tier| {
                let pattern = pattern.to_vec();
                async move {
                    let is_meant = |key: &[u8]| pattern::matches(&pattern, key);
                    tier.remove_where(is_meant).await
                }
            })?,
            None => 0,
        };
        Ok(second.max(first as u64))
    }

    /// Sets the lifetime of a value. Returns `false` if there is none.
    pub(super) fn touch(&self, key: &[u8], ttl: Option<Duration>) -> Result<bool> {
        let ttl = self.ttl(key, ttl);
        let mut is_touched = false;
        for name in self.names(key) {
            is_touched |= self.cache.is_some_and(|cache| cache.touch(&name, ttl));
            let second = self.second.as_ref().filter(|second| second.stores(key));
            if let Some(second) = second {
                is_touched |= second.change(|tier| {
                    let name = name.to_vec();
                    async move { tier.touch(name, ttl).await }
                })?;
            }
        }
        Ok(is_touched)
    }

    /// Keys of the memory of this host.
    pub(super) fn keys(
        &self,
        pattern: Option<&OsString>,
        limit: usize,
        after: Option<&OsString>,
    ) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        if let Some(cache) = self.cache {
            cache.for_each_key(after.map(|key| key.as_bytes()), |key| {
                if pattern.is_none_or(|pattern| pattern::matches(pattern.as_bytes(), &key)) {
                    found.push(key);
                }
                limit == 0 || found.len() < limit
            });
        }
        found
    }

    /// Makes values with one of the tags invalid.
    pub(super) fn invalidate(&self, tags: &[OsString]) -> Result<bool> {
        for tag in tags {
            if let Some(cache) = self.cache {
                cache.invalidate_tag(tag.as_bytes());
            }
        }
        if let Some(second) = &self.second {
            let names: Vec<_> = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
            second.change(|tier| {
                let names = names.clone();
                async move { tier.invalidate_tags(names).await }
            })?;
        }
        Ok(true)
    }

    /// Removes all values.
    pub(super) fn clear(&self) -> Result<bool> {
        if let Some(cache) = self.cache {
            cache.clear();
        }
        let tier = self.engine.second_tier_to_clear();
        let tier =
            tier.map_err(|error| Error::Config(format!("done on this host only: {error}")))?;
        if let (Some(second), Some(_)) = (&self.second, tier) {
            second.change(|tier| async move { tier.clear().await })?;
        }
        Ok(true)
    }

    /// Prints the statistics.
    pub(super) fn stats(&self, as_json: bool) -> Result<bool> {
        if let Some(second) = &self.second {
            // Whether it answers.
            let _ = second.run(|tier| async move { tier.read(vec![b"".to_vec()]).await });
        }
        let classes = self.cache.map(Cache::class_stats).unwrap_or_default();
        let mut stats = match self.cache {
            Some(_) => self.engine.cache_stats(),
            None => json!({ "second_tier": self.engine.second_tier().map(|tier| tier.stats()) }),
        };
        if let (true, Some(fields)) = (as_json, stats.as_object_mut()) {
            fields.insert("classes".into(), json!(classes));
            return print(&format!("{stats:#}\n")).map(|()| true);
        }
        if self.cache.is_none() {
            super::remark_empty(self.engine);
            return print(&format::second_tier(&stats)).map(|()| true);
        }
        print(&format::stats(&stats, &classes)).map(|()| true)
    }

    /// The second tier, if the policy of the key has it.
    fn second_of(&self, key: &[u8]) -> Option<&Second<'_>> {
        self.second.as_ref().filter(|second| second.has(key))
    }

    fn stored_key<'k>(&self, key: &'k [u8]) -> Cow<'k, [u8]> {
        self.engine.cache_policies().stored_key(key)
    }

    /// The keys under which a value may be stored: that of the policy `hash`, and the given one, which `keys` has
    /// listed.
    fn names<'k>(&self, key: &'k [u8]) -> impl Iterator<Item = Cow<'k, [u8]>> + use<'k> {
        let stored = self.stored_key(key);
        let listed = matches!(stored, Cow::Owned(_)).then_some(Cow::Borrowed(key));
        [Some(stored), listed].into_iter().flatten()
    }

    fn ttl(&self, key: &[u8], ttl: Option<Duration>) -> Ttl {
        ttl.map_or_else(|| self.engine.default_ttl(key), Ttl::For)
    }
}
