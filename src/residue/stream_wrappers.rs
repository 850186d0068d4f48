//! Stream wrappers that a request has registered, unregistered or replaced. PHP frees a wrapper of PHP code when it is
//! unregistered, so such a wrapper is known by its class, and registered anew where it is restored; native ones live
//! as long as the process. Nothing is compared unless the request has called one of the functions.

use ext_php_rs::ffi::{HashTable, php_register_url_stream_wrapper_volatile, php_stream_wrapper};

use super::observed_calls::ObservedCalls;
use crate::zend::{call, ffi, hash_table, owned::OwnedZval};

/// The table at the baseline, by scheme.
#[derive(Default)]
pub struct WrapperTable(Vec<(Vec<u8>, Wrapper)>);

/// The wrapper of a scheme.
#[derive(Clone, PartialEq, Eq)]
enum Wrapper {
    /// PHP's own, or another extension's.
    Native(*mut php_stream_wrapper),
    /// A class of PHP code, with the flags that it was registered with.
    Class(Vec<u8>, i64),
}

/// A scheme with a wrapper that differs from the baseline.
pub struct WrapperChange {
    scheme: Vec<u8>,
    now: Option<Wrapper>,
    before: Option<Wrapper>,
}

/// One step of restoring a wrapper. Its values are released by [`RestoreStep::run`].
#[derive(Clone, Copy)]
pub enum RestoreStep {
    /// Unregister the scheme.
    Unregister([OwnedZval; 1]),
    /// Register a native wrapper for the scheme.
    RegisterNative(OwnedZval, *mut php_stream_wrapper),
    /// Register a class: scheme, class and flags.
    RegisterClass([OwnedZval; 3]),
}

impl WrapperTable {
    /// The current table.
    pub fn capture(calls: &ObservedCalls) -> Self {
        // SAFETY: the table's values are wrappers.
        let wrappers = unsafe {
            hash_table::elements(table()).filter_map(|element| {
                let scheme = element.name_bytes()?;
                Some((scheme.to_vec(), wrapper(scheme, element.pointer(), calls)))
            })
        };
        Self(wrappers.collect())
    }

    /// The differences from the baseline.
    pub fn changes(&self, calls: &ObservedCalls) -> Vec<WrapperChange> {
        let Self(now) = Self::capture(calls);
        let find = |table: &[(Vec<u8>, Wrapper)], wanted: &[u8]| {
            let found = table.iter().find(|(scheme, _)| scheme == wanted);
            found.map(|(_, wrapper)| wrapper.clone())
        };
        let present = now.iter().map(|(scheme, wrapper)| WrapperChange {
            scheme: scheme.clone(),
            now: Some(wrapper.clone()),
            before: find(&self.0, scheme),
        });
        let gone = self.0.iter().filter_map(|(scheme, wrapper)| {
            let is_gone = find(&now, scheme).is_none();
            is_gone.then(|| WrapperChange {
                scheme: scheme.clone(),
                now: None,
                before: Some(wrapper.clone()),
            })
        });
        present
            .chain(gone)
            .filter(|change| change.now != change.before)
            .collect()
    }
}

impl WrapperChange {
    /// The scheme, and the kind of its change.
    pub fn describe(&self) -> (String, &'static str) {
        let words = match (&self.before, &self.now) {
            (None, _) => "registered",
            (_, None) => "unregistered",
            _ => "replaced",
        };
        (String::from_utf8_lossy(&self.scheme).into_owned(), words)
    }

    /// The steps that restore it, in their order.
    pub fn restore_steps(&self) -> impl Iterator<Item = RestoreStep> {
        let scheme = || OwnedZval::new_string(&self.scheme);
        let unregister = self
            .now
            .is_some()
            .then(|| RestoreStep::Unregister([scheme()]));
        let register = self.before.as_ref().map(|before| match before {
            Wrapper::Native(wrapper) => RestoreStep::RegisterNative(scheme(), *wrapper),
            Wrapper::Class(class, flags) => RestoreStep::RegisterClass([
                scheme(),
                OwnedZval::new_string(class),
                OwnedZval::with(|out| out.int(*flags)),
            ]),
        });
        unregister.into_iter().chain(register)
    }
}

impl RestoreStep {
    /// Runs the step. May run PHP code: that of a class loader.
    pub fn run(self) {
        match self {
            Self::Unregister(arguments) => {
                call_and_release("stream_wrapper_unregister", &arguments);
            }
            // SAFETY: a live string; native wrappers live as long as the process.
            Self::RegisterNative(scheme, wrapper) => unsafe {
                php_register_url_stream_wrapper_volatile(scheme.zend_string(), wrapper);
                scheme.release();
            },
            Self::RegisterClass(arguments) => {
                call_and_release("stream_wrapper_register", &arguments);
            }
        }
    }
}

fn call_and_release(function: &str, arguments: &[OwnedZval]) {
    if let Ok(returned) = call::function(function, arguments) {
        returned.release();
    }
    arguments.iter().for_each(|argument| argument.release());
}

fn table<'a>() -> &'a HashTable {
    // SAFETY: never null, and alive as long as the script.
    unsafe { &*ffi::_php_stream_get_url_stream_wrappers_hash() }
}

fn wrapper(scheme: &[u8], native: *mut php_stream_wrapper, calls: &ObservedCalls) -> Wrapper {
    // SAFETY: a live wrapper; labels are C strings.
    let is_class = unsafe {
        (*native).wops.as_ref().is_some_and(|ops| {
            !ops.label.is_null() && std::ffi::CStr::from_ptr(ops.label) == c"user-space"
        })
    };
    match calls.wrapper_class(scheme).filter(|_| is_class) {
        Some((class, flags)) => Wrapper::Class(class.to_vec(), flags),
        None => Wrapper::Native(native),
    }
}
