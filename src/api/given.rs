//! PHP's arrays as values of a caller, which the engine reads without conversion. Runs no PHP code. On PHP's threads.

use ext_php_rs::ffi::{HashTable, IS_ARRAY, IS_FALSE, IS_NULL, IS_STRING, IS_TRUE, IS_UNDEF, zval};
use pillion_engine::velox::{Given, Name, Table};

use crate::zend::{
    hash_table::{elements, follow},
    value::{bytes, table, type_of},
};

/// The elements of an array; references are followed.
#[derive(Clone, Copy)]
pub struct Elements<'a>(pub &'a HashTable);

impl<'a> Table<'a> for Elements<'a> {
    fn size(self) -> usize {
        self.0.nNumOfElements as usize
    }

    fn elements(self) -> impl Iterator<Item = (Name<'a>, Given<'a, Self>)> {
        // SAFETY: the array is alive for `'a`, and so are its names and values: PHP code, which could change it, runs
        // on this thread only, and not before the call returns.
        unsafe {
            elements(self.0).filter_map(|element| {
                let name = match element.name_bytes() {
                    Some(name) => Name::Text(name),
                    None => Name::Index(element.hash.cast_signed()),
                };
                let value = &*follow(element.value);
                (type_of(value) != IS_UNDEF).then(|| (name, given(value)))
            })
        }
    }
}

fn given(value: &zval) -> Given<'_, Elements<'_>> {
    match type_of(value) {
        IS_NULL => Given::Null,
        IS_FALSE => Given::Flag(false),
        IS_TRUE => Given::Flag(true),
        IS_STRING => bytes(value).map_or(Given::Other, Given::Text),
        IS_ARRAY => table(value).map_or(Given::Other, |table| Given::Table(Elements(table))),
        _ => Given::Other,
    }
}
