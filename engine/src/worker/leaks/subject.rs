//! The identity of a value or count in a PHP thread's state: kind, address of the owner, slot.

/// The kind of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is what its name says")]
pub enum LeakKind {
    StaticProperty,
    StaticVariable,
    Property,
    Global,
    /// A variable of the loop around the requests.
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

impl LeakKind {
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

/// A value or count of which the size is compared. The extension knows its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Its kind.
    pub kind: LeakKind,
    /// The address of its owner: a class, a function, an object; 0 if there is none.
    pub owner: u64,
    /// The owner's value: a position, or the hash of a name.
    pub slot: u64,
}

impl Subject {
    /// The only subject of a kind.
    #[must_use]
    pub const fn single(kind: LeakKind) -> Self {
        Self {
            kind,
            owner: 0,
            slot: 0,
        }
    }
}

/// The amount of loaded code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct LoadedCode {
    pub classes: u32,
    pub functions: u32,
    pub files: u32,
}

impl LoadedCode {
    /// Whether any number is larger than before.
    #[must_use]
    pub const fn has_more_than(&self, before: &Self) -> bool {
        self.classes > before.classes
            || self.functions > before.functions
            || self.files > before.files
    }
}
