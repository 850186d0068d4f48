//! Objects in an event: converted by `JsonSerializable` or `DateTimeInterface`, else by the name of their class. May
//! run PHP code; its exceptions are dropped.

use ext_php_rs::ffi::{instanceof_function_slow, zend_class_entry, zend_object, zval};

use super::{Holder, JsonWriter, MAX_DEPTH};
use crate::zend::{
    call, ffi, interrupt,
    owned::OwnedZval,
    value::{deref, property, zend_str},
};

/// `ZEND_ACC_ENUM`
const ENUM: u32 = 1 << 28;

impl JsonWriter {
    pub(super) fn object(&mut self, value: &zval, holder: Option<&Holder<'_>>) {
        // SAFETY: the type says that it is an object; its class outlives it.
        let (object, class) = unsafe { (value.value.obj, (*value.value.obj).ce) };
        // SAFETY: classes of PHP's own extensions, which are always there; a live class.
        let (is_json, is_time, is_enum) = unsafe {
            (
                is_a(class, ffi::php_json_serializable_ce),
                is_a(class, ffi::php_date_get_interface_ce()),
                (*class).ce_flags & ENUM != 0,
            )
        };
        let known = Holder::holds(holder, object.addr()) || Holder::depth(holder) >= MAX_DEPTH;
        let called = match () {
            () if known => None,
            () if is_json => self.call(value, "jsonSerialize", &[]),
            () if is_time => {
                let format = [OwnedZval::new_string("Y-m-d\\TH:i:s.uP")];
                let called = self.call(value, "format", &format);
                format.into_iter().for_each(OwnedZval::release);
                called
            }
            () => None,
        };
        if let Some(called) = called {
            let here = Holder {
                address: object.addr(),
                outer: holder,
            };
            self.value(deref(called.value()), Some(&here));
            called.release();
        } else if is_enum && !is_json {
            self.case(object, class);
        } else {
            self.class_name(class);
        }
    }

    /// The value of an enum's case, or its name.
    fn case(&mut self, object: *mut zend_object, class: *mut zend_class_entry) {
        // SAFETY: a live class of an enum.
        let is_backed = unsafe { (*class).enum_backing_type != 0 };
        let name = if is_backed { c"value" } else { c"name" };
        property(object, name, |value| match value {
            Some(value) => self.value(value, None),
            None => self.class_name(class),
        });
    }

    fn class_name(&self, class: *mut zend_class_entry) {
        // SAFETY: a live class.
        let name = unsafe { zend_str((*class).name) }.unwrap_or_default();
        // The name of an anonymous class is followed by its file and line.
        self.text(name.split(|byte| *byte == 0).next().unwrap_or_default());
    }

    /// Calls a method; `None` if it has thrown, or has ended the script.
    fn call(&mut self, value: &zval, method: &str, arguments: &[OwnedZval]) -> Option<OwnedZval> {
        let object = OwnedZval::new(value);
        let called = call::method(&object, method, arguments);
        if interrupt::is_throwing() {
            let exception = interrupt::take_exception();
            match exception.is_null() {
                true => self.ended = true,
                false => call::object(exception).release(),
            }
        }
        object.release();
        called.ok()
    }
}

/// # Safety
/// Two live classes.
unsafe fn is_a(class: *mut zend_class_entry, of: *const zend_class_entry) -> bool {
    // SAFETY: by the contract.
    std::ptr::eq(class, of) || unsafe { instanceof_function_slow(class, of) }
}
