//! PHP values in and out: JSON-like trees both ways, bytes without copying in, strings copied out.
//! References are followed; depth and size of what comes from PHP are bounded.

use ext_php_rs::ffi::{
    _zend_new_array, HashTable, IS_ARRAY, IS_ARRAY_EX, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL,
    IS_OBJECT, IS_OBJECT_EX, IS_REFERENCE, IS_RESOURCE_EX, IS_STRING, IS_STRING_EX, IS_TRUE,
    IS_UNDEF, ext_php_rs_zend_string_init, zend_hash_next_index_insert, zend_hash_str_update,
    zend_object, zend_resource, zend_string, zval,
};
use pillion_engine::error::Violation;
use serde_json::{Map, Number, Value};

/// How deep an array from PHP may nest; a request needs three.
const MAX_DEPTH: usize = 16;
/// How many elements an array from PHP may have in all.
const MAX_ELEMENTS: usize = 100_000;

/// The type of a value, references not followed.
#[inline]
#[must_use]
pub fn type_of(value: &zval) -> u32 {
    // SAFETY: the type byte is valid in every value.
    unsafe { u32::from(value.u1.v.type_) }
}

/// The value that a reference stands for.
#[inline]
#[must_use]
pub fn deref(value: &zval) -> &zval {
    if type_of(value) == IS_REFERENCE {
        // SAFETY: the type says that it is a reference, whose value lives with it.
        unsafe { &(*value.value.ref_).val }
    } else {
        value
    }
}

/// Whether the value is null.
#[must_use]
pub fn is_null(value: &zval) -> bool {
    matches!(type_of(value), IS_NULL | IS_UNDEF)
}

/// The bytes of a string value, without conversion or copy.
#[inline]
#[must_use]
pub fn bytes(value: &zval) -> Option<&[u8]> {
    // SAFETY: the type says that it is a string, which lives with the value.
    (type_of(value) == IS_STRING)
        .then(|| unsafe { zend_str(value.value.str_) })
        .flatten()
}

/// The object in a value.
#[must_use]
pub fn object(value: &zval) -> Option<*mut zend_object> {
    // SAFETY: the type says that it is an object.
    unsafe { (type_of(value) == IS_OBJECT).then_some(value.value.obj) }
}

/// The bytes of an engine string.
///
/// # Safety
/// Null, or a live string that outlives `'a`.
#[inline]
#[must_use]
pub unsafe fn zend_str<'a>(text: *const zend_string) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the bytes follow the header, `len` of them.
    unsafe {
        Some(std::slice::from_raw_parts(
            (&raw const (*text).val).cast::<u8>(),
            (*text).len,
        ))
    }
}

/// Calls `each` with every key and value of an array; keys as numbers or bytes.
pub fn for_each<'a>(table: &'a HashTable, mut each: impl FnMut(Key<'a>, &'a zval)) {
    // ext-php-rs' iterator knows the packed layout and follows indirect slots.
    let mut items = table.iter();
    while let Some((key, value)) = items.next_zval() {
        // SAFETY: a key is a number or a string, by its type; the array holds the string too, and
        // outlives this call.
        let key = unsafe {
            match type_of(&key) {
                IS_STRING => zend_str(key.value.str_).map(Key::Name),
                _ => Some(Key::Index(key.value.lval)),
            }
        };
        if let Some(key) = key {
            each(key, deref(value));
        }
    }
}

/// A key of a PHP array.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// A number.
    Index(i64),
    /// A string, not necessarily UTF-8.
    Name(&'a [u8]),
}

/// An array from PHP as a JSON tree. Lists become arrays, everything else objects.
///
/// # Errors
/// Each value that has no place in JSON, by its path: objects, resources, invalid UTF-8, infinite
/// numbers; or too deep, or too large.
pub fn to_json(table: &HashTable) -> Result<Value, Vec<Violation>> {
    let mut walk = Walk {
        wrong: Vec::new(),
        left: MAX_ELEMENTS,
    };
    let value = walk.table(table, "", 0);
    if walk.wrong.is_empty() {
        Ok(value)
    } else {
        Err(walk.wrong)
    }
}

struct Walk {
    wrong: Vec<Violation>,
    left: usize,
}

impl Walk {
    fn table(&mut self, table: &HashTable, path: &str, depth: usize) -> Value {
        if depth >= MAX_DEPTH {
            return self.refuse(path, "nests too deep");
        }
        let mut is_list = true;
        let mut items = Vec::new();
        for_each(table, |key, value| {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            if self.left == 0 {
                self.refuse(path, "has too many elements");
                return;
            }
            let name = match key {
                Key::Index(index) => {
                    is_list &= usize::try_from(index) == Ok(items.len());
                    index.to_string()
                }
                Key::Name(name) => {
                    is_list = false;
                    String::from_utf8_lossy(name).into_owned()
                }
            };
            let inner = match key {
                Key::Index(index) => format!("{path}[{index}]"),
                Key::Name(_) if path.is_empty() => name.clone(),
                Key::Name(_) => format!("{path}.{name}"),
            };
            let value = self.value(value, &inner, depth + 1);
            items.push((name, value));
        });
        if is_list && !(items.is_empty() && depth == 0) {
            Value::Array(items.into_iter().map(|(_, value)| value).collect())
        } else {
            Value::Object(items.into_iter().collect::<Map<_, _>>())
        }
    }

