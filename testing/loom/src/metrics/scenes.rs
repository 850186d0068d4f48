//! A number that threads add to, and one that moves.

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

/// A thread adds to numbers that another one moves: nothing is lost or doubled, and a second move takes the rest.
pub fn numbers_move_while_a_thread_adds() {
    let cells = || (Cell::new(), Cell::new());
    let (from, to) = (Arc::new(cells()), cells());
    // To loom, creation of a cell is a store, which must not race with another thread.
    assert_eq!((from.0.get(), from.1.get()), (0, 0));
    from.0.add(1);
    let shared = Arc::clone(&from);
    let other = thread::spawn(move || {
        shared.0.add(2);
        shared.1.add_float(0.5);
    });
    let move_both = || {
        from.0.move_to(&to.0, false);
        from.1.move_to(&to.1, true);
    };
    move_both();
    let _ = other.join();
    move_both();
    assert_eq!((from.0.get(), from.1.get()), (0, 0));
    assert_eq!((to.0.get(), to.1.get_float()), (3, 0.5));
}
