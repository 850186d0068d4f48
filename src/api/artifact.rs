//! `Pillion\Artifact`: a built binary as the index knows it. An object costs an allocation and a copy
//! of the record; its properties are made when one is read, and the configuration, which lies on the
//! disk, when that one is.

use std::{os::unix::ffi::OsStrExt, ptr};

use ext_php_rs::ffi::{
    HashTable, ZEND_ACC_FINAL, ZEND_ACC_NO_DYNAMIC_PROPERTIES, ZEND_ACC_NOT_SERIALIZABLE,
    ZEND_ACC_PUBLIC, ZEND_ACC_READONLY_CLASS, zend_class_entry, zend_function, zend_object,
    zend_object_std_dtor, zend_std_compare_objects, zend_std_get_properties,
    zend_std_get_property_ptr_ptr, zend_std_has_property, zend_std_read_property,
    zend_std_unset_property, zend_std_write_property, zend_string, zend_throw_error, zval,
};
use pillion_engine::{
    Error,
    artifacts::{Artifact, IndexRecord},
    velox,
};

use crate::{
    engine, handler,
    zend::{
        arguments::{Call, Thrown},
        class::{self, Class, ClassRef, Handlers, MethodTable, Property},
        registration::Function,
        stream, value,
        value_writer::ZvalOut,
    },
};

/// `readonly` on a property, in the engine's flags.
const ZEND_ACC_READONLY: u32 = 1 << 7;

static CLASS: (ClassRef, MethodTable) = (ClassRef::new(), MethodTable::new());
static HANDLERS: Handlers = Handlers::new();

struct Own {
    artifact: Artifact,
    /// A bit for each property that is there.
    filled: u16,
}

/// All properties.
const ALL: u16 = (1 << PROPERTIES.len()) - 1;

const fn property(name: &'static str, type_name: &'static str) -> Property {
    Property {
        name,
        type_name,
        flags: ZEND_ACC_PUBLIC | ZEND_ACC_READONLY,
    }
}

/// In the order of their slots, which `fill` relies on.
const PROPERTIES: &[Property] = &[
    property("key", "string"),
    property("path", "string"),
    property("sha256", "string"),
    property("cacheStatus", "string"),
    property("size", "int"),
    property("createdAt", "float"),
    property("expiresAt", "float"),
    property("accessedAt", "float"),
    property("buildSeconds", "float"),
    property("config", "array"),
];

const METHODS: &[Function] = &[
    Function {
        name: "filename",
        signature: "(): string",
        handler: handler!(filename),
        flags: ZEND_ACC_PUBLIC,
    },
    Function {
        name: "open",
        signature: "()",
        handler: handler!(open),
        flags: ZEND_ACC_PUBLIC,
    },
    Function {
        name: "verify",
        signature: "(): bool",
        handler: handler!(verify),
        flags: ZEND_ACC_PUBLIC,
    },
];

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
            handlers.read_property = Some(read_property);
            handlers.write_property = Some(write_property);
            handlers.has_property = Some(has_property);
            handlers.unset_property = Some(unset_property);
            handlers.get_property_ptr_ptr = Some(get_property_ptr_ptr);
            handlers.get_properties = Some(get_properties);
            handlers.compare = Some(compare);
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
        .register(&CLASS.0, &CLASS.1);
    }
}

/// Makes the object for what the index gave.
#[inline]
pub fn give_hit(record: IndexRecord, ret: ZvalOut) {
    give(Artifact::hit(record), ret);
}

/// Makes the object; its reference goes over to `ret`.
#[inline]
pub fn give(artifact: Artifact, ret: ZvalOut) {
    let own = Own {
        artifact,
        filled: 0,
    };
    // SAFETY: in a call on a PHP thread, after MINIT.
    ret.object(unsafe { class::instantiate(CLASS.0.entry(), &HANDLERS, own) });
}

unsafe extern "C" fn create(class: *mut zend_class_entry) -> *mut zend_object {
    let own = Own {
        artifact: Artifact::empty(),
        filled: ALL,
    };
    // SAFETY: called by the engine for our class, on its way to `no_constructor`.
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
    // SAFETY: called once by the engine, at the end of the object's life.
    unsafe {
        ptr::drop_in_place(class::own::<Own>(object));
        zend_object_std_dtor(object);
    }
}

/// A property's slot as a place to write to. It holds "undefined", which needs no release.
///
/// # Safety
/// `object` is one of ours, and `index` one of `PROPERTIES`.
unsafe fn slot(object: *mut zend_object, index: usize) -> ZvalOut {
    // SAFETY: the slots follow the object; the extra word of a slot is the engine's mark for
    // "uninitialised", which has to go.
    unsafe {
        let slot = (&raw mut (*object).properties_table)
            .cast::<zval>()
            .add(index);
        (*slot).u2.extra = 0;
        ZvalOut::new(slot)
    }
}

