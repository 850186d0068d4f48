//! Takes a picture of all that outlives a request on this PHP thread: statics, globals, handlers, what the
//! frames of the loop hold, and every object that can be reached from there. It only looks: no PHP code
//! runs, nothing is initialised, no reference is taken, and nothing but numbers stays behind. What internal
//! classes hold is asked as PHP's own collector asks it.
//!
//! Bounded: so many values and so much time in all, so many elements of one thing. What is beyond is not in
//! the picture, and the picture says so.
//!
//! * [`value`] prints one value; [`roots`] what is known by name; [`objects`] what is reached from there;
//! * [`names`] and [`things`] names for what has changed, while it is still there.

pub mod names;
mod objects;
mod roots;
pub mod things;
mod value;

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use ext_php_rs::{
    ffi::{ext_php_rs_executor_globals, zend_object},
    zend::try_catch,
};
use pillion_engine::worker::leaks::{Key, Kind, Picture, Print};

use super::{memory, raw, table};
use value::Part;

/// Values that are looked at in all.
const MOST_VALUES: u64 = 500_000;
/// How long it may take.
const MOST_TIME: Duration = Duration::from_millis(100);

/// An object, and how it was reached first.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    object: *mut zend_object,
    /// The thing that holds it.
    from: Key,
    /// The thing to which its memory is added, where it is new.
    owner: Option<Key>,
}

/// A walk, and its picture.
pub struct Walk<'a> {
    /// What was seen.
    pub picture: Picture,
    /// The objects in the order in which they were reached.
    pub nodes: Vec<Node>,
    /// Objects that were there before; the memory of others is added to what holds them.
    known: Option<&'a HashSet<(u64, u32)>>,
    /// Arrays and references that were looked at, which may be held many times or hold themselves.
    parts: HashMap<usize, Part>,
    /// What is being looked at.
    at: Key,
    owner: Option<Key>,
    /// What is left of the bounds.
    values_left: u64,
    left_of_one: u64,
    until: Instant,
}

impl<'a> Walk<'a> {
    /// Looks at everything. `None`: PHP has run out of memory meanwhile, and the script has to end
    /// ([`end_script`]), when all that is held here has been dropped.
    ///
    /// On a PHP thread in a script.
    #[must_use]
    pub fn take(known: Option<&'a HashSet<(u64, u32)>>) -> Option<Self> {
        let mut walk = Self {
            picture: Picture::default(),
            nodes: Vec::new(),
            known,
            parts: HashMap::new(),
            at: Key::only(Kind::Memory),
            owner: None,
            values_left: MOST_VALUES,
            left_of_one: 0,
            until: Instant::now() + MOST_TIME,
        };
        walk.picture.memory = memory::used() as u64;
        // An internal class may ask for memory to tell what it holds. Jumping out of there passes frames
        // of ours that own nothing: all is in `walk`, and whole at any such place.
        let looked = try_catch(AssertUnwindSafe(|| walk.look()));
        looked.is_ok().then_some(walk)
    }

    fn look(&mut self) {
        // SAFETY: this thread's own globals, in a script.
        unsafe {
            let globals = ext_php_rs_executor_globals();
            self.count(&*globals);
            self.roots(&*globals);
            let mut next = 0;
            while let Some(node) = self.nodes.get(next).copied() {
                next += 1;
                self.object_of(node);
            }
            self.others(&*globals);
        }
        self.picture.is_cut = self.values_left == 0;
        self.parts = HashMap::new();
    }

    /// Prints a thing, unless the bounds were reached.
    ///
    /// # Safety
    /// A live value, as it lies there.
    unsafe fn thing(&mut self, key: Key, value: *const ext_php_rs::ffi::zval) {
        (self.at, self.left_of_one) = (key, value::MOST_OF_ONE);
        // SAFETY: by the contract.
        let print = unsafe { self.print(value) };
        self.insert(key, print);
    }

    fn insert(&mut self, key: Key, print: Print) {
        if self.values_left > 0 {
            if let Some(owner) = self.owner
                && let Some(held) = self.picture.prints.get_mut(&owner)
            {
                held.bytes += print.bytes;
            }
            self.picture.prints.insert(key, print);
        }
    }

    /// Whether one more value is within the bounds.
    fn step(&mut self) -> bool {
        if self.values_left > 0 {
            self.values_left -= 1;
            if self.values_left.is_multiple_of(4096) && Instant::now() > self.until {
                self.values_left = 0;
            }
        }
        self.values_left > 0
    }

    /// # Safety
    /// This thread's globals.
    unsafe fn count(&mut self, globals: &ext_php_rs::ffi::zend_executor_globals) {
        // SAFETY: the thread's live tables.
        unsafe {
            let loaded = &mut self.picture.loaded;
            (loaded.classes, _) = table::sizes(globals.class_table);
            (loaded.functions, _) = table::sizes(globals.function_table);
            (loaded.files, _) = table::sizes(&raw const globals.included_files);
            (loaded.constants, _) = table::sizes(globals.zend_constants);
            loaded.shutdown_functions = raw::shutdown_functions().map_or(0, |functions| {
                let mut count = 0;
                table::each(functions, |_, _, entry| {
                    count += u32::from(!roots::is_ours(entry));
                });
                count
            });
        }
    }
}

/// Ends the script as PHP does where memory has run out. Nothing with a destructor may be alive on the
/// frames above.
pub fn end_script() -> ! {
    // SAFETY: on a PHP thread in a script; PHP has already said what is wrong.
    unsafe { ext_php_rs::zend::bailout() }
}
