//! Names for the subjects of a walk, such as `App\Cart->items`, and the path to an object.
//! Used right after the walk, on its thread, while everything is still where it was.

use ext_php_rs::ffi::{zend_class_entry, zend_object, zend_property_info};
use pillion_engine::worker::leaks::{LeakKind, Subject};

use super::{
    HeapWalk, ReachedObject,
    class_counts::UNREACHED,
    describe::{
        Named, bare_property_name, class_location, class_name, function_location, function_name,
    },
    describe_engine::{handler, ini, resource, shutdown_function},
    describe_variables::{name_by_hash, static_property, static_variable, variable},
    objects::{DYNAMIC, HELD},
};
use crate::zend::{function_table::closure_function, map_ptr, value::zend_text};

/// Holders of an object that are reported.
const MAX_HOLDERS: usize = 8;

impl HeapWalk {
    /// The name of a subject of the last walk.
    #[must_use]
    pub fn name(&self, subject: Subject) -> Named {
        // SAFETY: right after the walk, on its thread: everything it has seen is where it was.
        unsafe {
            match subject.kind {
                LeakKind::StaticProperty => static_property(subject),
                LeakKind::StaticVariable => static_variable(subject),
                LeakKind::Property => self.property(subject),
                LeakKind::Global | LeakKind::Local => variable(subject),
                LeakKind::Ini => ini(subject),
                LeakKind::Resource => resource(subject),
                LeakKind::Connection | LeakKind::Object => Named {
                    location: class_location(subject.owner),
                    path: match subject.slot {
                        UNREACHED => Vec::new(),
                        _ => self
                            .objects_of(subject.owner)
                            .next()
                            .map_or_else(Vec::new, |object| self.path(object)),
                    },
                    ..Named::new(class_name(subject.owner))
                },
                LeakKind::ErrorHandler => handler("set_error_handler()", |globals| {
                    &raw const (*globals).user_error_handler
                }),
                LeakKind::ExceptionHandler => handler("set_exception_handler()", |globals| {
                    &raw const (*globals).user_exception_handler
                }),
                LeakKind::ShutdownFunction => shutdown_function(),
                kind => Named::new(kind.name()),
            }
        }
    }

    /// # Safety
    /// As in [`Self::name`]; so below.
    unsafe fn property(&self, subject: Subject) -> Named {
        let handle = (subject.slot >> 32) as u32;
        let slot = subject.slot & u64::from(u32::MAX);
        let reached = self.reached.iter().find(|reached| {
            // SAFETY: objects of this walk are alive.
            reached.object.addr() as u64 == subject.owner
                && unsafe { (*reached.object).handle } == handle
        });
        let Some(reached) = reached.copied() else {
            return Named::default();
        };
        // SAFETY: an object of this walk.
        unsafe {
            let class = (*reached.object).ce;
            let address = class.addr() as u64;
            let closure = closure_function(reached.object);
            let (mut owner, mut location) = (class_name(address), class_location(address));
            let name = if slot == HELD {
                "contents".to_owned()
            } else if slot & DYNAMIC != 0 {
                let table = match closure {
                    Some(function) => map_ptr::get(function.op_array.static_variables_ptr__ptr),
                    None => (*reached.object).properties,
                };
                name_by_hash(table, |hash| hash & (DYNAMIC - 1) == slot & (DYNAMIC - 1))
            } else {
                match property_info(class, slot) {
                    Some(info) => {
                        if info.ce != class {
                            location = class_location(info.ce.addr() as u64);
                        }
                        bare_property_name(&zend_text(info.name))
                    }
                    None => format!("property {slot}"),
                }
            };
            if let Some(function) = closure {
                location = function_location(function);
                owner = function_name(function);
            }
            Named {
                name: match (slot, closure) {
                    (HELD, _) => format!("{owner}, {name}"),
                    (_, Some(_)) => format!("static ${name} in {owner}"),
                    (_, None) => format!("{owner}->{name}"),
                },
                path: self.path(reached),
                kind: closure.map(|_| LeakKind::StaticVariable),
                location,
            }
        }
    }

    /// How an object is reached, from something that has a name.
    unsafe fn path(&self, object: ReachedObject) -> Vec<String> {
        let mut path = Vec::new();
        for holder in self.holders(Some(object)).take(MAX_HOLDERS) {
            if holder.kind == LeakKind::Property {
                // SAFETY: the holders of a live object are alive.
                path.push(unsafe { path_step(holder) });
            } else {
                path.push(self.name(holder).name);
                break;
            }
        }
        path.reverse();
        path
    }
}

/// A property on the path, as `Class->property`.
unsafe fn path_step(subject: Subject) -> String {
    let slot = subject.slot & u64::from(u32::MAX);
    let object = std::ptr::with_exposed_provenance::<zend_object>(subject.owner as usize);
    // SAFETY: by the caller's contract.
    unsafe {
        let class = (*object).ce;
        let name = class_name(class.addr() as u64);
        let info = match slot & DYNAMIC {
            0 => property_info(class, slot),
            _ => None,
        };
        match info {
            Some(info) => format!("{name}->{}", bare_property_name(&zend_text(info.name))),
            None => name,
        }
    }
}

/// The declaration of the property in a slot of an object; `None` if the class has no such table.
unsafe fn property_info<'a>(
    class: *const zend_class_entry,
    slot: u64,
) -> Option<&'a zend_property_info> {
    // SAFETY: by the callers' contract: a live class with so many slots.
    unsafe {
        let infos = (*class).properties_info_table;
        (!infos.is_null())
            .then(|| (*infos.add(slot as usize)).as_ref())
            .flatten()
    }
}
