//! The properties of `Pillion\Artifact`, created when one is read, and the configuration, which is on the disk, when
//! that one is. Handlers of the class fill the slots and continue with those of any object. On PHP's threads.

use std::os::unix::ffi::OsStrExt;

use ext_php_rs::ffi::{
    HashTable, ZEND_ACC_PUBLIC, zend_object, zend_object_handlers, zend_std_compare_objects,
    zend_std_get_properties, zend_std_get_property_ptr_ptr, zend_std_has_property,
    zend_std_read_property, zend_std_unset_property, zend_std_write_property, zend_string, zval,
};
use pillion_engine::artifacts::Artifact;

use super::CLASS;
use crate::{
    engine,
    zend::{
        class::{self, Property},
        value,
        value_writer::ZvalOut,
    },
};

/// `readonly` on a property, in the engine's flags.
const ZEND_ACC_READONLY: u32 = 1 << 7;

/// The part of an object that PHP does not know.
pub(super) struct Own {
    pub artifact: Artifact,
    /// A bit for each filled slot.
    pub filled: u16,
}

/// The bits of all properties.
pub(super) const ALL: u16 = (1 << PROPERTIES.len()) - 1;

const fn property(name: &'static str, type_name: &'static str) -> Property {
    Property {
        name,
        type_name,
        flags: ZEND_ACC_PUBLIC | ZEND_ACC_READONLY,
    }
}

/// In the order of their slots, which [`fill`] relies on.
pub(super) const PROPERTIES: &[Property] = &[
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

/// Sets the handlers of the class that access properties.
pub(super) fn set_handlers(handlers: &mut zend_object_handlers) {
    handlers.read_property = Some(read_property);
    handlers.write_property = Some(write_property);
    handlers.has_property = Some(has_property);
    handlers.unset_property = Some(unset_property);
    handlers.get_property_ptr_ptr = Some(get_property_ptr_ptr);
    handlers.get_properties = Some(get_properties);
    handlers.compare = Some(compare);
}

/// The slot of a property, for writing. It holds "undefined", which needs no release.
///
/// # Safety
/// `object` is of our class, and `index` one of `PROPERTIES`.
unsafe fn slot(object: *mut zend_object, index: usize) -> ZvalOut {
    // SAFETY: the slots follow the object; the extra word of a slot marks it as uninitialised, and is cleared.
    unsafe {
        let slot = (&raw mut (*object).properties_table)
            .cast::<zval>()
            .add(index);
        (*slot).u2.extra = 0;
        ZvalOut::new(slot)
    }
}

/// Fills the property of a name, if it is one of [`PROPERTIES`] and not filled yet.
///
/// # Safety
/// `object` is of our class.
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

/// Fills those of the `wanted` properties that are not filled yet.
///
/// # Safety
/// `object` is of our class.
unsafe fn fill(object: *mut zend_object, wanted: u16) {
    // SAFETY: by the contract; the indexes are those of `PROPERTIES`.
    unsafe {
        let own = &mut *class::own::<Own>(object);
        let missing = wanted & !own.filled;
        own.filled |= wanted;
        for index in (0..PROPERTIES.len()).filter(|index| missing & (1 << index) != 0) {
            write_value(&own.artifact, index, slot(object, index));
        }
    }
}

/// Writes the value of a property.
fn write_value(artifact: &Artifact, index: usize, ret: ZvalOut) {
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
    result: *mut zval,
) -> *mut zval {
    // SAFETY: the engine calls this for one of our objects; so below.
    unsafe {
        fill_named(object, name);
        zend_std_read_property(object, name, kind, cache, result)
    }
}

unsafe extern "C" fn write_property(
    object: *mut zend_object,
    name: *mut zend_string,
    written: *mut zval,
    cache: *mut *mut std::ffi::c_void,
) -> *mut zval {
    // SAFETY: as above. With the slots filled the engine throws "Cannot modify readonly property".
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
    // SAFETY: the engine passes two values, of which at least one is an object of ours.
    unsafe {
        for side in [first, second] {
            if let Some(object) = value::object(value::deref(&*side))
                && (*object).ce == CLASS.entry()
            {
                fill(object, ALL);
            }
        }
        zend_std_compare_objects(first, second)
    }
}
