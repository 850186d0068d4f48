//! The negotiation: which keys the gateway has, and from and to which URLs their artifacts go. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{Checksum, Key, MAX_KEYS};

/// The intention of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// To store artifacts that it has.
    Upload,
    /// To read artifacts.
    Download,
}

/// One key of a negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The key.
    pub hash: Key,
    /// Of an upload: the artifact's SHA-256. A client that sends it accepts [`Negotiated::UploadNeeded`] with headers,
    /// so its URL may be one of the object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Checksum>,
    /// Of an upload: the artifact's bytes. Required by the object storage together with `sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The body of a negotiation: `{"action":"download","hash":"KEY"}`, or `{"action":"download","hashes":["KEY",…]}`. In
/// place of a key, `hashes` may have an [`Item`]; a single upload may have `sha256` and `size` beside `hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// The intention for all keys.
    pub action: Action,
    /// The keys.
    pub items: Vec<Item>,
    /// Whether they were given as `hashes`, which have an answer each.
    pub is_batch: bool,
}

/// A body that is no negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// It is no JSON of this form, a key breaks the grammar, or there are more than [`MAX_KEYS`].
    InvalidBody,
    /// The action is neither `upload` nor `download`.
    InvalidAction,
}

impl RequestError {
    /// The text of the answer, which older clients know.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InvalidBody => "Invalid request body",
            Self::InvalidAction => "Invalid action",
        }
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    action: String,
    hash: Option<String>,
    hashes: Option<Vec<KeyOrItem>>,
    sha256: Option<Checksum>,
    size: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeyOrItem {
    Key(Key),
    Item(Item),
    Other(IgnoredAny),
}

impl NegotiateRequest {
    /// Parses a body. Unknown fields are ignored.
    ///
    /// # Errors
    /// It is no negotiation.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body = serde_json::from_slice(body).map_err(|_| RequestError::InvalidBody)?;
        let action = match body.action.as_str() {
            "upload" => Action::Upload,
            "download" => Action::Download,
            _ => return Err(RequestError::InvalidAction),
        };
        let (items, is_batch) = match (body.hash, body.hashes) {
            (Some(hash), None) => {
                let item = Key::parse(&hash).map(|hash| Item {
                    hash,
                    sha256: body.sha256,
                    size: body.size,
                });
                (item.map(|item| vec![item]), false)
            }
            (None, Some(hashes)) if hashes.len() <= MAX_KEYS => {
                let items = hashes.into_iter().map(|entry| match entry {
                    KeyOrItem::Key(hash) => Some(Item {
                        hash,
                        sha256: None,
                        size: None,
                    }),
                    KeyOrItem::Item(item) => Some(item),
                    KeyOrItem::Other(_) => None,
                });
                (items.collect(), true)
            }
            _ => (None, false),
        };
        Ok(Self {
            action,
            items: items.ok_or(RequestError::InvalidBody)?,
            is_batch,
        })
    }

    /// The body, as a client sends it: a single key in the form that older gateways know.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = match (self.is_batch, self.items.as_slice()) {
            (false, [item]) => {
                let mut value = serde_json::json!(item);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("action".into(), serde_json::json!(self.action));
                }
                value
            }
            (_, items) => serde_json::json!({"action": self.action, "hashes": items}),
        };
        value.to_string()
    }
}

/// The answer for one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Negotiated {
    /// The key is absent: the client sends the artifact there.
    UploadNeeded {
        /// The URL of a PUT, valid for minutes.
        url: String,
        /// Headers that the PUT must have, exactly so.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// The key exists: no upload.
    Skipped,
    /// The key exists.
    Found {
        /// The URL of a GET, valid for minutes.
        url: String,
        /// SHA-256 of the artifact, if the gateway knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Checksum>,
        /// Bytes of the artifact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    },
    /// The key is absent; of a download among `hashes`. A single one has status 404.
    Missing,
}

/// The answer for `hashes`: each key once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NegotiatedBatch {
    /// The answers by key.
    pub results: BTreeMap<Key, Negotiated>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<NegotiateRequest, RequestError> {
        NegotiateRequest::parse(body.as_bytes())
    }

    #[test]
    fn body_of_the_original_agent_is_understood() {
        let request = parse(r#"{"hash":"0a1b","action":"upload"}"#).unwrap();
        assert!(request.action == Action::Upload && !request.is_batch);
        assert_eq!(request.items[0].hash.as_str(), "0a1b");
    }

    #[test]
    fn body_is_read_as_written() {
        let item = |hash: &str, size: Option<u64>| Item {
            hash: Key::parse(hash).unwrap(),
            sha256: size.map(|_| Checksum([7; 32])),
            size,
        };
        for items in [
            vec![item("a", Some(9))],
            vec![item("a", None), item("b", Some(0))],
            vec![],
        ] {
            for is_batch in [true, items.len() != 1] {
                let action = Action::Upload;
                let request = NegotiateRequest {
                    action,
                    items: items.clone(),
                    is_batch,
                };
                assert_eq!(parse(&request.to_json()), Ok(request));
            }
        }
    }

    #[test]
    fn keys_of_a_batch_may_be_texts() {
        let request = parse(r#"{"action":"download","hashes":["a",{"hash":"b"}]}"#).unwrap();
        assert!(request.is_batch);
        assert_eq!(request.items.len(), 2);
    }

    #[test]
    fn other_bodies_are_refused_with_the_known_texts() {
        let many = format!(
            r#"{{"action":"upload","hashes":[{}"a"]}}"#,
            "\"a\",".repeat(MAX_KEYS)
        );
        for body in [
            "",
            "[]",
            "{\"action\":\"upload\"}",
            r#"{"action":"upload","hash":"../a"}"#,
            r#"{"action":"upload","hash":""}"#,
            r#"{"action":"upload","hash":"a","sha256":"zz"}"#,
            r#"{"action":"upload","hash":"a","hashes":["a"]}"#,
            r#"{"action":"upload","hashes":["a",7]}"#,
            r#"{"action":"upload","hashes":["a","/"]}"#,
            &many,
        ] {
            assert_eq!(parse(body), Err(RequestError::InvalidBody), "{body}");
        }
        for body in [r#"{"hash":"a"}"#, r#"{"hash":"a","action":"delete"}"#] {
            assert_eq!(parse(body), Err(RequestError::InvalidAction), "{body}");
        }
        assert_eq!(RequestError::InvalidAction.text(), "Invalid action");
    }

    #[test]
    fn answers_have_the_documented_form() {
        let json = |answer: &Negotiated| serde_json::to_string(answer).unwrap();
        assert_eq!(json(&Negotiated::Skipped), r#"{"status":"skipped"}"#);
        let url = "http://a/b".to_owned();
        let headers = BTreeMap::new();
        assert_eq!(
            json(&Negotiated::UploadNeeded {
                url: url.clone(),
                headers
            }),
            r#"{"status":"upload_needed","url":"http://a/b"}"#
        );
        let found = r#"{"status":"found","url":"http://a/b"}"#;
        let read: Negotiated = serde_json::from_str(found).unwrap();
        assert_eq!(json(&read), found);
    }
}
