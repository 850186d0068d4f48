//! Names for what a look has found, as a developer knows them, with the place of declaration where PHP
//! knows it. Right after the walk, while everything is still where it was.

use std::ops::ControlFlow;

use ext_php_rs::ffi::{
    HashTable, ZEND_USER_FUNCTION, ext_php_rs_executor_globals, zend_class_entry,
    zend_execute_data, zend_function, zend_object, zend_string,
};
use pillion_engine::worker::leaks::{LeakKind, Subject};

use super::{
    Node, Walk,
    describe_engine::{handler, ini, resource, shutdown_function},
    objects::{DYNAMIC, HELD, UNREACHED},
    roots::THIS,
};
use crate::zend::{table, value::zend_str};

/// What a thing is called, and where it is declared.
#[derive(Debug, Default)]
pub struct Named {
    /// `App\Cart::$items`
    pub name: String,
    /// How it is reached, from what has a name: for properties of objects.
    pub path: Vec<String>,
    /// What kind it is to a developer, where that is another one than the walk's.
    pub kind: Option<LeakKind>,
    /// The file and the line.
    pub place: Option<(String, u32)>,
}

/// How many holders of an object are told.
const MOST_HOLDERS: usize = 8;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// # Safety
/// Null, or a live string.
pub unsafe fn string(string: *const zend_string) -> String {
    // SAFETY: by the contract.
    text(unsafe { zend_str(string) }.unwrap_or_default())
}

/// The name of a class by its address, as prints have it. Classes live as long as the script.
#[must_use]
pub fn class_name(address: u64) -> String {
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(address as usize);
    if class.is_null() {
        return "object".into();
    }
    // SAFETY: an address that this script's walk has taken from a living object.
    let name = unsafe { string((*class).name) };
    // An anonymous class is followed by where it stands.
    name.split('\0').next().unwrap_or_default().to_owned()
}

impl Walk {
    /// Names a thing of the last look.
    #[must_use]
    pub fn name(&self, key: Subject) -> Named {
        // SAFETY: right after the walk, on its thread: what it has found is where it was.
        unsafe {
            match key.kind {
                LeakKind::StaticProperty => static_property(key),
                LeakKind::StaticVariable => static_variable(key),
                LeakKind::Property => self.property(key),
                LeakKind::Global | LeakKind::Local => variable(key),
                LeakKind::Ini => ini(key),
                LeakKind::Resource => resource(key),
                LeakKind::Connection | LeakKind::Object => Named {
                    name: class_name(key.owner),
                    place: class_place(key.owner),
                    path: match key.slot {
                        UNREACHED => Vec::new(),
                        _ => self
                            .all_of(key.owner)
                            .next()
                            .map_or_else(Vec::new, |node| self.path(node)),
                    },
                    ..Named::default()
                },
                LeakKind::ErrorHandler => handler("set_error_handler()", |globals| {
                    &raw const (*globals).user_error_handler
                }),
                LeakKind::ExceptionHandler => handler("set_exception_handler()", |globals| {
                    &raw const (*globals).user_exception_handler
                }),
                LeakKind::ShutdownFunction => shutdown_function(),
                _ => Named {
                    name: key.kind.name().to_owned(),
                    ..Named::default()
                },
            }
        }
    }

    /// # Safety
    /// As [`Self::name`]; so below.
    unsafe fn property(&self, key: Subject) -> Named {
        let handle = (key.slot >> 32) as u32;
        let slot = key.slot & u64::from(u32::MAX);
        let node = self.nodes.iter().find(|node| {
            // SAFETY: nodes of this walk live.
            node.object.addr() as u64 == key.owner && unsafe { (*node.object).handle } == handle
        });
        let Some(node) = node.copied() else {
            return Named::default();
        };
        // SAFETY: a node of this walk.
        unsafe {
            let class = (*node.object).ce;
            let address = class.addr() as u64;
            let (mut owner, mut place) = (class_name(address), class_place(address));
            let name = if slot == HELD {
                "contents".to_owned()
            } else if slot & DYNAMIC != 0 {
                let named = match is_closure(class) {
                    true => table::mapped(closure(node.object).op_array.static_variables_ptr__ptr),
                    false => (*node.object).properties,
                };
                by_hash(named, |hash| hash & (DYNAMIC - 1) == slot & (DYNAMIC - 1))
            } else {
                let infos = (*class).properties_info_table;
                let info = (!infos.is_null()).then(|| *infos.add(slot as usize));
                match info.and_then(|info| info.as_ref()) {
                    Some(info) => {
                        if info.ce != class {
                            place = class_place(info.ce.addr() as u64);
                        }
                        bare(&string(info.name))
                    }
                    None => format!("property {slot}"),
                }
            };
            if is_closure(class) {
                place = function_place(closure(node.object));
                owner = function_name(closure(node.object));
            }
            Named {
                name: match (slot, is_closure(class)) {
                    (HELD, _) => format!("{owner}, {name}"),
                    (_, true) => format!("static ${name} in {owner}"),
                    (_, false) => format!("{owner}->{name}"),
                },
                path: self.path(node),
                kind: is_closure(class).then_some(LeakKind::StaticVariable),
                place,
            }
        }
    }

    /// How an object is reached, from what has a name.
    unsafe fn path(&self, node: Node) -> Vec<String> {
        let mut path = Vec::new();
        for from in self.holders(Some(node)).take(MOST_HOLDERS) {
            if from.kind == LeakKind::Property {
                // SAFETY: the holders of a living object live.
                path.push(unsafe { step(from) });
            } else {
                path.push(self.name(from).name);
                break;
            }
        }
        path.reverse();
        path
    }
}

