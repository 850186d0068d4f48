//! Looks at all that outlives a request on this PHP thread: statics, globals, what the frames of the loop hold, and
//! every object that can be reached from there, and reports the size of each thing that can grow. It only looks: no
//! PHP code runs, nothing is initialised, no reference is taken, and nothing but numbers stays behind. What internal
//! classes hold is asked as PHP's own collector asks it.
//!
//! Bounded: so many values and so much time in all, so many elements of one thing. What is beyond is not compared.
//!
//! * [`value`] the size of one value; [`roots`] what is known by name ([`tables`]: of
//!   classes and functions); [`objects`] what is reached from there;
//! * [`names`] and [`describe_engine`] names for what has grown, while it is still there.

pub mod describe_engine;
pub mod names;
mod objects;
mod roots;
mod tables;
mod value;

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use ext_php_rs::{
    ffi::{
        IS_ARRAY, IS_OBJECT, IS_STRING, ext_php_rs_executor_globals, zend_executor_globals,
        zend_object, zval,
    },
    zend::try_catch,
};
use pillion_engine::worker::leaks::{
    AddressMap, EngineState, Leak, LeakDetector, LeakKind, LoadedCode, Subject,
};

use crate::zend::{
    memory, table,
    value::{type_of, zend_str},
};
use objects::Class;
use tables::Roots;
use value::Part;

/// Values that are looked at in all.
const MOST_VALUES: u64 = 500_000;
/// How long it may take.
const MOST_TIME: Duration = Duration::from_millis(100);
/// How far the holders of an object are followed.
const MOST_HOLDERS: usize = 32;
/// The parent of what no object holds.
const NO_PARENT: u32 = u32::MAX;

/// An object, and how it was reached first.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    object: *mut zend_object,
    /// The thing that holds it.
    from: Subject,
    /// The place of the object whose thing that is.
    parent: u32,
}

/// What is kept between looks, and the state of the one under way.
#[derive(Default)]
pub struct Walk {
    detector: LeakDetector,
    roots: Roots,
    /// Where the compiler's memory ended at the last look.
    code: (usize, usize),
    /// The objects in the order in which they were reached; of the look under way, as all below.
    nodes: Vec<Node>,
    /// A bit for each handle that was reached.
    reached: Vec<u64>,
    /// Arrays and references that were looked at, which may be held many times or hold themselves.
    parts: AddressMap<usize, Part>,
    /// The classes of objects, for the whole script, with counts of the look.
    classes: AddressMap<usize, Class>,
    /// What is being looked at.
    at: Option<Subject>,
    parent: u32,
    values_left: u64,
    left_of_one: u64,
    until: Option<Instant>,
    /// Bounds were reached: there is more than was looked at.
    pub is_cut: bool,
}

impl Walk {
    /// Looks at everything, and tells the leaks. `None`: PHP has run out of memory meanwhile, and the script has to
    /// end ([`end_script`]), when all that is held here has been dropped.
    ///
    /// On a PHP thread in a script that began at `began`, in seconds since 1970.
    #[must_use]
    pub fn look(mut self, session: bool, began: u64) -> Option<(Self, Vec<Leak>)> {
        // SAFETY: this thread's own globals, in a script.
        let globals = unsafe { &*ext_php_rs_executor_globals() };
        let now = self.circumstances(globals, began);
        self.detector.begin_check(now);
        if session {
            self.detector.record_open_session();
        }
        self.values_left = MOST_VALUES;
        self.until = Some(Instant::now() + MOST_TIME);
        // An internal class may ask for memory to tell what it holds. Jumping out of there passes frames
        // of ours that own nothing: all is in `self`, and whole at any such place.
        let looked = try_catch(AssertUnwindSafe(|| self.walk(globals)));
        self.parts.clear();
        if looked.is_err() {
            return None;
        }
        self.is_cut = self.values_left == 0;
        let mut leaks_found = self.detector.detect();
        self.only_what_nothing_else_explains(&mut leaks_found);
        Some((self, leaks_found))
    }

