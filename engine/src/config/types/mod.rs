//! The types of settings, and the parsers of their texts.

mod delivery_url;
pub mod dsn;
pub mod duration;
mod listen;
pub(super) mod metric;
mod paths;
pub(super) mod policy;
mod redis_url;
pub mod size;
pub(crate) mod suggest;
pub(super) mod text;
mod value;
mod value_type;

pub use delivery_url::DeliveryUrl;
pub use dsn::Dsn;
pub use listen::ListenAddress;
pub use metric::{MetricList, RefusedMetric};
pub use paths::RelativeTo;
pub(super) use paths::{PathBase, parse_pair};
pub use policy::{Policy, ValueFormat, WriteMode};
pub use redis_url::{RedisTarget, RedisUrl};
pub use size::MIB;
pub use value::Value;
pub use value_type::ValueType;
