//! Asks the gateway for many keys at once. A gateway that knows single keys only is asked for each. Runs on the
//! runtime.

use std::collections::BTreeMap;

use reqwest::{Response, StatusCode};

use super::{
    core::{Client, Direction},
    http::Failure,
};
use crate::{
    Result,
    remote::protocol::{
        Action, Item, Key, MAX_KEYS, NEGOTIATE_PATH, NegotiateRequest, Negotiated, NegotiatedBatch,
    },
};

/// Bytes of an answer at most: a thousand keys, each with a signed URL and its headers.
const MAX_ANSWER: usize = 8 << 20;

impl Client {
    /// Asks for keys; the answer has each of them. Of an upload, an item with `sha256` and `size` may get a URL of the
    /// storage.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) and [`Error::Timeout`](crate::Error::Timeout): the gateway fails, or has
    /// failed a moment ago; the token is not valid.
    pub async fn negotiate(
        &self,
        action: Action,
        items: &[Item],
    ) -> Result<BTreeMap<Key, Negotiated>> {
        let direction = match action {
            Action::Download => Direction::Read,
            Action::Upload => Direction::Write,
        };
        let asking = || async {
            let mut results = BTreeMap::new();
            for items in items.chunks(MAX_KEYS) {
                match self.ask_for_all(action, items).await? {
                    Some(batch) => results.extend(batch),
                    None => {
                        for item in items {
                            let negotiated = self.ask(action, item.clone()).await?;
                            results.insert(item.hash.clone(), negotiated);
                        }
                    }
                }
            }
            Ok(results)
        };
        self.call(direction, asking).await
    }

    /// One negotiation of all items; `None` if the gateway does not know these.
    async fn ask_for_all(
        &self,
        action: Action,
        items: &[Item],
    ) -> Result<Option<BTreeMap<Key, Negotiated>>, Failure> {
        let request = NegotiateRequest {
            action,
            items: items.to_vec(),
            is_batch: true,
        };
        let response = self.http.post(NEGOTIATE_PATH, request.to_json()).await?;
        if response.status() == StatusCode::BAD_REQUEST {
            return Ok(None);
        }
        let Some(body) = self.answer(action, response).await? else {
            return Ok(None);
        };
        let batch: Option<NegotiatedBatch> = serde_json::from_slice(&body).ok();
        let has_all = |batch: &NegotiatedBatch| {
            let known = |item: &Item| batch.results.contains_key(&item.hash);
            items.iter().all(known)
        };
        Ok(batch.filter(has_all).map(|batch| batch.results))
    }

    /// The negotiation of one key.
    pub(super) async fn ask(&self, action: Action, item: Item) -> Result<Negotiated, Failure> {
        let request = NegotiateRequest {
            action,
            items: vec![item],
            is_batch: false,
        };
        let response = self.http.post(NEGOTIATE_PATH, request.to_json()).await?;
        match (self.answer(action, response).await?, action) {
            (Some(body), _) => {
                let negotiated = serde_json::from_slice(&body);
                negotiated.map_err(|_| self.http.broken("its answer is not understood"))
            }
            (None, Action::Download) => Ok(Negotiated::Missing),
            (None, Action::Upload) => Err(self.no_gateway()),
        }
    }

    /// The body of an answer; `None`: the gateway does not have the key.
    async fn answer(&self, action: Action, response: Response) -> Result<Option<Vec<u8>>, Failure> {
        let status = response.status();
        if !matches!(status, StatusCode::OK | StatusCode::NOT_FOUND) {
            return Err(self.refused_negotiation(action, response).await);
        }
        let body = self.http.read(response, MAX_ANSWER).await?;
        // Other servers have a page for what is absent.
        let is_missing = || {
            body.trim_ascii().eq_ignore_ascii_case(b"not found")
                || matches!(serde_json::from_slice(&body), Ok(Negotiated::Missing))
        };
        match status {
            StatusCode::OK => Ok(Some(body)),
            _ if is_missing() => Ok(None),
            _ => Err(self.no_gateway()),
        }
    }

    fn no_gateway(&self) -> Failure {
        let reason = "it answers with 404; is this the URL of a gateway?";
        self.http.broken(reason)
    }

    /// Only the size may be a problem of this artifact: the rest of the request is the same for every key.
    async fn refused_negotiation(&self, action: Action, response: Response) -> Failure {
        let status = response.status();
        let doing = match action {
            Action::Download => "a lookup",
            Action::Upload => "an upload",
        };
        match self.http.refused(doing, response).await {
            Failure::Artifact(error) if status != StatusCode::PAYLOAD_TOO_LARGE => {
                Failure::Gateway(error)
            }
            other => other,
        }
    }
}
