//! What of the difference between two pictures is told, so that an application which loads and fills once
//! what it needs hears nothing:
//!
//! * statics, statics of functions, globals: each change; of what was empty from the second change on.
//! * properties of objects that outlive requests: from the second change on that nothing has taken back.
//! * variables of the loop: where they have grown five times, and have never been smaller.
//! * ini values, handlers, shutdown functions, an open session: each. Constants too, unless code was loaded.
//! * classes, functions, files: where five requests in a row have loaded some.
//! * resources, connections: where another of the same kind has stayed before.
//! * objects that nothing known holds: where there are more after each of three runs of the collector.
//! * memory: where sixteen requests in a row have kept some, and it can't be garbage.

use std::collections::HashMap;

use super::{
    past::Past,
    picture::{Key, Kind, Picture},
    print::Print,
};

/// Requests in a row that load code, until it is told.
pub const LOADS: u32 = 5;
/// Growths of a variable of the loop, until it is told.
const GROWTHS: u32 = 5;
/// Runs of the collector that leave more objects, until it is told.
const LEVELS: u32 = 3;
/// Requests in a row that keep memory, until it is told.
const KEEPS: u32 = 16;
/// Less than this a request is nobody's leak.
const LEAST_MEMORY: u64 = 64;

/// One thing to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What.
    pub key: Key,
    /// As it was; nothing, where it was not there.
    pub before: Print,
    /// As it is.
    pub after: Print,
    /// How many requests have done so.
    pub times: u32,
}

impl Verdict {
    /// What it is about: of what stays open, the kind of it.
    #[must_use]
    pub fn what(&self) -> Key {
        let slot = match self.key.kind {
            Kind::Resource | Kind::Connection => 0,
            _ => self.key.slot,
        };
        Key { slot, ..self.key }
    }
}

/// What is known beside the two pictures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// How often PHP's collector has run.
    pub runs: u64,
    /// Nothing waits for the collector: all that lives is held.
    pub no_garbage: bool,
}

/// Compares what was there when a request began with what is there when it has ended.
pub fn judge(
    before: &Picture,
    after: &Picture,
    past: &mut Past,
    now: Circumstances,
) -> Vec<Verdict> {
    let mut told = Vec::new();
    past.looked += 1;
    values(before, after, past, &mut told);
    counts(before, after, past, &mut told);
    let (was, is) = (&before.resources, &after.resources);
    stay(Kind::Resource, was, is, past, &mut told);
    let (was, is) = (&before.connections, &after.connections);
    stay(Kind::Connection, was, is, past, &mut told);
    let settled = now.no_garbage || now.runs != past.runs;
    if settled {
        objects(after, past, &mut told);
    }
    memory(before, after, past, settled, &mut told);
    past.runs = now.runs;
    past.objects.clone_from(&before.objects);
    told.sort_by_key(|verdict| verdict.key);
    told
}

fn values(before: &Picture, after: &Picture, past: &mut Past, told: &mut Vec<Verdict>) {
    for (key, print) in &after.prints {
        let was = match before.prints.get(key) {
            Some(was) => *was,
            // It lies behind what was not looked at any more.
            None if before.is_cut => continue,
            None if key.kind == Kind::Property && !is_old(*key, before) => continue,
            None => Print::default(),
        };
        if was.hash == print.hash && was.shape == print.shape {
            continue;
        }
        let is_lasting = key.kind != Kind::Property || is_old_in(*key, &past.objects);
        let known = past.of(*key);
        // Somebody has set it back since: it was not left behind.
        if known.changed > 0 && known.after != was.hash {
            (known.changed, known.streak) = (0, 0);
        }
        known.changed += 1;
        known.after = print.hash;
        known.streak += u32::from(print.has_grown(&was));
        known.shrank |= print.has_shrunk(&was);
        let is_told = match key.kind {
            Kind::Local => print.has_grown(&was) && known.streak >= GROWTHS && !known.shrank,
            Kind::Property => is_lasting && known.changed >= 2,
            Kind::StaticProperty | Kind::StaticVariable | Kind::Global => {
                !was.is_blank() || known.changed >= 2
            }
            _ => true,
        };
        let times = known.changed;
        if is_told {
            told.push(Verdict {
                key: *key,
                before: was,
                after: *print,
                times,
            });
        }
    }
}

