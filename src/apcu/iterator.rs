//! `APCUIterator`: the entries with matching keys, read from the table in chunks. An object holds copies of the keys
//! and bytes of a chunk, and no value of PHP, so the cache may change meanwhile. PHP code (an error handler, a class
//! that is unserialized) may run in the middle of a step: the object's state is borrowed between these calls only. On
//! PHP's threads.

use std::{collections::HashSet, ffi::CStr, ptr};

use ext_php_rs::ffi::{
    instanceof_function_slow, zend_ce_iterator, zend_class_entry, zend_object,
    zend_object_std_dtor, zend_throw_error,
};
use pillion_engine::cache::{Cache, EntryInfo, Space};

use super::{cache, info, warn};
use crate::{
    api::cache::codec::{self, Copied},
    functions,
    zend::{
        arguments::{Call, Thrown},
        call,
        class::{self, Class, ClassRef, Handlers},
        ffi,
        hash_table::{self, Key},
        owned::OwnedZval,
        registration::Function,
        value,
        value_writer::{ArrayOut, ZvalOut},
    },
};

static CLASS: ClassRef = ClassRef::new();
static HANDLERS: Handlers = Handlers::new();

const LIST_ACTIVE: i64 = 1;
const LIST_DELETED: i64 = 2;
const TYPE: i64 = 1;
const KEY: i64 = 1 << 1;
const VALUE: i64 = 1 << 2;
const NUM_HITS: i64 = 1 << 3;
const MTIME: i64 = 1 << 4;
const CTIME: i64 = 1 << 5;
const DTIME: i64 = 1 << 6;
const ATIME: i64 = 1 << 7;
const REFCOUNT: i64 = 1 << 8;
const MEM_SIZE: i64 = 1 << 9;
const TTL: i64 = 1 << 10;
const ALL: i64 = 0xffff_ffff;

/// Entries of a chunk at least.
const CHUNK: usize = 100;

/// The constants of the module.
pub const CONSTANTS: &[(&str, i64)] = &[
    ("APC_LIST_ACTIVE", LIST_ACTIVE),
    ("APC_LIST_DELETED", LIST_DELETED),
    ("APC_ITER_TYPE", TYPE),
    ("APC_ITER_KEY", KEY),
    ("APC_ITER_VALUE", VALUE),
    ("APC_ITER_NUM_HITS", NUM_HITS),
    ("APC_ITER_MTIME", MTIME),
    ("APC_ITER_CTIME", CTIME),
    ("APC_ITER_DTIME", DTIME),
    ("APC_ITER_ATIME", ATIME),
    ("APC_ITER_REFCOUNT", REFCOUNT),
    ("APC_ITER_MEM_SIZE", MEM_SIZE),
    ("APC_ITER_TTL", TTL),
    ("APC_ITER_NONE", 0),
    ("APC_ITER_ALL", ALL),
];

const METHODS: &[Function] = functions! { methods;
    "__construct" "($search = null, int $format = APC_ITER_ALL, int $chunk_size = 0, int $list = APC_LIST_ACTIVE)" => construct,
    "rewind" "(): void" => rewind,
    "next" "(): void" => next,
    "valid" "(): bool" => valid,
    "key" "(): string|int" => key,
    "current" "(): mixed" => current,
    "getTotalHits" "(): int" => total_hits,
    "getTotalSize" "(): int" => total_size,
    "getTotalCount" "(): int" => total_count,
};

/// Which keys match.
enum Search {
    All,
    /// A regular expression of PHP's, as a string.
    Regex(OwnedZval),
    Keys(HashSet<Vec<u8>>),
}

/// An entry that matches.
struct Item {
    entry: EntryInfo,
    /// Encoding and bytes of the value, if the format has it.
    value: Option<(u8, Vec<u8>)>,
}

/// The state of a constructed iterator.
struct State {
    search: Search,
    format: i64,
    chunk: usize,
    is_empty_list: bool,
    /// Where the table is read next; `None`: it is read to its end.
    from: Option<usize>,
    /// Entries of the chunk with keys that are not compared yet.
    unseen: Vec<EntryInfo>,
    items: Vec<Item>,
    position: usize,
    /// Number and bytes of all matching entries.
    totals: Option<(i64, i64)>,
}

