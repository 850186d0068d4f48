//! Entry points for the fuzz targets.

pub use super::{
    conditions::{Validators, Verdict},
    range::Range,
};
