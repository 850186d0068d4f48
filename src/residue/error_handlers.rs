//! Error and exception handlers. PHP keeps the one that holds, and a stack of those before it, for
//! `restore_error_handler`: who sets one in every request makes that stack grow for ever.

use ext_php_rs::ffi::{
    ext_php_rs_executor_globals, ext_php_rs_zend_string_release, zend_executor_globals, zend_stack,
    zval,
};

use crate::zend::{
    ffi, function_table,
    owned::OwnedZval,
    value::{self, zend_str},
};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `set_error_handler`
    Error,
    /// `set_exception_handler`
    Exception,
}

/// What held, and all that stood before it.
pub struct Handlers {
    which: Which,
    /// Each with the errors that it is called for; the last one holds.
    list: Vec<(OwnedZval, i32)>,
}

impl Which {
    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error handler",
            Self::Exception => "exception handler",
        }
    }

    /// What holds now.
    fn current(self, globals: &mut zend_executor_globals) -> (&mut zval, &mut zend_stack) {
        match self {
            Self::Error => (
                &mut globals.user_error_handler,
                &mut globals.user_error_handlers,
            ),
            Self::Exception => (
                &mut globals.user_exception_handler,
                &mut globals.user_exception_handlers,
            ),
        }
    }
}

impl Handlers {
    /// As they are now. Holds references, to be released.
    pub fn now(which: Which) -> Self {
        let list = stack(which).map(|(handler, mask)| (OwnedZval::new(handler), mask));
        Self {
            which,
            list: list.collect(),
        }
    }

    /// None at all: for what is given up.
    pub const fn none(which: Which) -> Self {
        let list = Vec::new();
        Self { which, list }
    }

    /// Whether they still are.
    pub fn is_same(&self) -> bool {
        let mut was = self.list.iter();
        stack(self.which).all(|(handler, mask)| {
            was.next()
                .is_some_and(|(was, before)| was.is_same(handler) && *before == mask)
        }) && was.next().is_none()
    }

    /// One of them, from the first one.
    pub fn get(&self, index: usize) -> Option<(OwnedZval, i32)> {
        self.list.get(index).copied()
    }

    /// Takes one out, to be released.
    pub fn pop(&mut self) -> Option<OwnedZval> {
        self.list.pop().map(|(handler, _)| handler)
    }
}

/// What holds now, as messages call it; empty: PHP's own.
pub fn describe(which: Which) -> String {
    let (handler, _) = which.current(globals());
    if value::is_null(handler) {
        return String::new();
    }
    // SAFETY: a live callable; the name is ours to release.
    unsafe {
        let name = ffi::zend_get_callable_name(handler);
        let text = String::from_utf8_lossy(zend_str(name).unwrap_or_default()).into_owned();
        ext_php_rs_zend_string_release(name);
        match value::object(handler).and_then(function_table::closure_location) {
            Some(place) => format!("{text} {place}"),
            None => text,
        }
    }
}

/// Takes the one that holds away, as `restore_error_handler` does; `false`: it was the first one, whose place is
/// empty now. To be released.
pub fn take(which: Which) -> (OwnedZval, bool) {
    let globals = globals();
    let (place, before) = which.current(globals);
    let instead = OwnedZval::take(place);
    if before.top == 0 {
        return (instead, false);
    }
    // SAFETY: there is one, and a mask for each error handler; it moves from the stack to its place.
    unsafe {
        if let Some(top) = ffi::zend_stack_top(before).cast::<zval>().as_mut() {
            OwnedZval::take(top).move_to(place);
        }
        ffi::zend_stack_del_top(before);
        if which == Which::Error {
            let masks = &raw mut globals.user_error_handlers_error_reporting;
            if let Some(mask) = ffi::zend_stack_top(masks).cast::<i32>().as_ref() {
                globals.user_error_handler_error_reporting = *mask;
                ffi::zend_stack_del_top(masks);
            }
        }
    }
    (instead, true)
}

/// Lets a handler hold, once more: the first one, or one over that which holds.
pub fn put(which: Which, handler: OwnedZval, mask: i32, is_first: bool) {
    let globals = globals();
    if !is_first {
        if which == Which::Error {
            let now = globals.user_error_handler_error_reporting;
            let masks = &raw mut globals.user_error_handlers_error_reporting;
            // SAFETY: the stack copies the number.
            unsafe { ffi::zend_stack_push(masks, (&raw const now).cast()) };
        }
        let (place, before) = which.current(globals);
        // SAFETY: the stack copies the value, whose reference goes over with it.
        unsafe { ffi::zend_stack_push(before, (&raw const *place).cast()) };
        let _ = OwnedZval::take(place);
    }
    if which == Which::Error {
        globals.user_error_handler_error_reporting = mask;
    }
    handler.copy_into(which.current(globals).0);
}

/// All handlers with their masks, the one that holds last.
fn stack<'a>(which: Which) -> impl Iterator<Item = (&'a zval, i32)> {
    let globals = globals();
    let mask = globals.user_error_handler_error_reporting;
    let masks = globals.user_error_handlers_error_reporting;
    let (handler, before) = which.current(globals);
    let (handler, before) = (&raw const *handler, *before);
    let count = usize::try_from(before.top).unwrap_or(0);
    (0..=count).filter_map(move |index| {
        // SAFETY: this thread's own; a stack is an array of so many elements, and has as many masks.
        unsafe {
            let is_error = which == Which::Error;
            if index == count {
                return Some((handler.as_ref()?, if is_error { mask } else { 0 }));
            }
            let handler = before.elements.cast::<zval>().add(index).as_ref()?;
            let mask = match is_error {
                true => *masks.elements.cast::<i32>().add(index),
                false => 0,
            };
            Some((handler, mask))
        }
    })
}

fn globals<'a>() -> &'a mut zend_executor_globals {
    // SAFETY: this thread's own, which no other reference of ours is alive for: each is asked for anew.
    unsafe { &mut *ext_php_rs_executor_globals() }
}