type Own = Option<Box<State>>;

/// Registers the class.
///
/// # Safety
/// In MINIT.
pub unsafe fn register() {
    // SAFETY: by the contract; PHP's own interface is there before any extension.
    unsafe {
        HANDLERS.fill::<Own>(|handlers| handlers.free_obj = Some(free));
        Class {
            name: "APCUIterator",
            parent: ptr::null_mut(),
            flags: 0,
            methods: METHODS,
            properties: &[],
            create: Some(create),
        }
        .register(&CLASS);
        ffi::zend_class_implements(CLASS.entry(), 1, zend_ce_iterator);
    }
}

unsafe extern "C" fn create(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: the engine calls this for the class or one derived from it, after MINIT.
    unsafe { class::instantiate::<Own>(class, &HANDLERS, None) }
}

unsafe extern "C" fn free(object: *mut zend_object) {
    // SAFETY: the engine calls this once, when it frees the object.
    unsafe {
        if let Some(state) = (*class::own::<Own>(object)).take()
            && let Search::Regex(regex) = &state.search
        {
            regex.release();
        }
        zend_object_std_dtor(object);
    }
}

/// Runs `work`, which calls no PHP code, with the state of an iterator.
///
/// # Errors
/// An `Error` if its constructor has not run.
fn with<R>(object: *mut zend_object, work: impl FnOnce(&mut State) -> R) -> Result<R, Thrown> {
    // SAFETY: a live object of the class; no other reference to its state exists, as `work` calls no PHP code.
    match unsafe { (*class::own::<Own>(object)).as_deref_mut() } {
        Some(state) => Ok(work(state)),
        None => Err(error(c"Trying to use uninitialized APCUIterator")),
    }
}

/// Throws an `Error`.
fn error(message: &CStr) -> Thrown {
    // SAFETY: C strings for the one `%s`.
    unsafe { zend_throw_error(ptr::null_mut(), c"%s".as_ptr(), message.as_ptr()) };
    Thrown::Pending
}

fn construct(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let format = call.int_or(1, ALL)?;
    let chunk = call.int_or(2, 0)?;
    let list = call.int_or(3, LIST_ACTIVE)?;
    let Ok(chunk) = usize::try_from(chunk) else {
        return Err(error(c"APCUIterator chunk size must be 0 or greater"));
    };
    if super::checked_cache().is_none() {
        return Err(error(c"APC must be enabled to use APCUIterator"));
    }
    if format > ALL {
        return Err(error(c"APCUIterator format is invalid"));
    }
    if !matches!(list, LIST_ACTIVE | LIST_DELETED) {
        warn(c"APCUIterator invalid list type")?;
        return Ok(());
    }
    let search = search(call)?;
    let state = State {
        search,
        format,
        // Fewer would only be slower.
        chunk: chunk.clamp(CHUNK, 10_000),
        is_empty_list: list == LIST_DELETED,
        from: Some(0),
        unseen: Vec::new(),
        items: Vec::new(),
        position: 0,
        totals: None,
    };
    // SAFETY: a live object of the class. A second call of the constructor replaces the state.
    let former = unsafe { (*class::own::<Own>(call.this())).replace(Box::new(state)) };
    if let Some(former) = former
        && let Search::Regex(regex) = &former.search
    {
        regex.release();
    }
    Ok(())
}

fn search(call: &Call<'_>) -> Result<Search, Thrown> {
    let Some(given) = call.any(0) else {
        return Ok(Search::All);
    };
    if let Some(table) = value::table(given) {
        let mut keys = HashSet::new();
        hash_table::for_each(table, |_, element| {
            keys.extend(value::bytes(element).map(<[u8]>::to_vec));
        });
        return Ok(Search::Keys(keys));
    }
    if value::bytes(given).is_none_or(<[u8]>::is_empty) {
        return Ok(Search::All);
    }
    let regex = OwnedZval::new(given);
    let nothing = OwnedZval::new_string("");
    let result = call::function("preg_match", &[regex, nothing]);
    nothing.release();
    let is_valid = result.map(|result| value::integer(result.value()).is_some());
    match is_valid {
        Ok(true) => Ok(Search::Regex(regex)),
        Ok(false) => {
            regex.release();
            Err(error(c"Could not compile regular expression"))
        }
        Err(thrown) => {
            regex.release();
            Err(thrown)
        }
    }
}

