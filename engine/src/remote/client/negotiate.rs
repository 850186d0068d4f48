//! Asks the gateway for many keys at once. A gateway that knows single keys only is asked for each. Runs on the
//! runtime.

use std::collections::BTreeMap;

use reqwest::StatusCode;

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
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::FORBIDDEN => {
                return Err(self.forbidden(response).await);
            }
            _ => return Err(self.http.refused("a negotiation", response).await),
        }
        let body = self.http.read(response, MAX_ANSWER).await?;
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
        match (response.status(), action) {
            (StatusCode::OK, _) => {}
            (StatusCode::NOT_FOUND, Action::Download) => return Ok(Negotiated::Missing),
            (StatusCode::FORBIDDEN, _) => return Err(self.forbidden(response).await),
            _ => return Err(self.http.refused("a negotiation", response).await),
        }
        let body = self.http.read(response, MAX_ANSWER).await?;
        let negotiated = serde_json::from_slice(&body);
        negotiated.map_err(|_| self.http.broken("its negotiation is not understood"))
    }

    /// A token that may not do this may not do it for any key.
    async fn forbidden(&self, response: reqwest::Response) -> Failure {
        match self.http.refused("a negotiation", response).await {
            Failure::Artifact(error) => Failure::Gateway(error),
            other => other,
        }
    }
}
