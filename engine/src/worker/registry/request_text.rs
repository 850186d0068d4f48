//! Method and URI of the running request, in the words of a slot behind its fields, under a seqlock: a reader has a
//! text that was stored as a whole, or none. The query string is not stored, because it may have secrets. Between two
//! requests the words keep the last text, and nothing is stored. Only the owning thread writes.

use std::sync::atomic::AtomicU64;

use memchr::memchr2;

use super::{FIELDS, FIELDS_START, SLOT_WORDS, WorkerRegistry, WorkerSlot};
use crate::shm::{
    seqlock::{self, SeqRead},
    word,
};

const HEAD_WORD: usize = FIELDS_START + FIELDS;
const TEXT_WORDS: usize = SLOT_WORDS - HEAD_WORD - 1;
/// Bytes of a URI that are stored.
const MAX_URI: usize = TEXT_WORDS * 8;
/// Attempts to read a text that changes.
const MAX_ATTEMPTS: usize = 8;

/// The methods with a number; 0: another one.
const METHODS: [&str; 10] = [
    "", "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT",
];
/// Bits of the upper half of the head: the length, then the number of the method, then whether the URI was cut.
const METHOD_SHIFT: u32 = 8;
const CUT: u64 = 1 << 16;

/// Method and URI of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestText {
    /// The method; empty for a script of the command line.
    pub method: &'static str,
    /// The path of the URI, or the name of the script; its beginning, with `…`, if it is long.
    pub uri: String,
}

impl WorkerSlot {
    /// Stores method and URI, up to its query string or fragment.
    #[inline]
    pub fn set_request(&self, method: &[u8], uri: &[u8]) {
        let begin = uri.get(..=MAX_URI).unwrap_or(uri);
        let path = memchr2(b'?', b'#', begin).and_then(|end| begin.get(..end));
        let path = path.unwrap_or(begin);
        let is_cut = path.len() > MAX_URI;
        let path = path.get(..MAX_URI).unwrap_or(path);
        let len = path.len();
        let mut bytes = [0; MAX_URI];
        if let Some(to) = bytes.get_mut(..len) {
            to.copy_from_slice(path);
        }
        let mut words = [0; TEXT_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let number = METHODS
            .iter()
            .skip(1)
            .position(|name| name.as_bytes() == method)
            .map_or(0, |at| at + 1);
        let state = len as u64 | (number as u64) << METHOD_SHIFT | if is_cut { CUT } else { 0 };
        if let Some((head, text)) = self.registry.text(self.slot) {
            seqlock::write(head, text, state, words, || ());
        }
    }

    /// Stores that the method and URI of the request that begins are not known yet.
    #[inline]
    pub fn clear_request(&self) {
        if let Some((head, text)) = self.registry.text(self.slot) {
            seqlock::write(head, text, 0, [0; TEXT_WORDS], || ());
        }
    }
}

impl WorkerRegistry {
    fn text(&self, slot: usize) -> Option<(&AtomicU64, &[AtomicU64; TEXT_WORDS])> {
        let at = slot * SLOT_WORDS + HEAD_WORD;
        let words = self.0.words().get(at..at + 1 + TEXT_WORDS)?;
        let (head, text) = words.split_first()?;
        Some((head, text.try_into().ok()?))
    }

    /// The text of a slot; `None` if there is none, or it changes all the time.
    pub(super) fn read_text(&self, slot: usize) -> Option<RequestText> {
        let (head, text) = self.text(slot)?;
        let (words, state) = (0..MAX_ATTEMPTS).find_map(|_| {
            let state = word::load(head, std::sync::atomic::Ordering::Relaxed) >> 32;
            match seqlock::read(head, text, state, MAX_ATTEMPTS) {
                SeqRead::Words(words) => Some((words, state)),
                SeqRead::Empty | SeqRead::Busy => None,
            }
        })?;
        let len = (state & 0xff) as usize;
        if len == 0 {
            return None;
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let bytes = bytes.get(..len)?;
        let is_cut = state & CUT != 0;
        let mut uri = match (std::str::from_utf8(bytes), is_cut) {
            // Cut within a character.
            (Err(error), true) if error.error_len().is_none() => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                String::from_utf8_lossy(whole).into_owned()
            }
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        if is_cut {
            uri.push('…');
        }
        let method = METHODS.get((state >> METHOD_SHIFT & 0xff) as usize);
        Some(RequestText {
            method: method.copied().unwrap_or(""),
            uri,
        })
    }
}