/// Reads the next chunk with a matching entry. Returns whether there is one.
fn read_chunk(object: *mut zend_object) -> Result<bool, Thrown> {
    with(object, |state| {
        state.items = Vec::new();
        state.position = 0;
    })?;
    let Some(cache) = cache() else {
        return Ok(false);
    };
    loop {
        let is_at_end = with(object, |state| read_unseen(state, cache))?;
        let entries = take_matching(object)?;
        let has_items = with(object, |state| {
            for entry in entries {
                push(state, cache, entry);
            }
            !state.items.is_empty()
        })?;
        if has_items || is_at_end {
            return Ok(has_items);
        }
    }
}

/// Reads entries of the next chunk from the table. Returns whether the table has no more.
fn read_unseen(state: &mut State, cache: &Cache) -> bool {
    state.unseen.clear();
    if state.is_empty_list {
        return true;
    }
    let Some(from) = state.from else {
        return true;
    };
    match &state.search {
        Search::Keys(keys) => {
            state.unseen = keys
                .iter()
                .filter_map(|key| cache.info_in(Space::Apcu, key))
                .collect();
            state.from = None;
        }
        Search::All | Search::Regex(_) => {
            let chunk = state.chunk;
            let unseen = &mut state.unseen;
            state.from = cache.scan_in(Space::Apcu, from, |entry| {
                unseen.push(entry);
                unseen.len() < chunk
            });
        }
    }
    state.from.is_none()
}

/// Takes the entries of the chunk with matching keys. Runs PHP code, once for all keys.
fn take_matching(object: *mut zend_object) -> Result<Vec<EntryInfo>, Thrown> {
    let arguments = with(object, |state| match &state.search {
        Search::Regex(regex) => {
            let keys = OwnedZval::with(|out| {
                let list = out.array(state.unseen.len());
                for entry in &state.unseen {
                    list.push(|out| out.string(&entry.key));
                }
            });
            // A reference of its own: the constructor may be called again meanwhile.
            Some([OwnedZval::new(regex.value()), keys])
        }
        Search::All | Search::Keys(_) => None,
    })?;
    let Some(arguments) = arguments else {
        return with(object, |state| std::mem::take(&mut state.unseen));
    };
    let matched = call::function("preg_grep", &arguments);
    for argument in arguments {
        argument.release();
    }
    let matched = matched?;
    let entries = with(object, |state| {
        let unseen = std::mem::take(&mut state.unseen);
        let mut is_matching = vec![false; unseen.len()];
        if let Some(table) = value::table(matched.value()) {
            hash_table::for_each(table, |key, _| {
                if let Key::Index(number) = key
                    && let Ok(position) = usize::try_from(number)
                    && let Some(is_matching) = is_matching.get_mut(position)
                {
                    *is_matching = true;
                }
            });
        }
        let all = unseen.into_iter().zip(is_matching);
        all.filter_map(|(entry, is_matching)| is_matching.then_some(entry))
            .collect()
    });
    matched.release();
    entries
}

/// Adds an entry to the chunk, with its value if the format has it and it was not removed meanwhile.
fn push(state: &mut State, cache: &Cache, entry: EntryInfo) {
    let value = (state.format & VALUE != 0).then(|| cache.peek_in(Space::Apcu, &entry.key));
    match value {
        Some(None) => {}
        Some(Some(value)) => state.items.push(Item {
            entry,
            value: Some(value),
        }),
        None => state.items.push(Item { entry, value: None }),
    }
}

/// Whether there is an entry at the position; reads the next chunk if that is at its end.
fn has_current(object: *mut zend_object) -> Result<bool, Thrown> {
    match with(object, |state| state.position < state.items.len())? {
        true => Ok(true),
        false => read_chunk(object),
    }
}

fn rewind(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    with(call.this(), |state| state.from = Some(0))?;
    read_chunk(call.this()).map(|_| ())
}

fn next(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    with(call.this(), |state| {
        state.position = (state.position + 1).min(state.items.len());
    })
}

