//! Removes objects of the bucket that are unused for too long or too many. Objects of other programs stay. Runs on the
//! runtime.

use std::time::SystemTime;

use reqwest::StatusCode;

use super::{
    S3Store,
    list::{self, Listed, Page},
    request::{read_text, refused},
};
use crate::{
    Result,
    remote::{
        local::Cleaned,
        object::ObjectName,
        usage::{Limits, Usage},
    },
};

const MAX_LISTING: usize = 4 << 20;
/// Removals that fail in one cleaning before it ends.
const MAX_FAILURES: u32 = 10;

impl S3Store {
    /// Removes the artifacts that the limits exclude.
    ///
    /// # Errors
    /// As [`S3Store::find`].
    pub async fn clean(&self, limits: Limits, now: SystemTime) -> Result<Cleaned> {
        let mut usage = Usage::default();
        let mut next = None;
        loop {
            let page = self.list(next.as_deref()).await?;
            for (name, object) in self.artifacts(&page.objects) {
                usage.add(&name, object.modified, object.size);
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let mut plan = usage.plan(limits, now);
        let mut cleaned = Cleaned {
            bytes: usage.total(),
            ..Cleaned::default()
        };
        let mut failures = 0;
        loop {
            let page = self.list(next.as_deref()).await?;
            for (name, object) in self.artifacts(&page.objects) {
                let Some(reason) = plan.removes(&name, object.modified, object.size) else {
                    continue;
                };
                match self.remove(&name).await {
                    Ok(()) => cleaned.count(reason, object.size),
                    // One that is locked is no reason to keep the others.
                    Err(error) if failures < MAX_FAILURES => {
                        failures += 1;
                        log::warn!(artifact = name.path(), error:%; "artifact not removed");
                    }
                    Err(error) => return Err(error),
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(cleaned);
            }
        }
    }

    /// The objects of a listing that are artifacts.
    fn artifacts<'a>(
        &'a self,
        objects: &'a [Listed],
    ) -> impl Iterator<Item = (ObjectName, &'a Listed)> {
        objects.iter().filter_map(|object| {
            let path = object.key.strip_prefix(&self.prefix)?;
            Some((ObjectName::parse(path)?, object))
        })
    }

    async fn list(&self, next: Option<&str>) -> Result<Page> {
        let mut query = vec![("list-type", "2"), ("prefix", self.prefix.as_str())];
        query.extend(next.map(|next| ("continuation-token", next)));
        let mut response = self.request("GET", "", &query, &[]).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response, "listing").await);
        }
        let text = read_text(&mut response, MAX_LISTING).await?;
        Ok(list::parse(&text))
    }
}
