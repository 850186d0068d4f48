//! One writer and any number of readers of a few words, none of whom waits for the other: the head
//! counts changes and is odd while the words change, so a reader who saw the same even head before and
//! after has words that belong together. Writer and readers are in different processes, and the
//! writer may be killed between any two stores. The model takes this file as it is.

use super::layout::{load, store};
use crate::sync::{
    atomic::{AtomicU64, Ordering, fence},
    hint,
};

/// What a reader saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen<const N: usize> {
    /// A state without words.
    Empty,
    /// Words that were stored together.
    Words([u64; N]),
    /// A change is under way, of a writer that may have died over it.
    Busy,
}

/// Reads the words where the upper half of `head` is `live`, with at most so many `looks`.
#[inline]
pub(super) fn read<const N: usize>(
    head: &AtomicU64,
    words: &[AtomicU64; N],
    live: u64,
    looks: usize,
) -> Seen<N> {
    for _ in 0..looks {
        let before = load(head, Ordering::Acquire);
        if before & 1 != 0 {
            hint::spin_loop();
            continue;
        }
        if before >> 32 != live {
            return Seen::Empty;
        }
        let body = words.each_ref().map(|word| load(word, Ordering::Relaxed));
        // The words above are read before the head is read again.
        fence(Ordering::Acquire);
        if load(head, Ordering::Relaxed) == before {
            return Seen::Words(body);
        }
    }
    Seen::Busy
}

/// Stores the words and the `state` in the upper half of `head`; `between` runs after each word. Only
/// for who is the one writer.
pub(super) fn write<const N: usize>(
    head: &AtomicU64,
    words: &[AtomicU64; N],
    state: u64,
    body: [u64; N],
    mut between: impl FnMut(),
) {
    let before = load(head, Ordering::Relaxed);
    // A dead writer may have left it odd.
    let odd = before as u32 | 1;
    let upper = before & !u64::from(u32::MAX);
    store(head, upper | u64::from(odd), Ordering::Relaxed);
    // Readers that see a word from below see the odd head too.
    fence(Ordering::Release);
    for (word, value) in words.iter().zip(body) {
        store(word, value, Ordering::Relaxed);
        between();
    }
    let even = u64::from(odd.wrapping_add(1));
    store(head, state << 32 | even, Ordering::Release);
}
