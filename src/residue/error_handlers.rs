//! Error and exception handlers. PHP has the active handler, and a stack of the earlier ones for
//! `restore_error_handler`: setting a handler in every request makes that stack grow without end.

use ext_php_rs::ffi::{
    ext_php_rs_executor_globals, ext_php_rs_zend_string_release, zend_executor_globals, zend_stack,
    zval,
};

use crate::zend::{
    ffi, function_table,
    owned::OwnedZval,
    value::{self, zend_text},
};

/// The kind of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerKind {
    /// `set_error_handler`
    Error,
    /// `set_exception_handler`
    Exception,
}

/// The handlers of the baseline.
pub struct HandlerStack {
    kind: HandlerKind,
    /// Each with its mask of error levels, the active one last.
    handlers: Vec<(OwnedZval, i32)>,
}

impl HandlerKind {
    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error handler",
            Self::Exception => "exception handler",
        }
    }

    /// The active handler, and the stack of earlier ones.
    fn fields(self, globals: &mut zend_executor_globals) -> (&mut zval, &mut zend_stack) {
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

impl HandlerStack {
    /// The current handlers, with references that have to be released.
    pub fn capture(kind: HandlerKind) -> Self {
        let handlers = current(kind).map(|(handler, mask)| (OwnedZval::new(handler), mask));
        Self {
            kind,
            handlers: handlers.collect(),
        }
    }

    /// No handlers.
    pub const fn empty(kind: HandlerKind) -> Self {
        let handlers = Vec::new();
        Self { kind, handlers }
    }

    /// Whether the current handlers are those of the baseline.
    pub fn is_unchanged(&self) -> bool {
        let mut baseline = self.handlers.iter();
        current(self.kind).all(|(handler, mask)| {
            baseline
                .next()
                .is_some_and(|(was, before)| was.is_same(handler) && *before == mask)
        }) && baseline.next().is_none()
    }

    /// A handler and its mask, counted from the first one that was set.
    pub fn get(&self, position: usize) -> Option<(OwnedZval, i32)> {
        self.handlers.get(position).copied()
    }

    /// Removes the last handler, to be released.
    pub fn pop(&mut self) -> Option<OwnedZval> {
        self.handlers.pop().map(|(handler, _)| handler)
    }
}

/// The name of the active handler; empty if there is none.
pub fn describe_active(kind: HandlerKind) -> String {
    let (handler, _) = kind.fields(globals());
    if value::is_null(handler) {
        return String::new();
    }
    // SAFETY: a live callable; the name is ours to release.
    unsafe {
        let name = ffi::zend_get_callable_name(handler);
        let text = zend_text(name);
        ext_php_rs_zend_string_release(name);
        match value::object(handler).and_then(function_table::closure_location) {
            Some(location) => format!("{text} {location}"),
            None => text,
        }
    }
}

/// Removes the active handler, as `restore_error_handler` does, and returns it, to be released. `false` if it was the
/// first one: none is active then.
pub fn pop_active(kind: HandlerKind) -> (OwnedZval, bool) {
    let globals = globals();
    let (active, earlier) = kind.fields(globals);
    let removed = OwnedZval::take(active);
    if earlier.top == 0 {
        return (removed, false);
    }
    // SAFETY: the stack has an element, and for error handlers a mask; both move to their fields.
    unsafe {
        if let Some(top) = ffi::zend_stack_top(earlier).cast::<zval>().as_mut() {
            OwnedZval::take(top).move_to(active);
        }
        ffi::zend_stack_del_top(earlier);
        if kind == HandlerKind::Error {
            let masks = &raw mut globals.user_error_handlers_error_reporting;
            if let Some(mask) = ffi::zend_stack_top(masks).cast::<i32>().as_ref() {
                globals.user_error_handler_error_reporting = *mask;
                ffi::zend_stack_del_top(masks);
            }
        }
    }
    (removed, true)
}

/// Makes a handler active. Unless it is the first one, the one that was active moves to the stack.
pub fn push(kind: HandlerKind, handler: OwnedZval, mask: i32, is_first: bool) {
    let globals = globals();
    if !is_first {
        if kind == HandlerKind::Error {
            let active_mask = globals.user_error_handler_error_reporting;
            let masks = &raw mut globals.user_error_handlers_error_reporting;
            // SAFETY: the stack copies the number.
            unsafe { ffi::zend_stack_push(masks, (&raw const active_mask).cast()) };
        }
        let (active, earlier) = kind.fields(globals);
        // SAFETY: the stack copies the value and takes its reference over.
        unsafe { ffi::zend_stack_push(earlier, (&raw const *active).cast()) };
        let _ = OwnedZval::take(active);
    }
    if kind == HandlerKind::Error {
        globals.user_error_handler_error_reporting = mask;
    }
    handler.copy_into(kind.fields(globals).0);
}

/// The current handlers with their masks, the active one last.
fn current<'a>(kind: HandlerKind) -> impl Iterator<Item = (&'a zval, i32)> {
    let globals = globals();
    let active_mask = globals.user_error_handler_error_reporting;
    let masks = globals.user_error_handlers_error_reporting;
    let (active, earlier) = kind.fields(globals);
    let (active, earlier) = (&raw const *active, *earlier);
    let count = usize::try_from(earlier.top).unwrap_or(0);
    (0..=count).filter_map(move |index| {
        // SAFETY: this thread's own; a stack is an array of `top` elements, and there are as many masks.
        unsafe {
            let is_error = kind == HandlerKind::Error;
            if index == count {
                return Some((active.as_ref()?, if is_error { active_mask } else { 0 }));
            }
            let handler = earlier.elements.cast::<zval>().add(index).as_ref()?;
            let mask = match is_error {
                true => *masks.elements.cast::<i32>().add(index),
                false => 0,
            };
            Some((handler, mask))
        }
    })
}

fn globals<'a>() -> &'a mut zend_executor_globals {
    // SAFETY: this thread's own; no other reference of ours is alive, because each caller asks anew.
    unsafe { &mut *ext_php_rs_executor_globals() }
}