fn valid(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.bool(has_current(call.this())?);
    Ok(())
}

fn key(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if !has_current(call.this())? {
        return Err(error(c"Cannot call key() on invalid iterator"));
    }
    with(call.this(), |state| {
        if let Some(item) = state.items.get(state.position) {
            ret.string(&item.entry.key);
        }
    })
}

fn current(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if !has_current(call.this())? {
        return Err(error(c"Cannot call current() on invalid iterator"));
    }
    let fields = ret.array(11);
    let mut result = Ok(());
    let value = OwnedZval::with(|out| result = decode(call.this(), out));
    result?;
    with(call.this(), |state| {
        if let Some(item) = state.items.get(state.position) {
            if state.format & TYPE != 0 {
                fields.insert("type", |out| out.string("user"));
            }
            if state.format & KEY != 0 {
                fields.insert("key", |out| out.string(&item.entry.key));
            }
            if item.value.is_some() {
                fields.insert("value", |out| value.copy_to(out));
            }
            describe(fields, state.format, &item.entry);
        }
    })?;
    value.release();
    Ok(())
}

/// Decodes the value of the entry at the position, if it has one. May run PHP code.
fn decode(object: *mut zend_object, out: ZvalOut) -> Result<(), Thrown> {
    let copied = with(object, |state| {
        let item = state.items.get(state.position)?;
        let (encoding, bytes) = item.value.as_ref()?;
        Some(codec::copy_bytes(*encoding, bytes, out))
    })?;
    match copied {
        Some(Copied::Buffered(encoding)) => codec::decode_buffer(encoding, out).map(|_| ()),
        Some(Copied::Done) | None => Ok(()),
    }
}

fn describe(fields: ArrayOut, format: i64, entry: &EntryInfo) {
    let stored = info::stored(entry);
    for (bit, name, number) in [
        (NUM_HITS, "num_hits", 0),
        (MTIME, "mtime", stored),
        (CTIME, "creation_time", stored),
        (DTIME, "deletion_time", 0),
        (ATIME, "access_time", stored),
        (REFCOUNT, "ref_count", 0),
        (MEM_SIZE, "mem_size", info::integer(entry.bytes as u64)),
        (TTL, "ttl", info::ttl(entry)),
    ] {
        if format & bit != 0 {
            fields.insert(name, |out| out.int(number));
        }
    }
}

/// Hits of one key are not counted.
fn total_hits(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    totals(call.this())?;
    ret.int(0);
    Ok(())
}

fn total_size(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.int(totals(call.this())?.1);
    Ok(())
}

fn total_count(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.int(totals(call.this())?.0);
    Ok(())
}

/// Number and bytes of all matching entries, counted by the first call.
fn totals(object: *mut zend_object) -> Result<(i64, i64), Thrown> {
    if let Some(totals) = with(object, |state| state.totals)? {
        return Ok(totals);
    }
    let (mut count, mut bytes) = (0, 0);
    let resume = with(object, |state| state.from.replace(0))?;
    if let Some(cache) = cache() {
        loop {
            let is_at_end = with(object, |state| read_unseen(state, cache))?;
            for entry in take_matching(object)? {
                count += 1;
                bytes += info::integer(entry.bytes as u64);
            }
            if is_at_end {
                break;
            }
        }
    }
    with(object, |state| {
        state.from = resume;
        state.totals = Some((count, bytes));
    })?;
    Ok((count, bytes))
}

/// Removes all entries from the position of an iterator on, for `apcu_delete`. Warns of another object.
pub fn delete(object: *mut zend_object) -> Result<bool, Thrown> {
    // SAFETY: a live object, and our own class.
    let is_iterator = unsafe {
        let class = (*object).ce;
        std::ptr::eq(class, CLASS.entry()) || instanceof_function_slow(class, CLASS.entry())
    };
    if !is_iterator {
        warn(c"apc_delete object argument must be instance of APCUIterator.")?;
        return Ok(false);
    }
    while read_chunk(object)? {
        let Some(cache) = cache() else {
            break;
        };
        with(object, |state| {
            for item in state.items.drain(..) {
                cache.delete_in(Space::Apcu, &item.entry.key);
            }
        })?;
    }
    Ok(true)
}
