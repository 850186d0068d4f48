//! What there is of a PHP thread's state that outlives a request, at one moment: the print of each thing,
//! and how many there are of what is only counted.

use std::collections::{HashMap, HashSet};

use super::print::Print;

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is what its name says")]
pub enum Kind {
    StaticProperty,
    StaticVariable,
    Property,
    Global,
    /// A variable of the loop around the requests, which is the application's affair unless it only grows.
    Local,
    Ini,
    ErrorHandler,
    ExceptionHandler,
    ShutdownFunction,
    Constant,
    Class,
    Function,
    File,
    Resource,
    Connection,
    Object,
    Session,
    Memory,
}

impl Kind {
    /// The name that PHP sees.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaticProperty => "static property",
            Self::StaticVariable => "static variable",
            Self::Property => "property",
            Self::Global => "global",
            Self::Local => "variable of the loop",
            Self::Ini => "ini",
            Self::ErrorHandler => "error handler",
            Self::ExceptionHandler => "exception handler",
            Self::ShutdownFunction => "shutdown function",
            Self::Constant => "constant",
            Self::Class => "class",
            Self::Function => "function",
            Self::File => "file",
            Self::Resource => "resource",
            Self::Connection => "connection",
            Self::Object => "object",
            Self::Session => "session",
            Self::Memory => "memory",
        }
    }
}

/// One thing, by where it is: addresses and hashes of names. The extension knows the name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// What it belongs to.
    pub of: u64,
    /// Which one there.
    pub slot: u64,
}

impl Key {
    /// The one thing of that kind.
    #[must_use]
    pub const fn only(kind: Kind) -> Self {
        Self {
            kind,
            of: 0,
            slot: 0,
        }
    }
}

/// How many there are of what is loaded and defined; it only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct Loaded {
    pub classes: u32,
    pub functions: u32,
    pub files: u32,
    pub constants: u32,
    pub shutdown_functions: u32,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub struct Picture {
    /// What was looked at to its end.
    pub prints: HashMap<Key, Print>,
    /// Objects that were reached, by address and handle.
    pub objects: HashSet<(u64, u32)>,
    /// Objects that live and were not reached, by class.
    pub others: HashMap<u64, u32>,
    /// Open resources, by number: the hash of what they are.
    pub resources: HashMap<u64, u64>,
    /// Objects that are connections, by handle: their class.
    pub connections: HashMap<u64, u64>,
    /// What is counted.
    pub loaded: Loaded,
    /// A session is open.
    pub session: bool,
    /// Bytes of PHP's memory in use.
    pub memory: u64,
    /// Bounds were reached: there is more than was looked at.
    pub is_cut: bool,
}
