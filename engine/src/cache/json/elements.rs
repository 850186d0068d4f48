//! The elements of an array that is being written: each key once, and without keys where they are those of a list. Pure
//! functions, on any thread.

use std::{collections::HashMap, ops::Range};

/// Where the key and the value of an element are written.
#[derive(Clone)]
pub(super) struct Element {
    /// The key, if it is an integer.
    pub(super) index: Option<i64>,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The elements with each key once: in the place of the first one with that key, the value of the last one. Returns
/// `None` if all keys are different.
pub(super) fn without_duplicates(bytes: &[u8], elements: &[Element]) -> Option<Vec<Element>> {
    /// Keys that are compared with each other; more are hashed.
    const FEW: usize = 12;
    let key = |element: &Element| bytes.get(element.key.clone());
    if elements.len() <= FEW {
        let mut rest = elements;
        loop {
            let (first, others) = rest.split_first()?;
            if others.iter().any(|other| key(other) == key(first)) {
                break;
            }
            rest = others;
        }
    }
    let mut places = HashMap::with_capacity(elements.len());
    let mut unique: Vec<Element> = Vec::with_capacity(elements.len());
    for element in elements {
        let place = *places.entry(key(element)).or_insert(unique.len());
        match unique.get_mut(place) {
            Some(former) => former.value = element.value.clone(),
            None => unique.push(element.clone()),
        }
    }
    (unique.len() < elements.len()).then_some(unique)
}

/// Replaces the elements from `start` on by these of them, a list's without their keys.
pub(super) fn rewrite(out: &mut Vec<u8>, start: usize, elements: &[Element], is_list: bool) {
    let mut bytes = Vec::with_capacity(out.len() - start);
    for element in elements {
        if !is_list {
            bytes.extend_from_slice(out.get(element.key.clone()).unwrap_or_default());
        }
        bytes.extend_from_slice(out.get(element.value.clone()).unwrap_or_default());
    }
    out.truncate(start);
    out.append(&mut bytes);
}
