//! One number that any thread of any process may change at any time.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count, or a float by its bits, depending on the owner of the cell.
#[derive(Debug)]
#[repr(transparent)]
pub struct Cell(AtomicU64);

impl Default for Cell {
    fn default() -> Self {
        Self::new()
    }
}

impl Cell {
    /// Zero, which is zero as a float too.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Words of a segment as cells.
    #[must_use]
    pub const fn of_words(words: &[AtomicU64]) -> &[Self] {
        // SAFETY: a cell is such a word, and all access to it is atomic.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// Adds to a count; wraps after 2^64.
    #[inline]
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Reads a count.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Sets a count.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Adds to a float.
    #[inline]
    pub fn add_float(&self, by: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + by).to_bits());
        // The closure never returns `None`, so the update never fails.
        let _ = self.0.fetch_update(Relaxed, Relaxed, sum);
    }

    /// Reads a float.
    #[inline]
    #[must_use]
    pub fn get_float(&self) -> f64 {
        f64::from_bits(self.get())
    }

    /// Moves the number to another cell. A number that another thread adds meanwhile is moved or stays, and is never
    /// lost or doubled.
    pub fn move_to(&self, other: &Self, is_float: bool) {
        if self.get() == 0 {
            return;
        }
        let number = self.0.swap(0, Relaxed);
        match is_float {
            true => other.add_float(f64::from_bits(number)),
            false => other.add(number),
        }
    }

    /// Resets to zero.
    pub fn reset(&self) {
        self.set(0);
    }
}
