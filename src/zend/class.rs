//! Classes of the extension, registered anew in each MINIT: their entries are freed in MSHUTDOWN, so they are stored
//! only in atomic pointers that the next MINIT overwrites.

use std::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use ext_php_rs::ffi::{
    IS_NULL, ext_php_rs_zend_object_alloc, object_properties_init, std_object_handlers,
    zend_class_entry, zend_function_entry, zend_object, zend_object_handlers, zend_object_std_init,
    zend_register_internal_class_ex, zend_string, zend_string_init_interned, zval,
};

use super::{
    ffi,
    registration::{self, Function},
};

/// The entry of one class, from MINIT to MSHUTDOWN, and its methods, which are made at the first MINIT of this load of
/// the library.
pub struct ClassRef {
    entry: AtomicPtr<zend_class_entry>,
    methods: AtomicPtr<zend_function_entry>,
}

impl ClassRef {
    /// Not registered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entry: AtomicPtr::new(ptr::null_mut()),
            methods: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn methods(&self, methods: &[Function]) -> *const zend_function_entry {
        if self.methods.load(Ordering::Acquire).is_null() {
            let table = registration::table(methods);
            self.methods.store(table.cast_mut(), Ordering::Release);
        }
        self.methods.load(Ordering::Acquire)
    }

    /// The entry; null before the first MINIT.
    #[inline]
    #[must_use]
    pub fn entry(&self) -> *mut zend_class_entry {
        self.entry.load(Ordering::Acquire)
    }
}

/// A property. A typed one has no default and starts uninitialised; an untyped one starts as null.
pub struct Property {
    /// Without the dollar sign.
    pub name: &'static str,
    /// `string`, `?int`, …; empty for none.
    pub type_name: &'static str,
    /// Access flags: visibility, readonly.
    pub flags: u32,
}

/// The declaration of a class.
pub struct Class {
    /// With the namespace.
    pub name: &'static str,
    /// Its parent, or null.
    pub parent: *mut zend_class_entry,
    /// `ZEND_ACC_FINAL` and so on.
    pub flags: u32,
    /// Its methods.
    pub methods: &'static [Function],
    /// Its properties, in the order of their slots.
    pub properties: &'static [Property],
    /// Creates its objects; `None` for the parent's function.
    pub create: Option<unsafe extern "C" fn(*mut zend_class_entry) -> *mut zend_object>,
}

impl Class {
    /// Registers the class and stores its entry in `at`.
    ///
    /// # Safety
    /// In MINIT.
    pub unsafe fn register(&self, at: &ClassRef) {
        // SAFETY: MINIT; the entry is copied by the engine, the strings are interned.
        unsafe {
            let mut entry: zend_class_entry = MaybeUninit::zeroed().assume_init();
            entry.name = interned(self.name);
            entry.info.internal.builtin_functions = at.methods(self.methods);
            let registered = zend_register_internal_class_ex(&raw mut entry, self.parent);
            (*registered).ce_flags |= self.flags;
            if let Some(create) = self.create {
                (*registered).__bindgen_anon_2.create_object = Some(create);
            }
            for property in self.properties {
                // All zero is "undefined", which only a typed property may be.
                let mut default: MaybeUninit<zval> = MaybeUninit::zeroed();
                if property.type_name.is_empty() {
                    (*default.as_mut_ptr()).u1.type_info = IS_NULL;
                }
                ffi::zend_declare_typed_property(
                    registered,
                    interned(property.name),
                    default.as_mut_ptr(),
                    property.flags.cast_signed(),
                    ptr::null_mut(),
                    registration::parse_type(property.type_name),
                );
            }
            at.entry.store(registered, Ordering::Release);
        }
    }
}

/// An interned string, which lives as long as the module.
///
/// # Safety
/// In MINIT.
unsafe fn interned(text: &str) -> *mut zend_string {
    // SAFETY: the engine sets the function before it loads extensions.
    unsafe {
        zend_string_init_interned.map_or(ptr::null_mut(), |make| {
            make(text.as_ptr().cast(), text.len(), true)
        })
    }
}

/// The handlers of one class' objects, filled in each MINIT.
pub struct Handlers(UnsafeCell<MaybeUninit<zend_object_handlers>>);

// SAFETY: written in MINIT, when no other PHP thread runs, and read afterwards.
unsafe impl Sync for Handlers {}

impl Handlers {
    /// To be filled in MINIT.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Starts from the standard handlers for objects that are an `Instance<T>`.
    ///
    /// # Safety
    /// In MINIT.
    pub unsafe fn fill<T>(&self, change: impl FnOnce(&mut zend_object_handlers)) {
        // SAFETY: MINIT, so no other thread reads it; the standard table is a plain C struct.
        unsafe {
            let handlers = (*self.0.get()).as_mut_ptr();
            ptr::copy_nonoverlapping(&raw const std_object_handlers, handlers, 1);
            (*handlers).offset = offset::<T>().try_into().unwrap_or(0);
            (*handlers).clone_obj = None;
            change(&mut *handlers);
        }
    }

    fn table(&self) -> *const zend_object_handlers {
        self.0.get().cast_const().cast()
    }
}

/// An object of ours: our part first, the engine's last, because its property slots follow it.
#[repr(C)]
pub struct Instance<T> {
    own: T,
    std: zend_object,
}

const fn offset<T>() -> usize {
    std::mem::offset_of!(Instance<T>, std)
}

/// Creates an object around `own`, its properties at their defaults. The caller owns the reference.
///
/// # Safety
/// On a PHP thread in a request; `class` was registered, and `handlers` filled for `T`.
#[inline]
pub unsafe fn instantiate<T>(
    class: *mut zend_class_entry,
    handlers: &Handlers,
    own: T,
) -> *mut zend_object {
    // SAFETY: the allocation holds our part, the engine's, and the property slots.
    unsafe {
        let instance =
            ext_php_rs_zend_object_alloc(size_of::<Instance<T>>(), class).cast::<Instance<T>>();
        (&raw mut (*instance).own).write(own);
        let object = &raw mut (*instance).std;
        zend_object_std_init(object, class);
        object_properties_init(object, class);
        (*object).handlers = handlers.table();
        object
    }
}

/// Our part of an object.
///
/// # Safety
/// `object` is alive and was made by [`instantiate`] with this `T`.
#[inline]
#[must_use]
pub unsafe fn own<T>(object: *mut zend_object) -> *mut T {
    // SAFETY: the engine's part lies at a fixed distance behind ours.
    unsafe { object.cast::<u8>().sub(offset::<T>()).cast::<T>() }
}
