//! Per-thread state: each module declares its own with [`thread_state!`], and [`crate::lifecycle`] calls the hooks by
//! which the modules reset and free it. Thread-locals and not PHP's module globals, because these are one struct that
//! would have to know all modules. They have no destructor, because a thread may end after PHP has freed memory that a
//! destructor would access: a module that owns heap memory or handles frees them in its `thread_shutdown`.

use std::{cell::UnsafeCell, mem::ManuallyDrop};

/// State that each PHP thread (without ZTS: the only one) has a copy of. Declared by [`thread_state!`].
pub struct ThreadState<T: 'static>(fn() -> *mut T);

impl<T> ThreadState<T> {
    /// Used by [`thread_state!`] only: `pointer` returns the address of the calling thread's copy.
    pub const fn new(pointer: fn() -> *mut T) -> Self {
        Self(pointer)
    }

    /// Runs `work` with the state of the calling thread. `work` must not call PHP code, which could get here again.
    ///
    /// No `RefCell`, because PHP may jump out of `work` where memory runs out: a flag would say "borrowed" for ever.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the thread's own copy, which only this thread reaches, and only here; `work` calls no PHP code, so
        // no second reference exists before this one ends.
        work(unsafe { &mut *(self.0)() })
    }

    /// Replaces the state of the calling thread, and returns the one before.
    pub fn replace(&self, value: T) -> T {
        self.with(|state| std::mem::replace(state, value))
    }
}

impl<T: Copy> ThreadState<T> {
    /// The state of the calling thread.
    #[inline]
    pub fn get(&self) -> T {
        self.with(|state| *state)
    }

    /// Sets the state of the calling thread.
    #[inline]
    pub fn set(&self, value: T) {
        self.with(|state| *state = value);
    }
}

/// Memory of one [`ThreadState`]. A thread that ends doesn't drop the value.
pub struct Storage<T>(UnsafeCell<ManuallyDrop<T>>);

impl<T> Storage<T> {
    /// Storage with its first value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(ManuallyDrop::new(value)))
    }

    /// The address of the value.
    pub const fn pointer(&self) -> *mut T {
        self.0.get().cast()
    }
}

// SAFETY: without ZTS there is one PHP thread, and only it reaches the value.
#[cfg(not(php_zts))]
unsafe impl<T> Sync for Storage<T> {}

/// Declares a [`ThreadState`] with its first value, which is constant. Without ZTS it is a plain static: a thread-local
/// of a shared library costs a call for each access.
#[cfg(not(php_zts))]
macro_rules! thread_state {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])*
        $visibility static $name: $crate::thread_state::ThreadState<$type> = {
            static STORAGE: $crate::thread_state::Storage<$type> =
                $crate::thread_state::Storage::new($value);
            $crate::thread_state::ThreadState::new(|| STORAGE.pointer())
        };
    };
}

/// Declares a [`ThreadState`] with its first value, which is constant.
#[cfg(php_zts)]
macro_rules! thread_state {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])*
        $visibility static $name: $crate::thread_state::ThreadState<$type> = {
            thread_local! {
                static STORAGE: $crate::thread_state::Storage<$type> =
                    const { $crate::thread_state::Storage::new($value) };
            }
            $crate::thread_state::ThreadState::new(|| {
                STORAGE.with($crate::thread_state::Storage::pointer)
            })
        };
    };
}
pub(crate) use thread_state;
