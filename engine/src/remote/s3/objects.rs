//! Reads and writes objects. Runs on the runtime.

use std::{
    fs::File,
    sync::{Arc, atomic::AtomicU64},
};

use reqwest::{StatusCode, header};

use super::{
    OWN_LIFETIME, Put, S3Download, S3Object, S3Store, pair,
    request::{MAX_ATTEMPTS, is_transient, pause, refused, silent, unanswered},
    sign::encode,
};
use crate::{
    Result,
    backoff::Jitter,
    remote::{
        file_body::{FileBody, stall},
        object::{Metadata, ObjectName},
    },
};

impl S3Store {
    /// Finds an object; `None` if it is absent.
    ///
    /// # Errors
    /// [`crate::Error::Remote`]: the storage fails, or denies access.
    pub async fn find(&self, name: &ObjectName) -> Result<Option<S3Object>> {
        let response = self.request("HEAD", &self.key(name), &[], &[]).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Ok(self.object(&response)),
            _ => Err(refused(response, "HEAD").await),
        }
    }

    /// Reads an object that was found, or a part of it by the value of a `Range` header; `None` if it is absent, or
    /// another one by now.
    ///
    /// # Errors
    /// As [`S3Store::find`].
    pub async fn get(
        &self,
        name: &ObjectName,
        object: &S3Object,
        range: Option<&str>,
    ) -> Result<Option<S3Download>> {
        let mut headers = vec![("if-match", object.etag.as_str())];
        headers.extend(range.map(|range| ("range", range)));
        let response = self.request("GET", &self.key(name), &[], &headers).await?;
        let expected = match range {
            None => StatusCode::OK,
            // The answer of a storage that knows no parts is the whole object.
            Some(_) => StatusCode::PARTIAL_CONTENT,
        };
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED => Ok(None),
            status if status == expected => Ok(Some(S3Download {
                response,
                idle_timeout: self.idle_timeout,
            })),
            _ => Err(refused(response, "GET").await),
        }
    }

    /// Stores the first bytes of a file, unless the object exists.
    ///
    /// # Errors
    /// As [`S3Store::find`].
    pub async fn put(&self, name: &ObjectName, file: File, metadata: &Metadata) -> Result<Put> {
        let headers = self.upload_headers(metadata);
        let signed: Vec<(&str, &str)> = headers.iter().map(pair).collect();
        let key = self.key(name);
        let file = Arc::new(file);
        let mut jitter = Jitter::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let url = self.url(&self.own, "PUT", &key, &[], &signed, OWN_LIFETIME);
            let progress = Arc::new(AtomicU64::new(0));
            let body = FileBody::new(Arc::clone(&file), metadata.size, Arc::clone(&progress));
            let mut request = self.http.put(url).body(reqwest::Body::wrap(body));
            for (name, value) in &signed {
                request = request.header(*name, *value);
            }
            let request = request.header(header::CONTENT_LENGTH, metadata.size);
            let sent = tokio::select! {
                sent = request.send() => sent.map_err(unanswered),
                () = stall(&progress, self.idle_timeout) => Err(silent(self.idle_timeout)),
            };
            let is_last = attempt == MAX_ATTEMPTS;
            match sent {
                Ok(response) if response.status().is_success() => return Ok(Put::Stored),
                Ok(response) if response.status() == StatusCode::PRECONDITION_FAILED => {
                    // The answer to an earlier attempt may have been lost.
                    let found = match attempt {
                        1 => None,
                        _ => self.find(name).await?,
                    };
                    let is_own = found.is_some_and(|found| found.metadata == *metadata);
                    return Ok(if is_own { Put::Stored } else { Put::Exists });
                }
                Ok(response) if response.status() == StatusCode::CONFLICT && is_last => {
                    return Ok(Put::Exists);
                }
                Ok(response)
                    if is_last
                        || !is_transient(response.status())
                            && response.status() != StatusCode::CONFLICT =>
                {
                    return Err(refused(response, "PUT").await);
                }
                Err(error) if is_last => return Err(error),
                _ => pause(&mut jitter, attempt).await,
            }
        }
    }

    /// Removes an object.
    ///
    /// # Errors
    /// As [`S3Store::find`].
    pub async fn remove(&self, name: &ObjectName) -> Result<()> {
        let response = self.request("DELETE", &self.key(name), &[], &[]).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refused(response, "DELETE").await),
        }
    }

    /// Records the use of an object. The storage's own time of the last change is all that a listing has, so the object
    /// is copied onto itself.
    ///
    /// # Errors
    /// As [`S3Store::find`].
    pub async fn touch(&self, name: &ObjectName, object: &S3Object) -> Result<()> {
        let key = self.key(name);
        let source = encode(&format!("{}/{key}", self.bucket), true);
        let mut headers = self.record_headers(&object.metadata);
        let prefix = self.provider.header_prefix();
        headers.insert(format!("{prefix}copy-source"), source);
        headers.insert(format!("{prefix}metadata-directive"), "REPLACE".into());
        headers.insert(format!("{prefix}copy-source-if-match"), object.etag.clone());
        let headers: Vec<(&str, &str)> = headers.iter().map(pair).collect();
        let response = self.request("PUT", &key, &[], &headers).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED => Ok(()),
            _ => Err(refused(response, "copying").await),
        }
    }
}