    fn circumstances(&mut self, globals: &zend_executor_globals, began: u64) -> EngineState {
        // SAFETY: the thread's live tables.
        let loaded = unsafe {
            LoadedCode {
                classes: table::sizes(globals.class_table).0,
                functions: table::sizes(globals.function_table).0,
                files: table::sizes(&raw const globals.included_files).0,
            }
        };
        let before = self.detector.loaded();
        let generated = match !self.detector.is_first_check() && loaded.has_more_than(&before) {
            true => describe_engine::generated(before, loaded, began),
            false => LoadedCode::default(),
        };
        let code = memory::compiler_arena();
        let (runs, no_garbage) = memory::gc_state();
        EngineState {
            loaded,
            generated,
            has_new_code: std::mem::replace(&mut self.code, code) != code,
            runs,
            no_garbage,
            memory: memory::used() as u64,
        }
    }

    fn walk(&mut self, globals: &zend_executor_globals) {
        self.nodes.clear();
        // SAFETY: this thread's own globals, in a script.
        unsafe {
            let handles = globals.objects_store.top as usize;
            self.reached.clear();
            self.reached.resize(handles.div_ceil(64), 0);
            self.parent = NO_PARENT;
            self.look_at_roots(globals);
            let mut next = 0;
            while let Some(node) = self.nodes.get(next).copied() {
                self.parent = next as u32;
                next += 1;
                self.object_of(node);
            }
            self.count_objects(globals);
        }
    }

    /// Objects that become more because an array which holds them grows are no leak of their own.
    fn only_what_nothing_else_explains(&self, leaks_found: &mut Vec<Leak>) {
        if leaks_found
            .iter()
            .all(|leak| leak.key.kind != LeakKind::Object)
        {
            return;
        }
        let grown: Vec<Subject> = leaks_found.iter().map(|leak| leak.key).collect();
        leaks_found.retain(|leak| {
            leak.key.kind != LeakKind::Object
                || !self.all_of(leak.key.owner).any(|node| {
                    self.holders(Some(node))
                        .take(MOST_HOLDERS)
                        .any(|holder| grown.contains(&holder))
                })
        });
    }

    /// The things that hold a node's object, from the nearest on.
    fn holders(&self, node: Option<Node>) -> impl Iterator<Item = Subject> + '_ {
        let mut next = node;
        std::iter::from_fn(move || {
            let node = next?;
            next = self.nodes.get(node.parent as usize).copied();
            Some(node.from)
        })
    }

    /// The objects of a class that were reached, the last one first.
    fn all_of(&self, class: u64) -> impl Iterator<Item = Node> + '_ {
        // SAFETY: the nodes of the look that is over live until PHP code runs.
        let is_of = move |node: &Node| unsafe { (*node.object).ce.addr() as u64 == class };
        self.nodes.iter().rev().copied().filter(is_of)
    }

    /// Looks at one thing, unless the bounds were reached.
    ///
    /// # Safety
    /// A live value, as it lies there.
    #[inline]
    unsafe fn thing(&mut self, key: Subject, value: *const zval) {
        // SAFETY: by the contract; each type says what the union holds.
        unsafe {
            let value = table::behind(value);
            match type_of(&*value) {
                IS_OBJECT => {
                    self.at = Some(key);
                    self.object((*value).value.obj);
                }
                IS_STRING if value::is_own(value) && self.step() => {
                    let text = zend_str((*value).value.str_).unwrap_or_default();
                    let bytes = value::room_of_text(text.len() as u64);
                    self.detector.record_text(key, text, bytes);
                }
                IS_ARRAY if value::is_own(value) && self.step() => {
                    let array = (*value).value.arr;
                    let count = (*array).nNumOfElements;
                    if count > 0 {
                        (self.at, self.left_of_one) = (Some(key), value::MOST_OF_ONE);
                        let part = self.array(array, 0);
                        self.detector.record_size(key, part.size(count.into()));
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether one more value is within the bounds.
    #[inline]
    fn step(&mut self) -> bool {
        if self.values_left > 0 {
            self.values_left -= 1;
            if self.values_left.is_multiple_of(4096)
                && self.until.is_some_and(|until| Instant::now() > until)
            {
                self.values_left = 0;
            }
        }
        self.values_left > 0
    }
}

/// Ends the script as PHP does where memory has run out. Nothing with a destructor may be alive on the
/// frames above.
pub fn end_script() -> ! {
    // SAFETY: on a PHP thread in a script; PHP has already said what is wrong.
    unsafe { ext_php_rs::zend::bailout() }
}
