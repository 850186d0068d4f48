//! The words of two entries of the directory: how much was handed out, and the position of a block.

use std::sync::Arc;

use loom::thread;

use super::counters::hand_out;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Two processes create the block of one name at once, and then one of another name: they agree on the first, and the
/// second is elsewhere.
pub fn two_creators_agree_on_a_block() {
    let word = || AtomicU64::new(0);
    let (words, position_of_another) = (Arc::new((word(), word())), word());
    // To loom, creation of a word is a store, which must not race with another thread.
    let before = [&words.0, &words.1].map(|word| word.load(Ordering::Relaxed));
    assert_eq!(before, [0, 0]);
    let shared = Arc::clone(&words);
    let other = thread::spawn(move || hand_out(&shared.0, &shared.1, 3));
    let own = hand_out(&words.0, &words.1, 3);
    let other = other.join().ok().flatten();
    assert!(own.is_some() && own == other);
    assert_ne!(hand_out(&words.0, &position_of_another, 3), own);
}
