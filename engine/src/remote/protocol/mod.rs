//! The protocol between a gateway and its clients: VelocityCache's, with additions that older clients ignore. Pure; any
//! thread.
//!
//! # Endpoints
//!
//! All but `/health` and `/metrics` need `Authorization: Bearer TOKEN`. Without the header the answer is 401, with
//! another scheme or an unknown token 403. Errors are `text/plain`.
//!
//! * `POST /v1/negotiate` ([`NEGOTIATE_PATH`]): [`NegotiateRequest`] in JSON. For one `hash` the answer is
//!   [`Negotiated`], or 404 for a download of an absent key; for `hashes` it is [`NegotiatedBatch`]. 400: no such
//!   request; 403: the token may not write.
//! * `PUT URL` of [`Negotiated::UploadNeeded`], with its `headers` and the artifact as body, of a known length. 200 or
//!   201: stored; 409 or 412: the key exists, because another client was first; 403: the token may not write, or the
//!   URL has expired; 413: too large; 400: the body has another checksum.
//! * `GET` and `HEAD` of the URL of [`Negotiated::Found`]: the artifact, with `Range`. The client compares the SHA-256
//!   with that of the negotiation, or of [`REPR_DIGEST`].
//! * `PUT`, `GET`, `HEAD` of `/v1/proxy/blob/{key}` ([`BLOB_PREFIX`]): the same through the gateway, without a
//!   negotiation. A PUT may have [`REPR_DIGEST`], which the gateway checks.
//! * `GET /health`: `{"status":"up"}`. `GET /metrics`: Prometheus's text format.
//!
//! The token belongs to the gateway: a client sends it to a URL of a negotiation only if scheme, host and port are
//! those of the gateway.
//!
//! # Layout
//!
//! * `checksum`: a SHA-256 in hexadecimal digits, base64 and as a header.
//! * `key`: the grammar of keys and namespaces. `negotiate`: requests and responses.

mod checksum;
mod key;
mod negotiate;

pub use checksum::Checksum;
pub use key::{Key, Namespace};
pub use negotiate::{Action, Item, NegotiateRequest, Negotiated, NegotiatedBatch, RequestError};

/// Path of the negotiation.
pub const NEGOTIATE_PATH: &str = "/v1/negotiate";
/// Path of an artifact behind the gateway, before its key.
pub const BLOB_PREFIX: &str = "/v1/proxy/blob/";
/// Keys of one negotiation at most.
pub const MAX_KEYS: usize = 1000;
/// Bytes of a negotiation's body at most.
pub const MAX_NEGOTIATION_BYTES: usize = 512 * 1024;
/// Header with the checksum of the whole artifact (RFC 9530), in requests and responses.
pub const REPR_DIGEST: &str = "repr-digest";