/// Makes the property of that name, where it is one of ours and not there yet.
///
/// # Safety
/// `object` is one of ours.
#[inline]
unsafe fn fill_named(object: *mut zend_object, name: *const zend_string) {
    // SAFETY: by the contract; the engine passes a live name.
    unsafe {
        let name = value::zend_str(name).unwrap_or_default();
        let index = PROPERTIES
            .iter()
            .position(|property| property.name.as_bytes() == name);
        if let Some(index) = index {
            fill(object, 1 << index);
        }
    }
}

/// Makes those of the `wanted` properties that are not there yet.
///
/// # Safety
/// `object` is one of ours.
unsafe fn fill(object: *mut zend_object, wanted: u16) {
    // SAFETY: by the contract; the indexes are those of `PROPERTIES`.
    unsafe {
        let own = &mut *class::own::<Own>(object);
        let missing = wanted & !own.filled;
        own.filled |= wanted;
        for index in (0..PROPERTIES.len()).filter(|index| missing & (1 << index) != 0) {
            make(&own.artifact, index, slot(object, index));
        }
    }
}

/// Makes one property.
fn make(artifact: &Artifact, index: usize, ret: ZvalOut) {
    let record = &artifact.record;
    let seconds = |ms: u64| match ms {
        u64::MAX => f64::INFINITY,
        ms => ms as f64 / 1000.0,
    };
    match index {
        0 => ret.string(record.key.to_string()),
        1 => ret.string(engine::current().path_of(artifact).as_os_str().as_bytes()),
        2 => ret.string(record.sha256_hex()),
        3 => ret.string(artifact.cache_status.name()),
        4 => ret.int(record.size.try_into().unwrap_or(i64::MAX)),
        5 => ret.float(seconds(record.created_ms)),
        6 => ret.float(seconds(record.expires_ms)),
        7 => ret.float(seconds(record.accessed_ms)),
        8 => ret.float(seconds(record.build_ms.into())),
        _ => match engine::current().config_of(artifact) {
            serde_json::Value::Object(config) => ret.json(&serde_json::Value::Object(config)),
            _ => {
                ret.array(0);
            }
        },
    }
}

unsafe extern "C" fn read_property(
    object: *mut zend_object,
    name: *mut zend_string,
    kind: i32,
    cache: *mut *mut std::ffi::c_void,
    room: *mut zval,
) -> *mut zval {
    // SAFETY: called by the engine for one of our objects.
    unsafe {
        fill_named(object, name);
        zend_std_read_property(object, name, kind, cache, room)
    }
}

unsafe extern "C" fn write_property(
    object: *mut zend_object,
    name: *mut zend_string,
    written: *mut zval,
    cache: *mut *mut std::ffi::c_void,
) -> *mut zval {
    // SAFETY: as above. With the slots filled the engine says "Cannot modify readonly property".
    unsafe {
        fill(object, ALL);
        zend_std_write_property(object, name, written, cache)
    }
}

unsafe extern "C" fn unset_property(
    object: *mut zend_object,
    name: *mut zend_string,
    cache: *mut *mut std::ffi::c_void,
) {
    // SAFETY: as above.
    unsafe {
        fill(object, ALL);
        zend_std_unset_property(object, name, cache);
    }
}

unsafe extern "C" fn has_property(
    object: *mut zend_object,
    name: *mut zend_string,
    check: i32,
    cache: *mut *mut std::ffi::c_void,
) -> i32 {
    // SAFETY: as above.
    unsafe {
        fill_named(object, name);
        zend_std_has_property(object, name, check, cache)
    }
}

unsafe extern "C" fn get_property_ptr_ptr(
    object: *mut zend_object,
    name: *mut zend_string,
    kind: i32,
    cache: *mut *mut std::ffi::c_void,
) -> *mut zval {
    // SAFETY: as above.
    unsafe {
        fill(object, ALL);
        zend_std_get_property_ptr_ptr(object, name, kind, cache)
    }
}

unsafe extern "C" fn get_properties(object: *mut zend_object) -> *mut HashTable {
    // SAFETY: as above.
    unsafe {
        fill(object, ALL);
        zend_std_get_properties(object)
    }
}

unsafe extern "C" fn compare(first: *mut zval, second: *mut zval) -> i32 {
    // SAFETY: the engine passes two values of which one at least is an object of ours.
    unsafe {
        for side in [first, second] {
            if let Some(object) = value::object(value::deref(&*side))
                && (*object).ce == CLASS.0.entry()
            {
                fill(object, ALL);
            }
        }
        zend_std_compare_objects(first, second)
    }
}

fn this<'a>(call: &Call<'a>) -> &'a Own {
    // SAFETY: `this` is alive for the call and of our final class.
    unsafe { &*class::own::<Own>(call.this()) }
}

fn filename(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let config = engine::current().config_of(&this(call).artifact);
    ret.string(velox::filename(&config));
    Ok(())
}

fn open(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let file = engine::current().open(&this(call).artifact)?;
    if !stream::return_file(file, ret) {
        return Err(Error::State("PHP made no stream of the artifact's file".into()).into());
    }
    Ok(())
}

fn verify(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    ret.bool(engine::current().verify(&this(call).artifact));
    Ok(())
}
