//! The exception classes, and the mapping of the engine's errors to them. On PHP's threads.

mod properties;

use ext_php_rs::ffi::{
    IS_ARRAY, IS_LONG, IS_STRING, ZEND_ACC_FINAL, ZEND_ACC_PRIVATE, ZEND_ACC_PUBLIC,
    zend_class_entry, zend_throw_exception_object, zval,
};
use pillion_engine::{Error, error::Violation};

use self::properties::{get, set};
use crate::{
    handler,
    zend::{
        arguments::{Call, ThrowException, Thrown},
        class::{Class, ClassRef, MethodTable, Property},
        ffi,
        registration::Function,
        value_writer::ZvalOut,
    },
};

/// `ZEND_ACC_EXPLICIT_ABSTRACT_CLASS`
const ABSTRACT: u32 = 1 << 6;

static BASE: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static CONFIG: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static INVALID_REQUEST: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static BUILD_FAILED: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static TIMEOUT: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static CANCELLED: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static QUEUE_FULL: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static REMOTE: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static STATE: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());

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
    let invalid_request: &[Function] = const {
        &[Function {
            name: "violations",
            signature: "(): array",
            handler: handler!(violations),
            flags: ZEND_ACC_PUBLIC,
        }]
    };
    let build_failed: &[Function] = const {
        &[
            Function {
                name: "logs",
                signature: "(): string",
                handler: handler!(logs),
                flags: ZEND_ACC_PUBLIC,
            },
            Function {
                name: "httpStatus",
                signature: "(): int",
                handler: handler!(http_status),
                flags: ZEND_ACC_PUBLIC,
            },
        ]
    };
    // SAFETY: MINIT, by the contract; SPL is always initialised before us.
    unsafe {
        let register = |name, at: &(ClassRef, MethodTable), methods, properties| {
            let base = BASE.0.entry();
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
            class.register(&at.0, &at.1);
        };
        register("Pillion\\Exception", &BASE, &[], &[]);
        register("Pillion\\ConfigException", &CONFIG, &[], &[]);
        register(
            "Pillion\\InvalidRequestException",
            &INVALID_REQUEST,
            invalid_request,
            VIOLATIONS,
        );
        register(
            "Pillion\\BuildFailedException",
            &BUILD_FAILED,
            build_failed,
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
    .0
    .entry()
}

impl ThrowException for Error {
    fn throw(&self) {
        throw(self);
    }
}

/// Throws the error as its exception.
fn throw(error: &Error) {
    let class = class_of(error);
    let mut exception = std::mem::MaybeUninit::<zval>::zeroed();
    // SAFETY: on a PHP thread in a call; the class is registered, and its objects have the properties that are set
    // here. Throwing takes the reference over.
    unsafe {
        if ffi::object_init_ex(exception.as_mut_ptr(), class) != 0 {
            return;
        }
        let object = (*exception.as_ptr()).value.obj;
        set(class, object, "message", |ret| {
            ret.string(error.to_string())
        });
        set(class, object, "code", |ret| ret.int(error.code()));
        match error {
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
    call.arity(0, 0)?;
    get(
        call,
        &INVALID_REQUEST.0,
        ("violations", IS_ARRAY),
        ret,
        |ret| {
            ret.array(0);
        },
    );
    Ok(())
}

fn logs(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    get(call, &BUILD_FAILED.0, ("logs", IS_STRING), ret, |ret| {
        ret.string("");
    });
    Ok(())
}

fn http_status(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    get(call, &BUILD_FAILED.0, ("httpStatus", IS_LONG), ret, |ret| {
        ret.int(0);
    });
    Ok(())
}
