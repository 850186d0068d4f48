//! Memory that unrelated processes share through mapped files. [`segment`] creates, opens and maps a file; the other
//! files are mechanisms over its words, none of which waits for another process, because that may be killed at any
//! instruction: [`seqlock`], [`groups`] of a hash table, [`owner_slots`], [`counters`], [`epoch`], [`checksum`],
//! [`records`], [`word`]. Any thread.

pub(crate) mod allocate;
pub(crate) mod checksum;
pub(crate) mod counters;
pub(crate) mod epoch;
pub(crate) mod groups;
pub(crate) mod owner_slots;
pub(crate) mod publish;
pub(crate) mod records;
pub(crate) mod segment;
pub(crate) mod seqlock;
pub(crate) mod word;

pub(crate) use segment::{Opened, Segment};