fn is_old(key: Key, picture: &Picture) -> bool {
    is_old_in(key, &picture.objects)
}

fn is_old_in(key: Key, objects: &std::collections::HashSet<(u64, u32)>) -> bool {
    objects.contains(&(key.of, (key.slot >> 32) as u32))
}

fn number(count: u64) -> Print {
    Print {
        shape: super::Shape::Int,
        count,
        detail: count,
        hash: count,
        bytes: 0,
    }
}

fn counts(before: &Picture, after: &Picture, past: &mut Past, told: &mut Vec<Verdict>) {
    let (was, is) = (&before.loaded, &after.loaded);
    let mut tell = |kind, was: u32, is: u32, least: u32| {
        let key = Key::only(kind);
        let known = past.of(key);
        if is <= was {
            known.streak = 0;
            return;
        }
        known.streak += 1;
        known.changed += 1;
        if known.streak >= least {
            told.push(Verdict {
                key,
                before: number(was.into()),
                after: number(is.into()),
                times: known.changed,
            });
        }
    };
    tell(Kind::Class, was.classes, is.classes, LOADS);
    tell(Kind::Function, was.functions, is.functions, LOADS);
    tell(Kind::File, was.files, is.files, LOADS);
    let loads = if is.files > was.files { LOADS } else { 1 };
    tell(Kind::Constant, was.constants, is.constants, loads);
    tell(
        Kind::ShutdownFunction,
        was.shutdown_functions,
        is.shutdown_functions,
        1,
    );
    // One that was open before and still is has been left open all the same.
    if after.session {
        let known = past.of(Key::only(Kind::Session));
        known.changed += 1;
        told.push(Verdict {
            key: Key::only(Kind::Session),
            before: number(before.session.into()),
            after: number(1),
            times: known.changed,
        });
    }
}

/// What stays open, beyond the first of its kind.
fn stay(
    kind: Kind,
    before: &HashMap<u64, u64>,
    after: &HashMap<u64, u64>,
    past: &mut Past,
    told: &mut Vec<Verdict>,
) {
    let mut stayed: Vec<(u64, u64)> = after
        .iter()
        .filter(|(number, _)| !before.contains_key(number))
        .map(|(number, what)| (*number, *what))
        .collect();
    stayed.sort_unstable();
    for (handle, what) in stayed {
        let known = past.of(Key {
            kind,
            of: what,
            slot: 0,
        });
        known.changed += 1;
        if known.changed >= 2 {
            told.push(Verdict {
                key: Key {
                    kind,
                    of: what,
                    slot: handle,
                },
                before: Print::default(),
                after: number(handle),
                times: known.changed,
            });
        }
    }
}

fn objects(after: &Picture, past: &mut Past, told: &mut Vec<Verdict>) {
    for (class, count) in &after.others {
        let key = Key {
            kind: Kind::Object,
            of: *class,
            slot: 0,
        };
        let known = past.of(key);
        let was = known.after;
        known.after = u64::from(*count);
        // The first level is where it begins.
        known.streak = if was != 0 && known.after > was {
            known.streak + 1
        } else {
            0
        };
        known.changed += u32::from(was != 0 && known.after > was);
        if known.streak >= LEVELS {
            told.push(Verdict {
                key,
                before: number(was),
                after: number(known.after),
                times: known.changed,
            });
        }
    }
}

fn memory(
    before: &Picture,
    after: &Picture,
    past: &mut Past,
    settled: bool,
    told: &mut Vec<Verdict>,
) {
    let known = past.of(Key::only(Kind::Memory));
    if after.memory < before.memory + LEAST_MEMORY {
        known.streak = 0;
        return;
    }
    known.streak += 1;
    known.changed += 1;
    if known.streak >= KEEPS && settled {
        told.push(Verdict {
            key: Key::only(Kind::Memory),
            before: number(before.memory),
            after: number(after.memory),
            times: known.streak,
        });
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
