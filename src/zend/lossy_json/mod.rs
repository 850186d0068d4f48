//! Converts any array from PHP to JSON text: an error report must not fail because of its contents. Values that JSON
//! cannot represent are replaced, values that are too deep or too long are truncated, and both are marked.
//!
//! Objects may run PHP code (`jsonSerialize()`, `format()`), which may end the script: PHP then jumps over the frames
//! here. So the texts are state of the thread, and no frame holds a value with a destructor. Runs on PHP's threads.

mod objects;

use ext_php_rs::ffi::{
    HashTable, IS_ARRAY, IS_DOUBLE, IS_FALSE, IS_LONG, IS_NULL, IS_OBJECT, IS_STRING, IS_TRUE,
    IS_UNDEF, zval,
};

use super::{
    arguments::Thrown,
    ffi,
    hash_table::{Key, for_each},
    owned::OwnedZval,
    value::{bytes, type_of},
};
use crate::thread_state::thread_state;

/// Levels of nesting; in an error report a stack frame's variables begin at the eighth.
const MAX_DEPTH: usize = 32;
/// Elements at all levels.
const MAX_ELEMENTS: usize = 50_000;
/// Bytes of one string.
const MAX_TEXT: usize = 64 << 10;
/// Bytes of the JSON text. Sentry refuses events above 1 MiB.
const MAX_BYTES: usize = 960 << 10;
/// Marks truncated and replaced values.
const MARK: &str = "…";

thread_state! {
    /// Texts in the making, the innermost last.
    static TEXTS: Vec<String> = Vec::new();
}

/// Drops the texts that a script has left when PHP jumped out. In RSHUTDOWN.
pub fn script_shutdown() {
    TEXTS.with(Vec::clear);
}

/// Frees the memory of the thread. In GSHUTDOWN.
pub fn thread_shutdown() {
    TEXTS.replace(Vec::new());
}

/// Converts an array to the text of a JSON object.
///
/// # Errors
/// PHP code of an object has ended the script (`exit()`).
pub fn object(table: &HashTable) -> Result<String, Thrown> {
    let at = TEXTS.with(|texts| {
        texts.push(String::with_capacity(1024));
        texts.len() - 1
    });
    let mut writer = JsonWriter {
        at,
        elements: MAX_ELEMENTS,
        ended: false,
    };
    writer.members(table, true, None);
    let text = TEXTS.with(|texts| {
        let text = texts.get_mut(at).map(std::mem::take);
        texts.truncate(at);
        text
    });
    match writer.ended {
        true => Err(Thrown::Pending),
        false => Ok(text.unwrap_or_default()),
    }
}

/// The arrays and objects around a value, the innermost first.
#[derive(Clone, Copy)]
struct Holder<'a> {
    address: usize,
    outer: Option<&'a Holder<'a>>,
}

impl Holder<'_> {
    fn depth(holder: Option<&Self>) -> usize {
        holder.map_or(0, |holder| 1 + Self::depth(holder.outer))
    }

    fn holds(holder: Option<&Self>, address: usize) -> bool {
        holder.is_some_and(|one| one.address == address || Self::holds(one.outer, address))
    }
}

#[derive(Clone, Copy)]
struct JsonWriter {
    /// The index of the text in the thread's state.
    at: usize,
    /// Elements that may follow.
    elements: usize,
    /// PHP code has ended the script.
    ended: bool,
}

impl JsonWriter {
    fn write<R>(&self, write: impl FnOnce(&mut String) -> R) -> Option<R> {
        TEXTS.with(|texts| texts.get_mut(self.at).map(write))
    }

    fn is_full(&self) -> bool {
        self.ended || self.elements == 0 || self.length() >= MAX_BYTES
    }

    fn length(&self) -> usize {
        self.write(|text| text.len()).unwrap_or(MAX_BYTES)
    }

    /// Writes a string of ours.
    fn plain(&self, text: &str) {
        self.write(|json| quote(json, text));
    }

