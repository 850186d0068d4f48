//! The series that one thread has used, by the bytes of its call: the usual call finds its series here, without a look
//! at the shared memory. Owned by one thread.

use std::{collections::HashMap, hash::Hasher as _, ptr};

use rustc_hash::{FxBuildHasher, FxHasher};

use super::{Application, Series};

/// Series of a thread at most; above it, all are looked up again.
const MAX_SERIES: usize = 16_384;

/// Series by call.
#[derive(Debug)]
pub struct KnownSeries {
    /// The application that they are of, as an address, and its generation.
    source: (usize, u64),
    series: HashMap<u64, (Box<[u8]>, Series), FxBuildHasher>,
}

impl Default for KnownSeries {
    fn default() -> Self {
        Self::new()
    }
}

impl KnownSeries {
    /// Knows none.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            source: (0, 0),
            series: HashMap::with_hasher(FxBuildHasher),
        }
    }

    /// The series of a call, if it is known and the definitions have not changed since.
    #[inline]
    #[must_use]
    pub fn find(&self, application: &Application, call: &[u8]) -> Option<&Series> {
        if self.source != source(application) {
            return None;
        }
        let (known, series) = self.series.get(&hash(call))?;
        (**known == *call).then_some(series)
    }

    /// Remembers the series of a call, which was looked up at `generation`.
    pub fn insert(
        &mut self,
        application: &Application,
        generation: u64,
        call: &[u8],
        series: Series,
    ) {
        let source = (source(application).0, generation);
        if self.source != source || self.series.len() >= MAX_SERIES {
            self.series.clear();
            self.source = source;
        }
        self.series.insert(hash(call), (call.into(), series));
    }
}

#[inline]
fn source(application: &Application) -> (usize, u64) {
    (ptr::from_ref(application).addr(), application.generation())
}

#[inline]
fn hash(call: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(call);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MetricKind;

    #[test]
    fn known_series_ends_with_its_definition() {
        let application: &'static Application =
            Box::leak(Box::new(Application::anonymous(64 * 1024).unwrap()));
        let definition = application.definition("a", MetricKind::Counter).unwrap();
        let series = application.series(&definition, Vec::new()).unwrap();
        let mut known = KnownSeries::new();
        assert!(known.find(application, b"a").is_none());
        known.insert(application, application.generation(), b"a", series.clone());
        assert!(known.find(application, b"a").is_some() && known.find(application, b"b").is_none());
        application.clear();
        assert!(known.find(application, b"a").is_none());
        // Looked up before the change: not found after it.
        known.insert(application, application.generation() - 1, b"a", series);
        assert!(known.find(application, b"a").is_none());
    }
}