/// A property on the way, by its short name.
unsafe fn step(key: Subject) -> String {
    let slot = key.slot & u64::from(u32::MAX);
    let object = std::ptr::with_exposed_provenance::<zend_object>(key.owner as usize);
    // SAFETY: by the contract of the caller.
    unsafe {
        let class = (*object).ce;
        let name = class_name(class.addr() as u64);
        let infos = (*class).properties_info_table;
        match slot & DYNAMIC {
            0 if !infos.is_null() => match (*infos.add(slot as usize)).as_ref() {
                Some(info) => format!("{name}->{}", bare(&string(info.name))),
                None => name,
            },
            _ => name,
        }
    }
}

unsafe fn static_property(key: Subject) -> Named {
    /// `ZEND_ACC_STATIC`
    const STATIC: u32 = 1 << 4;
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(key.owner as usize);
    let mut name = String::new();
    // SAFETY: a class that the walk has looked at.
    unsafe {
        table::each(&raw const (*class).properties_info, |_, _, info| {
            let info = (*info)
                .value
                .ptr
                .cast::<ext_php_rs::ffi::zend_property_info>();
            if (*info).flags & STATIC != 0 && u64::from((*info).offset) == key.slot {
                name = bare(&string((*info).name));
            }
        });
    }
    Named {
        name: format!("{}::${name}", class_name(key.owner)),
        place: class_place(key.owner),
        ..Named::default()
    }
}

unsafe fn static_variable(key: Subject) -> Named {
    let function = std::ptr::with_exposed_provenance::<zend_function>(key.owner as usize);
    // SAFETY: a function that the walk has looked at.
    unsafe {
        let code = &(*function).op_array;
        let variables = table::mapped(code.static_variables_ptr__ptr);
        Named {
            name: format!(
                "static ${} in {}",
                by_hash(variables, |hash| hash == key.slot),
                function_name(&*function)
            ),
            place: function_place(&*function),
            ..Named::default()
        }
    }
}

unsafe fn variable(key: Subject) -> Named {
    // SAFETY: this thread's globals and frames.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        if key.owner == 0 {
            let name = by_hash(&raw const (*globals).symbol_table, |hash| hash == key.slot);
            return Named {
                name: format!("${name}"),
                ..Named::default()
            };
        }
        let mut frame: *mut zend_execute_data = (*globals).current_execute_data;
        while let Some(run) = frame.as_ref() {
            frame = run.prev_execute_data;
            let Some(function) = run.func.as_ref() else {
                continue;
            };
            let address = std::ptr::from_ref(function).addr() as u64;
            if key.owner & ((1 << 48) - 1) != address & ((1 << 48) - 1) {
                continue;
            }
            let is_user = u32::from(function.type_) == ZEND_USER_FUNCTION;
            let shown = match key.slot {
                THIS => "$this".to_owned(),
                slot if slot > THIS => format!("argument {}", slot - THIS),
                slot if is_user => {
                    format!("${}", string(*function.op_array.vars.add(slot as usize)))
                }
                _ => continue,
            };
            return Named {
                name: format!("{shown} in {}", function_name(function)),
                place: function_place(function),
                ..Named::default()
            };
        }
    }
    Named::default()
}

unsafe fn by_hash(table: *const HashTable, is: impl Fn(u64) -> bool) -> String {
    let mut found = String::new();
    // SAFETY: by the callers' contract.
    unsafe {
        table::each_from(table, 0, |hash, name, _| {
            if !is(hash) {
                return ControlFlow::Continue(());
            }
            found = match name.is_null() {
                true => hash.to_string(),
                false => string(name),
            };
            ControlFlow::Break(())
        });
    }
    found
}

/// Private and protected names begin with their class, between zero bytes.
fn bare(name: &str) -> String {
    name.rsplit('\0').next().unwrap_or_default().to_owned()
}

pub unsafe fn is_closure(class: *const zend_class_entry) -> bool {
    // SAFETY: a live class.
    unsafe { zend_str((*class).name) == Some(b"Closure") }
}

/// # Safety
/// A live object of `Closure`.
pub unsafe fn closure<'a>(object: *mut zend_object) -> &'a zend_function {
    // SAFETY: a closure's function follows its object, from `Zend/zend_closures.c`.
    unsafe { &*object.add(1).cast::<zend_function>() }
}

/// `App\Cart::add()`
pub unsafe fn function_name(function: &zend_function) -> String {
    // SAFETY: a live function, whose class lives too.
    unsafe {
        let common = &function.common;
        let name = string(common.function_name);
        match common.scope.is_null() {
            true => format!("{name}()"),
            false => format!("{}::{name}()", class_name(common.scope.addr() as u64)),
        }
    }
}

pub unsafe fn function_place(function: &zend_function) -> Option<(String, u32)> {
    // SAFETY: a live function; the file and line are those of functions written in PHP.
    unsafe {
        (u32::from(function.type_) == ZEND_USER_FUNCTION).then(|| {
            (
                string(function.op_array.filename),
                function.op_array.line_start,
            )
        })
    }
}

/// Where a class is declared, by its address.
pub fn class_place(address: u64) -> Option<(String, u32)> {
    let class = std::ptr::with_exposed_provenance::<zend_class_entry>(address as usize);
    // SAFETY: the address of a class of this script; see `class_name`.
    unsafe {
        let class = class.as_ref()?;
        (u32::from(class.type_.cast_unsigned()) == ZEND_USER_FUNCTION)
            .then(|| (string(class.info.user.filename), class.info.user.line_start))
    }
}
