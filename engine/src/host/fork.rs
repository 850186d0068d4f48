//! Fork handler of a child. It uses atomics only, because another thread of the parent may have held any mutex at the
//! fork. It closes inherited lock descriptors and never unlocks them: an unlock in the child would release the parent's
//! lock, and an open copy would hold it beyond the parent's death (both observed with flock on Linux).

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Lock descriptors that one process may hold; a further lock is refused, not leaked.
const MAX_LOCKS: usize = 4096;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static FORKS_BEGUN: AtomicU32 = AtomicU32::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);
static LOCK_FDS: [AtomicI32; MAX_LOCKS] = [const { AtomicI32::new(-1) }; MAX_LOCKS];
static CHILD_HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Counts the forks between the first process and this one. A value of another generation belongs to an ancestor: it is
/// leaked, never dropped.
#[inline]
#[must_use]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Acquire)
}

/// Installs the handlers, once per load of the library.
pub fn install() {
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        // SAFETY: the handlers touch atomics and call close(2) only. The library is linked with
        // `-z nodelete`, so they stay mapped for as long as the process lives.
        unsafe { libc::pthread_atfork(Some(before), None, Some(in_child)) };
    }
}

/// Sets the hook that runs in a forked child after the lock descriptors are closed, and installs the handlers. `hook`
/// must be async-signal-safe. There is one hook; a later one replaces it.
pub fn on_child(hook: fn()) {
    CHILD_HOOK.store(hook as *mut (), Ordering::Release);
    install();
}

/// Counts the forks that this process has begun. A child does not know a descriptor that was opened before its fork and
/// registered after it, so a caller that sees the count change in between opens the file again.
pub(super) fn forks_begun() -> u32 {
    FORKS_BEGUN.load(Ordering::SeqCst)
}

extern "C" fn before() {
    FORKS_BEGUN.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
    for slot in &LOCK_FDS {
        let fd = slot.swap(-1, Ordering::AcqRel);
        if fd >= 0 {
            // SAFETY: the descriptor was registered by `register_lock` and is this child's copy.
            unsafe { libc::close(fd) };
        }
    }
    let hook = CHILD_HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only `on_child` stores here, and only a `fn()`.
        let hook: fn() = unsafe { std::mem::transmute::<*mut (), fn()>(hook) };
        hook();
    }
}

/// Registers a descriptor that a forked child has to close. Returns `None` if the table is full.
pub(super) fn register_lock(fd: i32) -> Option<usize> {
    LOCK_FDS.iter().position(|slot| {
        slot.compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    })
}

/// Removes a registration, before the descriptor is closed.
pub(super) fn unregister_lock(slot: usize) {
    if let Some(slot) = LOCK_FDS.get(slot) {
        slot.store(-1, Ordering::Release);
    }
}
