//! A caller's values as they are, read without conversion. The extension implements [`Table`] for PHP's arrays.

/// The name of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// A position or another integer.
    Index(i64),
    /// A text, not necessarily UTF-8.
    Text(&'a [u8]),
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a, T> {
    /// Null, which counts as absent.
    Null,
    /// A boolean.
    Flag(bool),
    /// A text, not necessarily UTF-8.
    Text(&'a [u8]),
    /// A list or an object.
    Table(T),
    /// Any other value: a number, or one that JSON cannot represent.
    Other,
}

/// A list or an object.
pub trait Table<'a>: Copy {
    /// The number of its elements.
    fn size(self) -> usize;

    /// Its elements, in their order. The same name does not come twice.
    fn elements(self) -> impl Iterator<Item = (Name<'a>, Given<'a, Self>)>;
}
