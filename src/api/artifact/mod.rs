//! `Pillion\Artifact`: a built binary, as recorded in the index. Creating an object costs an allocation and a copy of
//! the record; its [`properties`] are created when they are read. On PHP's threads.

mod properties;

use std::{os::fd::IntoRawFd, ptr};

use ext_php_rs::ffi::{
    ZEND_ACC_FINAL, ZEND_ACC_NO_DYNAMIC_PROPERTIES, ZEND_ACC_NOT_SERIALIZABLE,
    ZEND_ACC_READONLY_CLASS, zend_class_entry, zend_function, zend_object, zend_object_std_dtor,
    zend_throw_error,
};
use pillion_engine::{
    artifacts::{Artifact, IndexRecord},
    velox,
};

use self::properties::{ALL, Own, PROPERTIES};
use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        class::{self, Class, ClassRef, Handlers},
        registration::Function,
        stream,
        value_writer::ZvalOut,
    },
};

static CLASS: ClassRef = ClassRef::new();
static HANDLERS: Handlers = Handlers::new();

const METHODS: &[Function] = functions! { methods;
    "filename" "(): string" => filename,
    "open" "()" => open,
    "verify" "(): bool" => verify,
};

/// Registers the class.
///
/// # Safety
/// In MINIT.
pub unsafe fn register() {
    // SAFETY: by the contract.
    unsafe {
        HANDLERS.fill::<Own>(|handlers| {
            handlers.free_obj = Some(free);
            handlers.get_constructor = Some(no_constructor);
            properties::set_handlers(handlers);
        });
        Class {
            name: "Pillion\\Artifact",
            parent: ptr::null_mut(),
            flags: ZEND_ACC_FINAL
                | ZEND_ACC_READONLY_CLASS
                | ZEND_ACC_NO_DYNAMIC_PROPERTIES
                | ZEND_ACC_NOT_SERIALIZABLE,
            methods: METHODS,
            properties: PROPERTIES,
            create: Some(create),
        }
        .register(&CLASS);
    }
}

/// Returns a new object for a record of the index.
#[inline]
pub fn return_hit(record: IndexRecord, ret: ZvalOut) {
    return_object(Artifact::hit(record), ret);
}

/// Returns a new object.
#[inline]
pub fn return_object(artifact: Artifact, ret: ZvalOut) {
    let own = Own {
        artifact,
        filled: 0,
    };
    // SAFETY: in a call on a PHP thread, after MINIT.
    ret.object(unsafe { class::instantiate(CLASS.entry(), &HANDLERS, own) });
}

unsafe extern "C" fn create(class: *mut zend_class_entry) -> *mut zend_object {
    let own = Own {
        artifact: Artifact::empty(),
        filled: ALL,
    };
    // SAFETY: the engine calls this for our class, before `no_constructor`.
    unsafe { class::instantiate(class, &HANDLERS, own) }
}

unsafe extern "C" fn no_constructor(_: *mut zend_object) -> *mut zend_function {
    // SAFETY: throws in the current call.
    unsafe {
        zend_throw_error(
            ptr::null_mut(),
            c"Cannot directly construct Pillion\\Artifact, functions such as Pillion\\Velox\\find() return it".as_ptr(),
        );
    }
    ptr::null_mut()
}

unsafe extern "C" fn free(object: *mut zend_object) {
    // SAFETY: the engine calls this once, when it frees the object.
    unsafe {
        ptr::drop_in_place(class::own::<Own>(object));
        zend_object_std_dtor(object);
    }
}

fn this<'a>(call: &Call<'a>) -> &'a Own {
    // SAFETY: `this` is alive for the call and of our final class.
    unsafe { &*class::own::<Own>(call.this()) }
}

fn filename(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let config = engine::current().config_of(&this(call).artifact);
    ret.string(velox::filename(&config));
    Ok(())
}

fn open(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let file = engine::current().open(&this(call).artifact)?;
    if !stream::return_descriptor(file.into_raw_fd(), c"rb", ret) {
        return Err(Thrown::state("PHP made no stream of the artifact's file"));
    }
    Ok(())
}

fn verify(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.bool(engine::current().verify(&this(call).artifact));
    Ok(())
}
