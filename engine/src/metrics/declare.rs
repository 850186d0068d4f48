//! The macro `metrics!`, which declares each metric once: a static with its help as documentation, and its place in the
//! list `ALL` of its file.
//!
//! ```text
//! host counter NAME("name_total", labels = LABELS): "Help.";
//! ```
//!
//! First the scope: `host`, `process`, or `derived`, which is of the host too and read from its state by a `Source`.
//! Then the type: `counter`, `gauge`, `histogram` (with `buckets = BOUNDS`), `percentiles`. Labels are optional.

macro_rules! metrics {
    ($(
        $scope:ident $kind:ident $name:ident(
            $metric:literal $(, labels = $labels:expr)? $(, buckets = $buckets:expr)?
        ): $help:literal;
    )*) => {
        $(
            #[doc = $help]
            pub static $name: $crate::metrics::declare::metrics!(
                @type $scope $kind [$($labels)?] [$($buckets)?]
            ) = $crate::metrics::declare::metrics!(
                @new $scope $kind [$($buckets)?] $crate::metrics::family::Description {
                    name: $metric,
                    help: $help,
                    kind: $crate::metrics::declare::metrics!(@kind $kind),
                    scope: $crate::metrics::declare::metrics!(@scope $scope),
                    labels: $crate::metrics::declare::metrics!(@labels [$($labels)?]),
                }
            );
        )*

        /// All metrics of this file, in the order of the page.
        pub(super) static ALL: &[&dyn $crate::metrics::family::Metric] = &[$(&$name),*];
    };

    (@type derived $kind:ident $labels:tt []) => { $crate::metrics::Derived };
    (@type process percentiles [] []) => { $crate::metrics::Percentiles };
    (@type $scope:ident counter [] []) => { $crate::metrics::Counter };
    (@type $scope:ident counter [$labels:expr] []) => {
        $crate::metrics::Counter<{ $crate::metrics::family::series($labels) }>
    };
    (@type $scope:ident histogram [$($labels:expr)?] [$buckets:expr]) => {
        $crate::metrics::Histogram<{
            $crate::metrics::histogram::histogram(
                $crate::metrics::declare::metrics!(@labels [$($labels)?]),
                $buckets,
            )
        }>
    };

    (@new derived $kind:ident [] $description:expr) => { $crate::metrics::Derived::new($description) };
    (@new process percentiles [] $description:expr) => { $crate::metrics::Percentiles::new($description) };
    (@new $scope:ident counter [] $description:expr) => { $crate::metrics::Counter::new($description) };
    (@new $scope:ident histogram [$buckets:expr] $description:expr) => {
        $crate::metrics::Histogram::new($description, $buckets)
    };

    (@kind counter) => { $crate::metrics::MetricKind::Counter };
    (@kind gauge) => { $crate::metrics::MetricKind::Gauge };
    (@kind $histogram:ident) => { $crate::metrics::MetricKind::Histogram };

    (@scope process) => { $crate::metrics::Scope::Process };
    (@scope $host:ident) => { $crate::metrics::Scope::Host };

    (@labels []) => { &[] };
    (@labels [$labels:expr]) => { $labels };
}

pub(super) use metrics;
