//! Measures everything that outlives a request on this PHP thread: statics, globals, variables of the loop's frames,
//! and every object that can be reached from there. It only reads: no PHP code runs, nothing is initialised, no
//! reference is taken, and only numbers are kept. Values inside internal classes come from `get_gc`, as for PHP's own
//! collector. Bounded in values, in time and in elements of one subject; the rest is not compared.
//!
//! * [`roots`], [`frames`] and [`engine_roots`] state with a name; [`static_owners`] which classes and functions have
//!   static variables; [`measure`] the size of one value; [`objects`] contents of objects; [`class_counts`].
//! * [`names`], [`describe`], [`describe_engine`], [`describe_variables`], [`loaded_code`] names for leaks, while the
//!   values are still there.

mod class_counts;
pub mod describe;
pub mod describe_engine;
mod describe_variables;
mod engine_roots;
mod frames;
pub mod loaded_code;
mod measure;
mod names;
mod objects;
mod roots;
mod static_owners;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use ext_php_rs::{
    ffi::{ext_php_rs_executor_globals, zend_executor_globals, zend_object},
    zend::try_catch,
};
use pillion_engine::worker::leaks::{
    AddressMap, EngineState, Leak, LeakDetector, LeakKind, LoadedCode, Subject,
};

use crate::zend::{hash_table, memory};
use class_counts::ClassCount;
use measure::Totals;
use static_owners::StaticOwners;

/// Values that one walk visits.
const MAX_VALUES: u64 = 500_000;
/// How long one walk may take.
const MAX_DURATION: Duration = Duration::from_millis(100);
/// Values between two reads of the clock.
const CLOCK_INTERVAL: u64 = 4096;
/// Holders of an object that are followed.
const MAX_HOLDERS: usize = 32;
/// The parent of an object that no object holds.
const NO_PARENT: u32 = u32::MAX;

/// An object, and how it was reached first.
#[derive(Debug, Clone, Copy)]
pub struct ReachedObject {
    object: *mut zend_object,
    /// The subject that holds it.
    holder: Subject,
    /// The index of the object that the holder is a property of.
    parent: u32,
}

/// The state kept between walks, and that of the walk under way.
#[derive(Default)]
pub struct HeapWalk {
    detector: LeakDetector,
    static_owners: StaticOwners,
    /// The compiler's memory at the last walk.
    compiler_arena: (usize, usize),
    /// The classes of objects, for the whole script; their counts are of the walk.
    classes: AddressMap<usize, ClassCount>,
    /// The objects in the order in which they were reached; of the walk under way, as all below.
    reached: Vec<ReachedObject>,
    /// A bit for each handle of a reached object.
    reached_handles: Vec<u64>,
    /// Arrays and references that were measured, which may have many holders or hold themselves.
    measured: AddressMap<usize, Totals>,
    /// The subject that is being measured.
    subject: Option<Subject>,
    /// The index of the object that is being visited.
    parent: u32,
    values_left: u64,
    elements_left: u64,
    deadline: Option<Instant>,
    /// A bound was reached: some values were not visited.
    pub is_truncated: bool,
}

impl HeapWalk {
    /// Measures everything and returns the leaks. `None` if PHP has run out of memory meanwhile: the script has to
    /// end ([`end_script`]) when everything that the caller holds has been dropped.
    ///
    /// On a PHP thread in a script that began at `script_began`, in seconds since 1970.
    #[must_use]
    pub fn detect(mut self, is_session_open: bool, script_began: u64) -> Option<(Self, Vec<Leak>)> {
        // SAFETY: this thread's own globals, in a script.
        let globals = unsafe { &*ext_php_rs_executor_globals() };
        let state = self.engine_state(globals, script_began);
        self.detector.begin_check(state);
        if is_session_open {
            self.detector.record_open_session();
        }
        self.values_left = MAX_VALUES;
        self.deadline = Some(Instant::now() + MAX_DURATION);
        // `get_gc` of an internal class may allocate, and end in PHP's memory limit. That jumps over frames of ours
        // that own nothing: all state is in `self`, and consistent at any such point.
        let walked = try_catch(AssertUnwindSafe(|| self.walk(globals)));
        self.measured.clear();
        if walked.is_err() {
            return None;
        }
        self.is_truncated = self.values_left == 0;
        let mut leaks = self.detector.detect();
        self.drop_explained_objects(&mut leaks);
        Some((self, leaks))
    }

