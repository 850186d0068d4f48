//! All sections: the settings as the modules use them, typed and in range, and the table of their descriptions. Created
//! once by [`super::resolve()`] and shared unchanged by all threads of the process.

use super::{
    row::Row,
    sections::{
        self, ApcuSettings, CacheSettings, DeliverySettings, GatewaySettings, HostSettings,
        LogSettings, MetricsSettings, RemoteSettings, RuntimeSettings, Section, SentrySettings,
        ServeSettings, Values, VeloxSettings, WorkerSettings,
    },
    setting::{Capability, Setting},
    types::{RelativeTo, ValueType},
};

/// The setting that names the file; it is no field, because it has no effect after the file is read.
pub(super) const FILE: Setting =
    Row::new(ValueType::Path(RelativeTo::WorkingDirectory), None, |_| ())
        .named(
            "config",
            None,
            Capability::Config,
            "A YAML file with further settings; unset: no file. It may be RoadRunner's own `.rr.yaml`: sections that \
             are not on this page are ignored.",
        )
        .setting;

macro_rules! sections {
    ($($title:literal: $(#[$attribute:meta])* $field:ident: $Section:ty,)+) => {
        /// All settings.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($(#[$attribute])* pub $field: $Section,)+
        }

        impl Settings {
            pub(super) fn from_values(values: &Values<'_>) -> Self {
                Self { $($field: Section::from_values(values),)+ }
            }
        }

        #[cfg(test)]
        /// The titles of the documentation page with their settings.
        pub(super) const SECTIONS: &[(&str, &[Setting])] = &[
            ("Configuration file", &[FILE]),
            $(($title, <$Section>::SETTINGS),)+
        ];

        /// All settings, in the order of the documentation; the file comes first.
        pub const TABLE: &[Setting] = {
            const TABLES: &[&[Setting]] = &[&[FILE], $(<$Section>::SETTINGS,)+];
            &sections::concat::<{ sections::count(TABLES) }>(TABLES)
        };
    };
}

sections! {
    "Background work":
    /// Threads and shutdown.
    runtime: RuntimeSettings,
    "Directories":
    /// Directories that the processes of this machine share.
    host: HostSettings,
    "Logs":
    /// Destination and format of log lines.
    log: LogSettings,
    "Velox":
    /// Builds and their cache.
    velox: VeloxSettings,
    "Remote artifacts":
    /// The gateway that several hosts share.
    remote: RemoteSettings,
    "Delivery":
    /// Delivery of binaries to clients of HTTP.
    delivery: DeliverySettings,
    "Sentry":
    /// The Sentry transport.
    sentry: SentrySettings,
    "Shared cache":
    /// Values that all processes of this machine share.
    cache: CacheSettings,
    "Module apcu":
    /// Functions of another extension over it.
    apcu: ApcuSettings,
    "Metrics":
    /// Metrics that PHP code names.
    metrics: MetricsSettings,
    "Worker mode":
    /// Actions between two requests of a worker.
    worker: WorkerSettings,
    "Standing server":
    /// The server of the host.
    serve: ServeSettings,
    "Gateway of remote artifacts":
    /// The gateway of a store that several hosts share.
    gateway: GatewaySettings,
}
