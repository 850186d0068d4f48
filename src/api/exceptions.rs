//! The exception classes, and the mapping of the engine's errors to them. On PHP's threads.

use std::ffi::CStr;

use ext_php_rs::ffi::{
    IS_ARRAY, IS_LONG, IS_STRING, ZEND_ACC_FINAL, ZEND_ACC_PRIVATE, zend_class_entry, zend_object,
    zend_throw_exception_object, zval,
};
use pillion_engine::{Error, error::Violation};

use crate::{
    functions,
    zend::{
        arguments::{Call, ThrowException, Thrown},
        class::{Class, ClassRef, Property},
        ffi,
        registration::Function,
        value::{self, type_of},
        value_writer::{ZvalOut, zval_with},
    },
};

/// `ZEND_ACC_EXPLICIT_ABSTRACT_CLASS`
const ABSTRACT: u32 = 1 << 6;

static BASE: ClassRef = ClassRef::new();
static CONFIG: ClassRef = ClassRef::new();
static INVALID_REQUEST: ClassRef = ClassRef::new();
static BUILD_FAILED: ClassRef = ClassRef::new();
static TIMEOUT: ClassRef = ClassRef::new();
static CANCELLED: ClassRef = ClassRef::new();
static QUEUE_FULL: ClassRef = ClassRef::new();
static REMOTE: ClassRef = ClassRef::new();
static STATE: ClassRef = ClassRef::new();

const VIOLATIONS: &[Property] = &[hidden("violations")];
const FAILURE: &[Property] = &[hidden("logs"), hidden("httpStatus")];

const fn hidden(name: &'static str) -> Property {
    Property {
        name,
        type_name: "",
        flags: ZEND_ACC_PRIVATE,
    }
}

/// Registers the exceptions.
///
/// # Safety
/// In MINIT.
pub unsafe fn register() {
    const INVALID_REQUEST_METHODS: &[Function] = functions! { methods;
        "violations" "(): array" => violations,
    };
    const BUILD_FAILED_METHODS: &[Function] = functions! { methods;
        "logs" "(): string" => logs,
        "httpStatus" "(): int" => http_status,
    };
    // SAFETY: MINIT, by the contract; SPL is always initialised before us.
    unsafe {
        let register = |name, at: &ClassRef, methods, properties| {
            let base = BASE.entry();
            let (parent, flags) = match base.is_null() || std::ptr::eq(at, &BASE) {
                true => (ffi::spl_ce_RuntimeException, ABSTRACT),
                false => (base, ZEND_ACC_FINAL),
            };
            let class = Class {
                name,
                parent,
                flags,
                methods,
                properties,
                create: None,
            };
            class.register(at);
        };
        register("Pillion\\Exception", &BASE, &[], &[]);
        register("Pillion\\ConfigException", &CONFIG, &[], &[]);
        register(
            "Pillion\\InvalidRequestException",
            &INVALID_REQUEST,
            INVALID_REQUEST_METHODS,
            VIOLATIONS,
        );
        register(
            "Pillion\\BuildFailedException",
            &BUILD_FAILED,
            BUILD_FAILED_METHODS,
            FAILURE,
        );
        register("Pillion\\TimeoutException", &TIMEOUT, &[], &[]);
        register("Pillion\\CancelledException", &CANCELLED, &[], &[]);
        register("Pillion\\QueueFullException", &QUEUE_FULL, &[], &[]);
        register("Pillion\\RemoteException", &REMOTE, &[], &[]);
        register("Pillion\\StateException", &STATE, &[], &[]);
    }
}

/// The class of an error. Errors without a class of their own are about the state of the host or the process.
fn class_of(error: &Error) -> *mut zend_class_entry {
    match error {
        Error::Config(_) => &CONFIG,
        Error::InvalidRequest(_) => &INVALID_REQUEST,
        Error::BuildFailed(_) => &BUILD_FAILED,
        Error::Timeout(_) => &TIMEOUT,
        Error::Cancelled(_) => &CANCELLED,
        Error::QueueFull(_) => &QUEUE_FULL,
        Error::Remote(_) => &REMOTE,
        Error::State(_) | Error::Io { .. } | Error::Internal(_) => &STATE,
    }
    .entry()
}

impl ThrowException for Error {
    fn throw(&self) {
        let class = class_of(self);
        let mut exception = std::mem::MaybeUninit::<zval>::zeroed();
        // SAFETY: on a PHP thread in a call; the class is registered, and its objects have the properties that are set
        // here. Throwing takes the reference over.
        unsafe {
            if ffi::object_init_ex(exception.as_mut_ptr(), class) != 0 {
                return;
            }
            let object = (*exception.as_ptr()).value.obj;
            set(class, object, "message", |ret| ret.string(self.to_string()));
            set(class, object, "code", |ret| ret.int(self.code()));
            match self {
                Error::BuildFailed(failure) => {
                    set(class, object, "logs", |ret| ret.string(&failure.logs));
                    set(class, object, "httpStatus", |ret| {
                        ret.int(failure.http_status.into());
                    });
                }
                Error::InvalidRequest(all) => {
                    set(class, object, "violations", |ret| list(ret, all));
                }
                _ => {}
            }
            zend_throw_exception_object(exception.as_mut_ptr());
        }
    }
}

fn list(ret: ZvalOut, all: &[Violation]) {
    let array = ret.array(all.len());
    for violation in all {
        array.push(|ret| {
            let fields = ret.array(2);
            fields.insert("field", |ret| ret.string(&violation.field));
            fields.insert("message", |ret| ret.string(&violation.message));
        });
    }
}

fn violations(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    get(call, c"violations", IS_ARRAY, ret, |ret| {
        ret.array(0);
    });
    Ok(())
}

fn logs(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    get(call, c"logs", IS_STRING, ret, |ret| ret.string(""));
    Ok(())
}

fn http_status(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    get(call, c"httpStatus", IS_LONG, ret, |ret| ret.int(0));
    Ok(())
}

/// Sets a property.
///
/// # Safety
/// `object` is alive and of the class `scope`, which has the property.
unsafe fn set(
    scope: *mut zend_class_entry,
    object: *mut zend_object,
    name: &str,
    fill: impl FnOnce(ZvalOut),
) {
    let mut value = zval_with(fill);
    // SAFETY: by the contract; the property takes a reference of its own.
    unsafe {
        ffi::zend_update_property(
            scope,
            object,
            name.as_ptr().cast(),
            name.len(),
            value.as_mut_ptr(),
        );
        ffi::release(value.as_mut_ptr());
    }
}

/// Returns a hidden property, or calls `absent` if it is not set or of another type, as when PHP code has created the
/// exception or unserialized it.
fn get(call: &Call<'_>, name: &CStr, wanted: u32, ret: ZvalOut, absent: impl FnOnce(ZvalOut)) {
    value::property(call.this(), name, |found| match found {
        Some(value) if type_of(value) == wanted => ret.copy(value),
        _ => absent(ret),
    });
}
