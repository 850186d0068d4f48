//! Writes values for PHP: return values, elements of arrays, properties. Strings are copied. Runs on PHP's threads.

use ext_php_rs::ffi::{
    _zend_new_array, HashTable, IS_ARRAY_EX, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_OBJECT_EX,
    IS_RESOURCE_EX, IS_STRING, IS_STRING_EX, IS_TRUE, ext_php_rs_zend_string_init,
    zend_hash_index_update, zend_hash_next_index_insert, zend_hash_str_update, zend_hash_update,
    zend_object, zend_resource, zend_string, zval,
};
use serde_json::Value;

use super::{
    ffi,
    hash_table::{self, Key},
    value::is_refcounted,
};

/// A slot for a value that goes to PHP, null at first.
#[derive(Clone, Copy)]
pub struct ZvalOut(*mut zval);

impl ZvalOut {
    /// # Safety
    /// `slot` is valid and holds nothing to be released.
    #[must_use]
    pub unsafe fn new(slot: *mut zval) -> Self {
        let ret = Self(slot);
        ret.null();
        ret
    }

    fn set(self, kind: u32, put: impl FnOnce(&mut zval)) {
        // SAFETY: valid by `new`'s contract.
        let slot = unsafe { &mut *self.0 };
        put(slot);
        slot.u1.type_info = kind;
    }

    /// `null`.
    pub fn null(self) {
        self.set(IS_NULL, |_| ());
    }

    /// A `bool`.
    pub fn bool(self, value: bool) {
        self.set(if value { IS_TRUE } else { IS_FALSE }, |_| ());
    }

    /// An `int`.
    pub fn int(self, value: i64) {
        self.set(IS_LONG, |slot| slot.value.lval = value);
    }

    /// A `float`.
    pub fn float(self, value: f64) {
        self.set(IS_DOUBLE, |slot| slot.value.dval = value);
    }

    /// A `string`, copied.
    pub fn string(self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        /// `IS_STR_INTERNED`: shared and never released, as strings of one byte are.
        const INTERNED: u32 = 1 << 6;
        // SAFETY: the bytes are copied before the call returns.
        let (text, flags) = unsafe {
            let text = ext_php_rs_zend_string_init(value.as_ptr().cast(), value.len(), false);
            (text, (*text).gc.u.type_info)
        };
        let kind = if flags & INTERNED == 0 {
            IS_STRING_EX
        } else {
            IS_STRING
        };
        self.set(kind, |slot| slot.value.str_ = text);
    }

    /// A `string` of so many bytes, which the caller fills. Returns where they are.
    pub fn string_buffer(self, len: usize) -> *mut u8 {
        /// `GC_NOT_COLLECTABLE`: the collector of cycles does not examine it.
        const NOT_COLLECTABLE: u32 = 1 << 4;
        /// Bytes of the header of a string.
        const HEADER: usize = std::mem::offset_of!(zend_string, val);
        // SAFETY: new memory of the script for header, bytes and NUL, rounded up as the engine does; it ends the script
        // if there is none.
        unsafe {
            let text = ffi::emalloc((HEADER + len + 1).next_multiple_of(8)).cast::<zend_string>();
            (*text).gc.refcount = 1;
            (*text).gc.u.type_info = IS_STRING | NOT_COLLECTABLE;
            (*text).h = 0;
            (*text).len = len;
            let bytes = (&raw mut (*text).val).cast::<u8>();
            bytes.add(len).write(0);
            self.set(IS_STRING_EX, |slot| slot.value.str_ = text);
            bytes
        }
    }

    /// The value that was written.
    #[must_use]
    pub fn value<'a>(self) -> &'a zval {
        // SAFETY: valid by `new`'s contract.
        unsafe { &*self.0 }
    }

    /// Releases the value and writes null in its place. The value has no destructor that runs PHP code.
    #[inline]
    pub fn release(self) {
        // SAFETY: valid by `new`'s contract, with a value of ours.
        unsafe {
            if is_refcounted(self.0) {
                ffi::release(self.0);
            }
        }
        self.null();
    }

    /// Copies a value, with another reference.
    pub fn copy(self, value: &zval) {
        // SAFETY: the union is copied with its type; counted values get one more reference.
        unsafe {
            if is_refcounted(value) {
                (*value.value.counted).gc.refcount += 1;
            }
            self.set(value.u1.type_info, |slot| slot.value = value.value);
        }
    }

