//! A number that threads add to.

use std::sync::Arc;

use loom::thread;

use super::cell::Cell;

/// Two threads add to a count and to a sum of floats.
pub fn two_threads_add() {
    let cells = Arc::new((Cell::new(), Cell::new()));
    assert_eq!((cells.0.get(), cells.1.get()), (0, 0));
    let shared = Arc::clone(&cells);
    let other = thread::spawn(move || {
        shared.0.add(1);
        shared.1.add_float(0.5);
    });
    cells.0.add(2);
    cells.1.add_float(0.25);
    let _ = other.join();
    assert_eq!((cells.0.get(), cells.1.get_float()), (3, 0.75));
}
