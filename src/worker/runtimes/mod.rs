//! One file for each runtime: where its requests begin and end.

pub mod frankenphp;
pub(crate) mod relay_readers;
pub mod roadrunner;
pub mod script;
