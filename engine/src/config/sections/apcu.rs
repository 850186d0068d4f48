//! The setting `apcu`: PHP functions of another extension, over the shared cache.

use super::super::row::flag;

settings! {
    /// The module `apcu`.
    pub struct ApcuSettings: Cache, "" in "pillion." {
        /// Whether the functions `apcu_*` and the class `APCUIterator` exist and use the shared cache, as a module
        /// `apcu`; without effect where APCu itself is loaded. Read when PHP starts.
        is_provided as "apcu": bool = flag("off");
    }
}
