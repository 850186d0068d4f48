//! The sections, one file each. A row describes one setting and is the field of the section's struct as well, so a
//! setting is written once, and a field of another name or type does not compile.

use super::{row::Row, setting::Setting, sources::ReadEnv, types::Value};
use crate::tls::SystemCertificates;

/// Values of all settings, and the environment.
pub(super) struct Values<'a> {
    /// Returns the value of the setting of a name.
    pub find: &'a dyn Fn(&'static str) -> Option<Value>,
    /// Reads an environment variable.
    pub env: ReadEnv<'a>,
}

impl Values<'_> {
    fn read<T>(&self, row: &Row<T>) -> T {
        (row.read)((self.find)(row.setting.name))
    }
}

/// A struct whose fields are settings.
pub(super) trait Section {
    /// Its settings, those of nested sections included, in the order of the documentation.
    const SETTINGS: &'static [Setting];

    /// Creates it from the values of its settings.
    fn from_values(values: &Values<'_>) -> Self;
}

impl Section for SystemCertificates {
    const SETTINGS: &'static [Setting] = &[];

    fn from_values(values: &Values<'_>) -> Self {
        Self::from_env(values.env)
    }
}

/// Rows of all tables.
pub(super) const fn count(tables: &[&[Setting]]) -> usize {
    let (mut sum, mut rest) = (0, tables);
    while let [table, more @ ..] = rest {
        sum += table.len();
        rest = more;
    }
    sum
}

/// Joins tables, at compile time.
#[allow(
    clippy::indexing_slicing,
    reason = "an error at compile time stops the build"
)]
pub(super) const fn concat<const N: usize>(tables: &[&[Setting]]) -> [Setting; N] {
    let mut all = [tables[0][0]; N];
    let (mut next, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[next] = tables[table][row];
            next += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

/// Makes a section: the struct, and the table of its settings.
///
/// ```text
/// settings! {
///     /// The section `velox.cache`.
///     pub struct ArtifactCacheSettings: Velox, "velox.cache." {
///         /// Days after which a binary expires.
///         ttl as "ttl_days": Duration = days(1, 36_500, "7").formerly("max_age_days");
///     }
/// }
/// ```
///
/// `Velox` is the [`Capability`](super::Capability). The texts are the prefix of the names (empty without a section),
/// after `in` the prefix of the YAML paths if it differs, and after `as` the name if it differs from the field. The
/// constructor (see [`row`](super::row)) has the range and the default; without a default the field is an `Option`. The
/// doc comment is the sentence of the documentation page. Nested sections and values from elsewhere follow after
/// `with`.
macro_rules! settings {
    (@key $field:ident $key:literal) => { $key };
    (@key $field:ident) => { stringify!($field) };
    (
        $(#[$attribute:meta])*
        pub struct $Section:ident: $capability:ident, $prefix:literal { $($rows:tt)+ }
        $($parts:tt)*
    ) => {
        settings! {
            $(#[$attribute])*
            pub struct $Section: $capability, $prefix in $prefix { $($rows)+ }
            $($parts)*
        }
    };
    (
        $(#[$attribute:meta])*
        pub struct $Section:ident: $capability:ident, $prefix:literal in $yaml:literal {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $(as $key:literal)?: $type:ty = $row:expr;
            )+
        }
        $(with {
            $($(#[$part_attribute:meta])* $part:ident: $Part:ty,)+
        })?
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Section {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($($(#[$part_attribute])* pub $part: $Part,)+)?
        }

        #[allow(non_upper_case_globals, reason = "a row has the name of its field")]
        impl $Section {
            $(
                pub(in $crate::config) const $field: $crate::config::row::Row<$type> = {
                    const ROW: $crate::config::row::Row<$type> = $row;
                    ROW.named(
                        concat!($prefix, settings!(@key $field $($key)?)),
                        Some(concat!($yaml, settings!(@key $field $($key)?))),
                        $crate::config::setting::Capability::$capability,
                        concat!($($doc),+),
                    )
                };
            )+
        }

        impl super::Section for $Section {
            const SETTINGS: &'static [$crate::config::setting::Setting] = {
                const TABLES: &[&[$crate::config::setting::Setting]] = &[
                    &[$($Section::$field.setting),+],
                    $($(<$Part as super::Section>::SETTINGS),+)?
                ];
                &super::concat::<{ super::count(TABLES) }>(TABLES)
            };

            fn from_values(values: &super::Values<'_>) -> Self {
                Self {
                    $($field: values.read(&Self::$field),)+
                    $($($part: super::Section::from_values(values),)+)?
                }
            }
        }
    };
}

mod apcu;
mod cache;
mod delivery;
mod gateway;
mod host;
mod log;
mod metrics;
mod remote;
mod runtime;
mod sentry;
mod serve;
mod velox;
mod worker;

pub use apcu::ApcuSettings;
pub use cache::CacheSettings;
pub use delivery::{DeliveryMethod, DeliverySettings, DeliveryUrl};
pub use gateway::{AnonymousRole, GatewaySettings, PathStyle, S3Settings, StorageDriver};
pub use host::HostSettings;
pub use log::{LogFormat, LogSettings, LogTarget};
pub use metrics::MetricsSettings;
pub use remote::{RemoteMode, RemoteSettings};
pub use runtime::RuntimeSettings;
pub use sentry::SentrySettings;
pub use serve::ServeSettings;
pub use velox::{ArtifactCacheSettings, CacheDir, RetrySettings, VeloxSettings};
pub use worker::{RESETTABLE, ResetSet, Sampling, WorkerSettings};