    /// An object; the value takes its reference over.
    pub fn object(self, object: *mut zend_object) {
        self.set(IS_OBJECT_EX, |slot| slot.value.obj = object);
    }

    /// A resource; the value takes its reference over.
    pub fn resource(self, resource: *mut zend_resource) {
        self.set(IS_RESOURCE_EX, |slot| slot.value.res = resource);
    }

    /// An empty `array`.
    pub fn array(self, capacity: usize) -> ArrayOut {
        // SAFETY: a new array with one reference, which the value owns.
        let table = unsafe { _zend_new_array(capacity.try_into().unwrap_or(8)) };
        self.set(IS_ARRAY_EX, |slot| slot.value.arr = table);
        ArrayOut(table)
    }

    /// An empty `array` with places for string keys.
    pub fn array_with_keys(self, capacity: usize) -> ArrayOut {
        let array = self.array(capacity);
        // SAFETY: a new array.
        unsafe { ffi::zend_hash_real_init_mixed(array.0) };
        array
    }

    /// A JSON tree: objects and lists become arrays.
    pub fn json(self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => self.int(value),
                None => self.float(number.as_f64().unwrap_or(0.0)),
            },
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                let array = self.array(items.len());
                for item in items {
                    array.push(|ret| ret.json(item));
                }
            }
            Value::Object(fields) => {
                let array = self.array(fields.len());
                for (name, field) in fields {
                    array.insert(name, |ret| ret.json(field));
                }
            }
        }
    }
}

/// A PHP array that is being filled.
#[derive(Clone, Copy)]
pub struct ArrayOut(*mut HashTable);

impl ArrayOut {
    /// Appends a value.
    pub fn push(self, fill: impl FnOnce(ZvalOut)) {
        let mut value = zval_with(fill);
        // SAFETY: a live array, which takes the value's reference over.
        unsafe { zend_hash_next_index_insert(self.0, value.as_mut_ptr()) };
    }

    /// Sets a value under a string key.
    pub fn insert(self, key: &str, fill: impl FnOnce(ZvalOut)) {
        self.insert_with_key(Key::Name(key.as_bytes()), fill);
    }

    /// Sets a value under a string key that is not a decimal integer.
    ///
    /// # Safety
    /// `key` is a live string.
    pub unsafe fn insert_string_key(self, key: *mut zend_string, fill: impl FnOnce(ZvalOut)) {
        let mut value = zval_with(fill);
        // SAFETY: by the contract; the array adds its own reference to the key, and takes the value's over.
        unsafe { zend_hash_update(self.0, key, value.as_mut_ptr()) };
    }

    /// As [`ArrayOut::insert_string_key`], with a copy of a value, in an array of [`ZvalOut::array_with_keys`].
    ///
    /// # Safety
    /// `key` is a live string.
    #[inline]
    pub unsafe fn insert_copy(self, key: *mut zend_string, value: &zval) {
        // SAFETY: by the contract; the array takes a reference of its own over.
        unsafe {
            if !hash_table::append(self.0, key, value) {
                self.insert_string_key(key, |out| out.copy(value));
            } else if is_refcounted(value) {
                (*value.value.counted).gc.refcount += 1;
            }
        }
    }

    /// Sets a value under a key of another array.
    pub fn insert_with_key(self, key: Key<'_>, fill: impl FnOnce(ZvalOut)) {
        let mut value = zval_with(fill);
        // SAFETY: as above; the key is copied.
        unsafe {
            match key {
                Key::Index(index) => {
                    zend_hash_index_update(self.0, index.cast_unsigned(), value.as_mut_ptr());
                }
                Key::Name(name) => {
                    zend_hash_str_update(
                        self.0,
                        name.as_ptr().cast(),
                        name.len(),
                        value.as_mut_ptr(),
                    );
                }
            }
        }
    }
}

/// A value on our stack; a copy of it takes its reference over.
pub fn zval_with(fill: impl FnOnce(ZvalOut)) -> std::mem::MaybeUninit<zval> {
    let mut value = std::mem::MaybeUninit::<zval>::zeroed();
    // SAFETY: a valid slot that holds nothing.
    fill(unsafe { ZvalOut::new(value.as_mut_ptr()) });
    value
}
