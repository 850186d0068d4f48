//! Named places between two steps of a change, at which a test may stop or kill its process to see
//! what another one makes of the rest. Nothing in any other build.

/// Tells the test of this thread, where there is one, that the place was reached.
#[inline(always)]
pub(super) fn reach(_place: &str) {
    #[cfg(test)]
    tests::run(_place);
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    type Hook = Box<dyn FnMut(&str)>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// What this thread does at each place from now on.
    pub(in crate::artifacts) fn set(hook: impl FnMut(&str) + 'static) {
        HOOK.with(|slot| *slot.borrow_mut() = Some(Box::new(hook)));
    }

    /// Nothing any longer.
    pub(in crate::artifacts) fn clear() {
        HOOK.with(|slot| *slot.borrow_mut() = None);
    }

    pub(super) fn run(place: &str) {
        // A hook that calls us again finds the slot empty.
        if let Some(mut hook) = HOOK.with(|slot| slot.borrow_mut().take()) {
            hook(place);
            HOOK.with(|slot| {
                slot.borrow_mut().get_or_insert(hook);
            });
        }
    }
}
