//! One thing that the server can be told to do: for which requests, how often, what to answer, and how to put it onto
//! the wire. The same types are the Rust interface, the control endpoint's JSON and the script file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use crate::http::Delivery;

/// Which build requests a behaviour is for: all that is given has to hold. A text that ends in `*` compares the part
/// before it. `module` and `tag` have to hold for one and the same plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// The RoadRunner version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rr_version: Option<String>,
    /// A plugin's module name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// A plugin's tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `force_rebuild`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

/// One thing the server is told to do. The first one that fits a request and is not used up is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Which requests; all where empty.
    pub when: When,
    /// Let that many fitting requests pass first.
    pub skip: u32,
    /// For so many requests; without a limit where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// For so many milliseconds after its first use; without a limit where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// How long the build takes, in milliseconds; the server's own delay where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// After that the build goes on only once `POST /_control/release` has named this: a test decides the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_released: Option<String>,
    /// Go on building and answer although the client left, as the releases before "v3" do.
    pub keep_building: bool,
    /// What to answer.
    pub answer: Answer,
    /// How to send it.
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
    /// Only for requests of which that holds.
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Only for so many requests.
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Only for so long after its first use.
    pub fn lasting(self, time: Duration) -> Self {
        Self {
            for_ms: Some(time.as_millis() as u64),
            ..self
        }
    }

    /// The build takes so long.
    pub fn delay(self, time: Duration) -> Self {
        Self {
            delay_ms: Some(time.as_millis() as u64),
            ..self
        }
    }
}
