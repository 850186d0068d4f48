//! What a request has left behind: two pictures of what survives a request, taken where it begins and where
//! it has ended, are compared, and what is told is decided here. The extension takes the pictures; nothing
//! in them holds a value of PHP's, they are numbers only. On PHP's thread.
//!
//! * [`mod@print`] the finger print of one value, and how a change of it reads.
//! * [`picture`] all of them, with what is counted beside.
//! * [`past`] what earlier requests did to the same thing; the difference between a leak and lazy loading.
//! * [`mod@judge`] what is told.

pub mod judge;
pub mod past;
pub mod picture;
pub mod print;

pub use judge::{Verdict, judge};
pub use past::Past;
pub use picture::{Key, Kind, Picture};
pub use print::{Print, Shape};
