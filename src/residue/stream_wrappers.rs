//! Stream wrappers, registered, taken out, or put in the place of another. PHP frees a wrapper of PHP code
//! when it is taken out, so it is known by its class, and made anew where it is put back; the others live as
//! long as the process. Nothing is looked through unless the request has called one of the functions.

use ext_php_rs::ffi::{HashTable, php_register_url_stream_wrapper_volatile, php_stream_wrapper};

use super::observed_calls::ObservedCalls;
use crate::zend::{call, ffi, hash_table, owned::OwnedZval, zend_string::TempZendString};

/// What the table was.
#[derive(Default)]
pub struct Wrappers(Vec<(Vec<u8>, Wrapper)>);

/// Who serves a scheme.
#[derive(Clone, PartialEq, Eq)]
enum Wrapper {
    /// PHP's own, or another extension's.
    Native(*mut php_stream_wrapper),
    /// A class of PHP code, with the flags that it was registered with.
    Class(Vec<u8>, i64),
}

/// A wrapper that is not as it was.
pub struct Change {
    name: Vec<u8>,
    is: Option<Wrapper>,
    was: Option<Wrapper>,
}

/// One step of putting a wrapper back. What it holds is released by [`Step::take`].
#[derive(Clone, Copy)]
pub enum Step {
    /// Take it out.
    Out([OwnedZval; 1]),
    /// Put it in.
    Native(TempZendString, *mut php_stream_wrapper),
    /// Let PHP make it: name, class and flags.
    Class([OwnedZval; 3]),
}

impl Wrappers {
    /// As it is now.
    pub fn now(calls: &ObservedCalls) -> Self {
        // SAFETY: the table's values are wrappers.
        let found = unsafe {
            hash_table::elements(table()).filter_map(|element| {
                let name = element.name_bytes()?;
                Some((name.to_vec(), wrapper(name, element.pointer(), calls)))
            })
        };
        Self(found.collect())
    }

    /// What has changed.
    pub fn changes(&self, calls: &ObservedCalls) -> Vec<Change> {
        let Self(now) = Self::now(calls);
        let find = |list: &[(Vec<u8>, Wrapper)], wanted: &[u8]| {
            let found = list.iter().find(|(name, _)| name == wanted);
            found.map(|(_, wrapper)| wrapper.clone())
        };
        let appeared = now.iter().map(|(name, is)| Change {
            name: name.clone(),
            is: Some(is.clone()),
            was: find(&self.0, name),
        });
        let gone = self.0.iter().filter_map(|(name, was)| {
            let is_gone = find(&now, name).is_none();
            is_gone.then(|| Change {
                name: name.clone(),
                is: None,
                was: Some(was.clone()),
            })
        });
        appeared
            .chain(gone)
            .filter(|change| change.is != change.was)
            .collect()
    }
}

impl Change {
    /// The wrapper's name and what became of it.
    pub fn describe(&self) -> (String, &'static str) {
        let what = match (&self.was, &self.is) {
            (None, _) => "registered",
            (_, None) => "unregistered",
            _ => "replaced",
        };
        (String::from_utf8_lossy(&self.name).into_owned(), what)
    }

    /// What puts it back, in its order.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let name = || OwnedZval::with(|ret| ret.string(&self.name));
        let out = self.is.is_some().then(|| Step::Out([name()]));
        let back = self.was.as_ref().map(|was| match was {
            Wrapper::Native(wrapper) => Step::Native(TempZendString::new(&self.name), *wrapper),
            Wrapper::Class(class, flags) => Step::Class([
                name(),
                OwnedZval::with(|ret| ret.string(class)),
                OwnedZval::with(|ret| ret.int(*flags)),
            ]),
        });
        out.into_iter().chain(back)
    }
}

impl Step {
    /// Does it. May run PHP code: that of a class loader.
    pub fn take(self) {
        match self {
            Self::Out(arguments) => {
                call("stream_wrapper_unregister", &arguments);
            }
            // SAFETY: a live string; native wrappers live as long as the process.
            Self::Native(name, wrapper) => unsafe {
                php_register_url_stream_wrapper_volatile(name.as_ptr(), wrapper);
                name.release();
            },
            Self::Class(arguments) => {
                call("stream_wrapper_register", &arguments);
            }
        }
    }
}

fn call(function: &str, arguments: &[OwnedZval]) {
    if let Ok(told) = call::function(function, arguments) {
        told.release();
    }
    arguments.iter().for_each(|argument| argument.release());
}

fn table<'a>() -> &'a HashTable {
    // SAFETY: never null, and alive as long as the script.
    unsafe { &*ffi::_php_stream_get_url_stream_wrappers_hash() }
}

fn wrapper(name: &[u8], native: *mut php_stream_wrapper, calls: &ObservedCalls) -> Wrapper {
    // SAFETY: a live wrapper; labels are C strings.
    let is_class = unsafe {
        (*native).wops.as_ref().is_some_and(|ops| {
            !ops.label.is_null() && std::ffi::CStr::from_ptr(ops.label) == c"user-space"
        })
    };
    match calls.wrapper_class(name).filter(|_| is_class) {
        Some((class, flags)) => Wrapper::Class(class.to_vec(), flags),
        None => Wrapper::Native(native),
    }
}
