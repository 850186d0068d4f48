//! Seqlock: a few words with one writer and any number of readers, none of which waits for the other. The head counts
//! changes and is odd while the words change, so a reader that loads the same even head before and after has words that
//! belong together. Writer and readers are in different processes, and the writer may be killed between any two stores.
//! testing/loom compiles this file as it is.

use super::word::{load, store};
use crate::sync::{
    atomic::{AtomicU64, Ordering, fence},
    hint,
};

/// The result of [`read`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SeqRead<const N: usize> {
    /// The head has another state than the one asked for.
    Empty,
    /// Words that were stored together.
    Words([u64; N]),
    /// A change is under way, perhaps of a writer that died in it.
    Busy,
}

/// Reads the words where the upper half of `head` is `state`, in at most so many `attempts`.
#[inline]
pub(crate) fn read<const N: usize>(
    head: &AtomicU64,
    words: &[AtomicU64; N],
    state: u64,
    attempts: usize,
) -> SeqRead<N> {
    for _ in 0..attempts {
        let before = load(head, Ordering::Acquire);
        if before & 1 != 0 {
            hint::spin_loop();
            continue;
        }
        if before >> 32 != state {
            return SeqRead::Empty;
        }
        let body = words.each_ref().map(|word| load(word, Ordering::Relaxed));
        // The words above are read before the head is read again.
        fence(Ordering::Acquire);
        if load(head, Ordering::Relaxed) == before {
            return SeqRead::Words(body);
        }
    }
    SeqRead::Busy
}

/// Stores the words, and `state` in the upper half of `head`; `between` runs after each word. The caller is the only
/// writer.
pub(crate) fn write<const N: usize>(
    head: &AtomicU64,
    words: &[AtomicU64; N],
    state: u64,
    body: [u64; N],
    mut between: impl FnMut(),
) {
    let before = load(head, Ordering::Relaxed);
    // A killed writer may have left it odd.
    let odd = before as u32 | 1;
    let upper = before & !u64::from(u32::MAX);
    store(head, upper | u64::from(odd), Ordering::Relaxed);
    // A reader that sees a word from below sees the odd head too.
    fence(Ordering::Release);
    for (word, value) in words.iter().zip(body) {
        store(word, value, Ordering::Relaxed);
        between();
    }
    let even = u64::from(odd.wrapping_add(1));
    store(head, state << 32 | even, Ordering::Release);
}