    fn engine_state(&mut self, globals: &zend_executor_globals, script_began: u64) -> EngineState {
        // SAFETY: the thread's live tables.
        let loaded = unsafe {
            LoadedCode {
                classes: hash_table::sizes(globals.class_table).0,
                functions: hash_table::sizes(globals.function_table).0,
                files: hash_table::sizes(&raw const globals.included_files).0,
            }
        };
        let before = self.detector.loaded();
        let generated = match !self.detector.is_first_check() && loaded.has_more_than(&before) {
            true => loaded_code::generated(before, loaded, script_began),
            false => LoadedCode::default(),
        };
        let arena = memory::compiler_arena();
        EngineState {
            loaded,
            generated,
            has_new_code: std::mem::replace(&mut self.compiler_arena, arena) != arena,
            gc: memory::gc_state(),
            memory: memory::used() as u64,
        }
    }

    fn walk(&mut self, globals: &zend_executor_globals) {
        self.reached.clear();
        // SAFETY: this thread's own globals, in a script.
        unsafe {
            let handles = globals.objects_store.top as usize;
            self.reached_handles.clear();
            self.reached_handles.resize(handles.div_ceil(64), 0);
            self.parent = NO_PARENT;
            self.visit_roots(globals);
            let mut next = 0;
            while let Some(object) = self.reached.get(next).copied() {
                self.parent = next as u32;
                next += 1;
                self.visit_object(object);
            }
            self.count_objects(globals);
        }
    }

    /// Drops the objects that become more because an array that holds them grows: the array is the leak.
    fn drop_explained_objects(&self, leaks: &mut Vec<Leak>) {
        let is_object = |leak: &Leak| leak.subject.kind == LeakKind::Object;
        if !leaks.iter().any(is_object) {
            return;
        }
        let grown: Vec<Subject> = leaks.iter().map(|leak| leak.subject).collect();
        leaks.retain(|leak| {
            !is_object(leak)
                || !self.objects_of(leak.subject.owner).any(|object| {
                    self.holders(Some(object))
                        .take(MAX_HOLDERS)
                        .any(|holder| grown.contains(&holder))
                })
        });
    }

    /// The subjects that hold an object, from the nearest on.
    fn holders(&self, object: Option<ReachedObject>) -> impl Iterator<Item = Subject> + '_ {
        let mut next = object;
        std::iter::from_fn(move || {
            let object = next?;
            next = self.reached.get(object.parent as usize).copied();
            Some(object.holder)
        })
    }

    /// The objects of a class that were reached, the last one first.
    fn objects_of(&self, class: u64) -> impl Iterator<Item = ReachedObject> + '_ {
        // SAFETY: the objects of the finished walk are alive until PHP code runs.
        let is_of_class =
            move |reached: &ReachedObject| unsafe { (*reached.object).ce.addr() as u64 == class };
        self.reached.iter().rev().copied().filter(is_of_class)
    }

    /// Takes one value from the walk's budget; `false` if it is used up.
    #[inline]
    fn spend(&mut self) -> bool {
        if self.values_left > 0 {
            self.values_left -= 1;
            if self.values_left.is_multiple_of(CLOCK_INTERVAL)
                && self
                    .deadline
                    .is_some_and(|deadline| Instant::now() > deadline)
            {
                self.values_left = 0;
            }
        }
        self.values_left > 0
    }
}

/// Ends the script as PHP does when memory has run out. Nothing with a destructor may be alive on the frames above.
pub fn end_script() -> ! {
    // SAFETY: on a PHP thread in a script; PHP has reported the error already.
    unsafe { ext_php_rs::zend::bailout() }
}
