//! loom's counterpart of the engine's `sync.rs`. An atomic is created at its first use, because the engine creates its
//! own in constants, and loom's can be created inside of a model only. A scene uses each once before its threads begin,
//! because to loom creation is a store. Threads of a model.

pub(crate) use loom::{hint, sync::Mutex};
pub(crate) use std::sync::PoisonError;

/// loom treats sequentially consistent accesses as acquire and release, and orders them by fences only.
pub(crate) fn in_one_order() {
    atomic::fence(atomic::Ordering::SeqCst);
}

pub(crate) mod atomic {
    use std::sync::OnceLock;

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

    /// A number of eight bytes.
    #[derive(Debug)]
    pub(crate) struct AtomicU64 {
        first: u64,
        made: OnceLock<loom::sync::atomic::AtomicU64>,
    }

    impl AtomicU64 {
        pub(crate) const fn new(first: u64) -> Self {
            let made = OnceLock::new();
            Self { first, made }
        }

        fn made(&self) -> &loom::sync::atomic::AtomicU64 {
            let make = || loom::sync::atomic::AtomicU64::new(self.first);
            self.made.get_or_init(make)
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.made().load(order)
        }

        pub(crate) fn store(&self, value: u64, order: Ordering) {
            self.made().store(value, order);
        }

        pub(crate) fn fetch_add(&self, by: u64, order: Ordering) -> u64 {
            self.made().fetch_add(by, order)
        }

        pub(crate) fn fetch_sub(&self, by: u64, order: Ordering) -> u64 {
            self.made().fetch_sub(by, order)
        }

        pub(crate) fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
            self.made().fetch_or(bits, order)
        }

        pub(crate) fn fetch_xor(&self, bits: u64, order: Ordering) -> u64 {
            self.made().fetch_xor(bits, order)
        }

        pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
            self.made().swap(value, order)
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            self.made().compare_exchange(current, new, success, failure)
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            self.made()
                .compare_exchange_weak(current, new, success, failure)
        }

        pub(crate) fn fetch_update(
            &self,
            set: Ordering,
            fetch: Ordering,
            update: impl FnMut(u64) -> Option<u64>,
        ) -> Result<u64, u64> {
            self.made().fetch_update(set, fetch, update)
        }
    }

    /// A pointer.
    #[derive(Debug)]
    pub(crate) struct AtomicPtr<T> {
        first: *mut T,
        made: OnceLock<loom::sync::atomic::AtomicPtr<T>>,
    }

    // SAFETY: the pointer is only copied; access to its target is up to its users.
    unsafe impl<T> Send for AtomicPtr<T> {}
    // SAFETY: as above.
    unsafe impl<T> Sync for AtomicPtr<T> {}

    impl<T> AtomicPtr<T> {
        pub(crate) const fn new(first: *mut T) -> Self {
            let made = OnceLock::new();
            Self { first, made }
        }

        fn made(&self) -> &loom::sync::atomic::AtomicPtr<T> {
            let make = || loom::sync::atomic::AtomicPtr::new(self.first);
            self.made.get_or_init(make)
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.made().load(order)
        }

        pub(crate) fn store(&self, value: *mut T, order: Ordering) {
            self.made().store(value, order);
        }

        pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
            self.made().swap(value, order)
        }

        pub(crate) fn compare_exchange(
            &self,
            current: *mut T,
            new: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.made().compare_exchange(current, new, success, failure)
        }
    }
}