    /// Writes a string of PHP's, with U+FFFD for invalid UTF-8.
    fn text(&self, bytes: &[u8]) {
        let begin = self.length();
        let space = MAX_BYTES.saturating_sub(begin);
        self.write_truncated(bytes, space.min(MAX_TEXT));
        // Escaped, a byte may become six.
        if self.length() > MAX_BYTES {
            self.write(|json| json.truncate(begin));
            self.write_truncated(bytes, (space / 6).min(MAX_TEXT));
        }
    }

    fn write_truncated(&self, bytes: &[u8], limit: usize) {
        if bytes.len() <= limit {
            self.write(|json| quote(json, &String::from_utf8_lossy(bytes)));
            return;
        }
        let mut end = limit;
        // Not in the middle of a character.
        while end > 0 && end + 4 > limit && bytes.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            end -= 1;
        }
        let start = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
        self.write(|json| {
            quote(json, &format!("{start}{MARK} ({} bytes)", bytes.len()));
        });
    }

    fn array(&mut self, value: &zval, holder: Option<&Holder<'_>>) {
        // SAFETY: the type says that it is an array, which lives with the value.
        let Some(table) = (unsafe { value.value.arr.as_ref() }) else {
            return self.plain(MARK);
        };
        let address = std::ptr::from_ref(table).addr();
        if Holder::holds(holder, address) {
            return self.plain("*RECURSION*");
        }
        if Holder::depth(holder) >= MAX_DEPTH {
            return self.plain(&format!("{MARK} (array of {})", table.nNumOfElements));
        }
        // PHP code below may change the variable: the reference makes it change a copy.
        let held = OwnedZval::new(value);
        let here = Holder {
            address,
            outer: holder,
        };
        self.members(table, false, Some(&here));
        held.release();
    }

    fn members(&mut self, table: &HashTable, is_event: bool, holder: Option<&Holder<'_>>) {
        let mut next = 0;
        let mut is_list = !is_event;
        for_each(table, |key, _| {
            is_list &= matches!(key, Key::Index(index) if index == next);
            next += 1;
        });
        self.write(|json| json.push(if is_list { '[' } else { '{' }));
        let (mut count, mut left) = (0, 0);
        for_each(table, |key, value| {
            if self.is_full() {
                left += 1;
                return;
            }
            self.elements -= 1;
            if count > 0 {
                self.write(|json| json.push(','));
            }
            count += 1;
            if !is_list {
                match key {
                    Key::Index(index) => self.plain(&index.to_string()),
                    Key::Name(name) => self.text(name),
                }
                self.write(|json| json.push(':'));
            }
            self.value(value, holder);
        });
        if left > 0 {
            let comma = if count > 0 { "," } else { "" };
            let name = if is_list { "" } else { "\"…\":" };
            self.write(|json| json.push_str(&format!("{comma}{name}\"{MARK} ({left} more)\"")));
        }
        self.write(|json| json.push(if is_list { ']' } else { '}' }));
    }

    fn value(&mut self, value: &zval, holder: Option<&Holder<'_>>) {
        // SAFETY: each union field is read under the type that it belongs to.
        unsafe {
            match type_of(value) {
                IS_NULL | IS_UNDEF => drop(self.write(|json| json.push_str("null"))),
                IS_FALSE => drop(self.write(|json| json.push_str("false"))),
                IS_TRUE => drop(self.write(|json| json.push_str("true"))),
                IS_LONG => {
                    let number = value.value.lval;
                    self.write(|json| json.push_str(&number.to_string()));
                }
                // INF and NAN become null.
                IS_DOUBLE => {
                    let number = serde_json::to_string(&value.value.dval).unwrap_or_default();
                    self.write(|json| json.push_str(&number));
                }
                IS_STRING => self.text(bytes(value).unwrap_or_default()),
                IS_ARRAY => self.array(value, holder),
                IS_OBJECT => self.object(value, holder),
                _ => {
                    let type_name = ffi::zend_rsrc_list_get_rsrc_type(value.value.res);
                    let type_name = match type_name.is_null() {
                        true => "unknown".into(),
                        false => std::ffi::CStr::from_ptr(type_name).to_string_lossy(),
                    };
                    self.plain(&format!("resource ({type_name})"));
                }
            }
        }
    }
}

fn quote(json: &mut String, text: &str) {
    if let Ok(quoted) = serde_json::to_string(text) {
        json.push_str(&quoted);
    }
}
