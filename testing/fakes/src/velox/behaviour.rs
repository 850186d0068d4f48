//! One scripted behaviour of the server: its condition, its number of uses, its answer, and its transport. The same
//! types are the Rust interface, the control endpoint's JSON and the script file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use crate::http::Delivery;

/// A condition on build requests: all given fields must match. A text that ends in `*` compares the part before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The RoadRunner version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rr_version: Option<String>,
    /// A plugin's tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One behaviour. The first one that matches a request and is not used up applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The condition; an empty one matches all requests.
    pub when: When,
    /// Number of matching requests to skip first.
    pub skip: u32,
    /// Number of requests that it applies to; unlimited by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Duration of the build in milliseconds; by default the server's delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Then the build waits until `POST /_control/release` names this: a test controls the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_released: Option<String>,
    /// The answer.
    pub answer: Answer,
    /// Faults of the transport.
    pub delivery: Delivery,
}

impl From<Answer> for Behaviour {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            ..Self::default()
        }
    }
}

impl From<Delivery> for Behaviour {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery,
            ..Self::default()
        }
    }
}

impl Behaviour {
    /// Limits it to that many requests.
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Sets the duration of the build.
    pub fn delay(self, time: Duration) -> Self {
        Self {
            delay_ms: Some(time.as_millis() as u64),
            ..self
        }
    }
}
