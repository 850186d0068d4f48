//! What a forked child must do before anything else, with atomics only: another thread of the
//! parent may have held any lock at that moment. Lock descriptors that the child inherited are
//! closed and never unlocked, since an unlock in the child would release the parent's lock, and an
//! open copy would keep it locked after the parent's death (both seen with flock on Linux).

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Lock descriptors one process may hold at once; beyond it a lock is refused, not leaked.
const MAX_LOCKS: usize = 4096;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static FORKS_BEGUN: AtomicU32 = AtomicU32::new(0);
static REGISTERED: AtomicBool = AtomicBool::new(false);
static LOCK_FDS: [AtomicI32; MAX_LOCKS] = [const { AtomicI32::new(-1) }; MAX_LOCKS];
static CHILD_HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Counts the forks between the first process and this one. A value that was made under another
/// generation belongs to an ancestor: forget it, never drop it.
#[inline]
#[must_use]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Acquire)
}

/// Installs the handlers, once for each load of the library.
pub fn install() {
    if !REGISTERED.swap(true, Ordering::AcqRel) {
        // SAFETY: the handlers touch atomics and call close(2) only. The library is linked with
        // `-z nodelete`, so they stay mapped for as long as the process lives.
        unsafe { libc::pthread_atfork(Some(before), None, Some(in_child)) };
    }
}

/// Sets what runs in a forked child after the lock descriptors are closed, and installs the handlers.
/// `hook` must be async-signal-safe. There is one; a later one takes its place.
pub fn on_child(hook: fn()) {
    CHILD_HOOK.store(hook as *mut (), Ordering::Release);
    install();
}

/// Counts the forks this process has begun. A descriptor that was opened before a fork and noted
/// after it is unknown to the child; who sees the count change in between opens it anew.
pub(super) fn begun() -> u32 {
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
            // SAFETY: the descriptor was registered by `remember` and is this child's copy.
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

/// Notes a descriptor that a forked child has to close. `None`: the table is full.
pub(super) fn remember(fd: i32) -> Option<usize> {
    LOCK_FDS.iter().position(|slot| {
        slot.compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    })
}

/// Takes the note back, before the descriptor is closed.
pub(super) fn forget(slot: usize) {
    if let Some(slot) = LOCK_FDS.get(slot) {
        slot.store(-1, Ordering::Release);
    }
}