    fn value(&mut self, value: &zval, path: &str, depth: usize) -> Value {
        // SAFETY: each union field is read under the type that it belongs to.
        unsafe {
            match type_of(value) {
                IS_NULL | IS_UNDEF => Value::Null,
                IS_FALSE => Value::Bool(false),
                IS_TRUE => Value::Bool(true),
                IS_LONG => Value::Number(value.value.lval.into()),
                IS_DOUBLE => match Number::from_f64(value.value.dval) {
                    Some(number) => Value::Number(number),
                    None => self.refuse(path, "must be a finite number"),
                },
                IS_STRING => match bytes(value).map(std::str::from_utf8) {
                    Some(Ok(text)) => Value::String(text.to_owned()),
                    _ => self.refuse(path, "must be valid UTF-8"),
                },
                IS_ARRAY => match value.value.arr.as_ref() {
                    Some(table) => self.table(table, path, depth),
                    None => Value::Null,
                },
                _ => self.refuse(path, "must be a scalar or an array"),
            }
        }
    }

    fn refuse(&mut self, path: &str, message: &str) -> Value {
        self.wrong.push(Violation {
            field: if path.is_empty() { "request" } else { path }.to_owned(),
            message: message.to_owned(),
        });
        Value::Null
    }
}

/// The place for a value that goes to PHP. It starts as null.
#[derive(Clone, Copy)]
pub struct Ret(*mut zval);

impl Ret {
    /// # Safety
    /// A valid place that holds nothing to be released.
    #[must_use]
    pub unsafe fn new(place: *mut zval) -> Self {
        let ret = Self(place);
        ret.null();
        ret
    }

    fn set(self, kind: u32, put: impl FnOnce(&mut zval)) {
        // SAFETY: valid by `new`'s contract.
        let place = unsafe { &mut *self.0 };
        put(place);
        place.u1.type_info = kind;
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
        self.set(IS_LONG, |place| place.value.lval = value);
    }

    /// A `float`.
    pub fn float(self, value: f64) {
        self.set(IS_DOUBLE, |place| place.value.dval = value);
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
        self.set(kind, |place| place.value.str_ = text);
    }

    /// The same value once more.
    pub fn copy(self, value: &zval) {
        /// `IS_TYPE_REFCOUNTED << Z_TYPE_FLAGS_SHIFT`
        const REFCOUNTED: u32 = 1 << 8;
        // SAFETY: the union is copied with its type; counted values get one more reference.
        unsafe {
            let kind = value.u1.type_info;
            if kind & REFCOUNTED != 0 {
                (*value.value.counted).gc.refcount += 1;
            }
            self.set(kind, |place| place.value = value.value);
        }
    }

    /// An object, whose reference goes over to the value.
    pub fn object(self, object: *mut zend_object) {
        self.set(IS_OBJECT_EX, |place| place.value.obj = object);
    }

    /// A resource, whose reference goes over to the value.
    pub fn resource(self, resource: *mut zend_resource) {
        self.set(IS_RESOURCE_EX, |place| place.value.res = resource);
    }

    /// An empty `array` to be filled.
    pub fn array(self, capacity: usize) -> Array {
        // SAFETY: a new array with one reference, which the value owns.
        let table = unsafe { _zend_new_array(capacity.try_into().unwrap_or(8)) };
        self.set(IS_ARRAY_EX, |place| place.value.arr = table);
        Array(table)
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

/// A PHP array being filled.
#[derive(Clone, Copy)]
pub struct Array(*mut HashTable);

impl Array {
    /// Adds a value under the next number.
    pub fn push(self, fill: impl FnOnce(Ret)) {
        let mut value = filled(fill);
        // SAFETY: a live array; the value's reference goes over to it.
        unsafe { zend_hash_next_index_insert(self.0, value.as_mut_ptr()) };
    }

    /// Sets a value under a string key.
    pub fn insert(self, key: &str, fill: impl FnOnce(Ret)) {
        let mut value = filled(fill);
        // SAFETY: as above; the key is copied.
        unsafe {
            zend_hash_str_update(self.0, key.as_ptr().cast(), key.len(), value.as_mut_ptr());
        }
    }

    /// Sets a value under the same key as in another array.
    pub fn insert_at(self, key: Key<'_>, fill: impl FnOnce(Ret)) {
        let mut value = filled(fill);
        // SAFETY: as above.
        unsafe {
            match key {
                Key::Index(index) => {
                    ext_php_rs::ffi::zend_hash_index_update(
                        self.0,
                        index.cast_unsigned(),
                        value.as_mut_ptr(),
                    );
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

/// A value on our stack, filled; its ownership goes to whoever copies it.
pub fn filled(fill: impl FnOnce(Ret)) -> std::mem::MaybeUninit<zval> {
    let mut value = std::mem::MaybeUninit::<zval>::zeroed();
    // SAFETY: a valid place that holds nothing.
    fill(unsafe { Ret::new(value.as_mut_ptr()) });
    value
}
