//! Taking over what dead processes left, and counting what waits on the whole host. On a thread that
//! may block; doing it twice changes nothing.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{BoxFile, Orphans, Outbox, Tenure};
use crate::failpoint::{Place, reach};

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Outboxes whose owner was dead.
    pub outboxes: usize,
    /// Records that are ours to send now.
    pub records: usize,
    /// Records whose writer died over them; they are never sent.
    pub torn: usize,
}

/// What waits in a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Records that are not settled.
    pub records: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Waiting {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Outbox {
    /// Adopts outboxes in `dir` whose owners are dead, `most` at most, less those that `orphans` were refused
    /// lately.
    pub fn adopt(&self, dir: &Path, orphans: &Orphans, most: usize) -> Adopted {
        let mut sum = Adopted::default();
        for name in Tenure::names(dir) {
            if sum.outboxes >= most {
                break;
            }
            let own = self.home.as_ref().is_some_and(|home| home.name() == name);
            if own || !orphans.is_due(dir, &name) {
                continue;
            }
            if let Ok(Some(tenure)) = Tenure::take_over(dir, &name) {
                reach(Place::AdoptLocked);
                let adopted = self.adopt_one(Arc::new(tenure), orphans);
                sum.outboxes += adopted.outboxes;
                sum.records += adopted.records;
                sum.torn += adopted.torn;
            }
        }
        sum
    }

    fn adopt_one(&self, tenure: Arc<Tenure>, orphans: &Orphans) -> Adopted {
        let mut sum = Adopted {
            outboxes: 1,
            ..Adopted::default()
        };
        let mut is_news = None;
        // Counted while its files are looked at, so that it doesn't end before the last one.
        tenure.one_more();
        // Each goes before what is there, so the youngest comes first.
        for path in tenure.list().into_iter().rev() {
            let file = match BoxFile::adopt(&path, Arc::clone(&tenure)) {
                Ok(Some(file)) => Arc::new(file),
                Ok(None) => {
                    // Its maker died over it: nobody had written to it.
                    let _ = std::fs::remove_file(&path);
                    continue;
                }
                Err(error) => {
                    // Stays for somebody who may: so must its lock file.
                    let is_news = *is_news.get_or_insert_with(|| {
                        tenure.one_more();
                        sum.outboxes = 0;
                        orphans.refuse(tenure.dir(), tenure.name())
                    });
                    if is_news {
                        log::warn!(path = path.display().to_string().as_str(), error = error.to_string().as_str(); "outbox can't be adopted");
                    }
                    continue;
                }
            };
            let (records, shed, torn) = file.recover();
            reach(Place::AdoptRecovered);
            sum.records += records;
            sum.torn += torn;
            tenure.one_more();
            if file.is_finished() {
                file.unlink();
                continue;
            }
            self.queued.fetch_add(records, Ordering::AcqRel);
            let mut lists = self.lists();
            lists
                .shed
                .extend(shed.into_iter().map(|index| (Arc::clone(&file), index)));
            lists.of_mut(file.class).push_front(file);
            drop(lists);
            reach(Place::AdoptListed);
        }
        tenure.one_less();
        sum
    }
}

/// Whether the outbox of that name in `dir` has a living owner.
#[must_use]
pub fn is_held(dir: &Path, name: &str) -> bool {
    Tenure::is_held(dir, name)
}

/// What waits in the outboxes of a directory whose owners are dead.
#[must_use]
pub fn orphaned_in(dir: &Path) -> Waiting {
    let mut names = Tenure::names(dir);
    names.retain(|name| Tenure::is_orphan(dir, name));
    if names.is_empty() {
        return Waiting::default();
    }
    waiting_of(dir, |owner| names.iter().any(|name| name == owner))
}

/// What waits in all outboxes of a directory, of the living and of the dead. For status pages.
#[must_use]
pub fn waiting_in(dir: &Path) -> Waiting {
    waiting_of(dir, |_| true)
}

/// What waits in the outboxes that `wanted` chooses by their names.
fn waiting_of(dir: &Path, wanted: impl Fn(&str) -> bool) -> Waiting {
    let mut sum = Waiting::default();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_box = entry.file_name().to_str().is_some_and(|name| {
            name.ends_with(".v1.box") && name.split('.').next().is_some_and(&wanted)
        });
        if !is_box {
            continue;
        }
        let nobody = Arc::new(Tenure::nobody());
        if let Ok(Some(file)) = BoxFile::adopt(&entry.path(), nobody) {
            sum.bytes += file.bytes() as u64;
            sum.records += file.waiting();
        }
    }
    sum
}
