//! A binary that PHP sends itself: ranges and conditions of the client's request. On PHP's thread, which is busy
//! until the client has the bytes.

use super::{
    Header,
    client::Client,
    preconditions::Selection,
    range::Range,
    respond::Delivery,
    response::{Body, Response},
    validators,
};
use crate::{Error, Result, artifacts::Artifact, metrics::delivery as metrics};

impl Delivery<'_> {
    /// Sends the file by PHP.
    pub(super) fn stream(
        &self,
        artifact: &Artifact,
        mut headers: Vec<Header>,
        client: &Client<'_>,
    ) -> Result<Response> {
        let size = artifact.record.size;
        let Some(file) = self.velox.open(artifact)? else {
            return Err(Error::State("the binary was removed meanwhile".into()));
        };
        let is_read = matches!(&*client.method, "GET" | "HEAD");
        let selection = match is_read {
            true => {
                let is_get = client.method == "GET";
                validators(&artifact.record).select(client.header, size, is_get)
            }
            false => Selection::Bytes(Range::Whole),
        };
        if client.can_slice && is_read {
            headers.push(("Accept-Ranges", "bytes".into()));
        }
        let range = match selection {
            Selection::NotModified => {
                return Ok(Response::new(304, headers, Body::Empty));
            }
            Selection::Failed => return Ok(Response::new(412, headers, Body::Empty)),
            Selection::Bytes(Range::Unsatisfiable) if client.can_slice => {
                headers.push(("Content-Range", format!("bytes */{size}")));
                return Ok(Response::new(416, headers, Body::Empty));
            }
            Selection::Bytes(range) if client.can_slice => range,
            Selection::Bytes(_) => Range::Whole,
        };
        let status = match range {
            Range::Part { first, last } => {
                headers.push(("Content-Range", format!("bytes {first}-{last}/{size}")));
                206
            }
            _ => 200,
        };
        let (start, len) = range.span(size);
        headers.push(("Content-Length", len.to_string()));
        metrics::RESPONSES.inc_for(&["stream"]);
        let body = Body::File { file, start, len };
        Ok(Response::new(status, headers, body))
    }
}
