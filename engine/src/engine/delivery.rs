//! The response of PHP to a request for a binary, with the parts of this process. On PHP's thread.

use super::Engine;
use crate::{
    Result,
    host::secret::Secret,
    velox::{
        BuildRequest,
        delivery::{Client, Delivery, Response, StoredRequests},
    },
};

impl Engine {
    /// Answers a client's request for a binary, errors included. Waits for no build.
    #[must_use]
    pub fn respond(&self, request: Result<BuildRequest>, client: &Client<'_>) -> Response {
        let mut request_id = String::new();
        let response = request.and_then(|request| {
            request_id.clone_from(&request.request_id);
            self.try_respond(&request, client)
        });
        let response = response.unwrap_or_else(|error| {
            log::warn!(request_id = request_id, error:%; "request for a binary answered with an error");
            Response::error(&error, &request_id)
        });
        match &*client.method {
            "HEAD" => response.without_body(),
            _ => response,
        }
    }

    fn try_respond(&self, request: &BuildRequest, client: &Client<'_>) -> Result<Response> {
        let dirs = self.dirs()?;
        let requests = StoredRequests::new(&dirs.run);
        let delivery = Delivery {
            settings: &self.settings().delivery,
            velox: self.velox()?,
            store: &|request| {
                requests.put(request).or_else(|_| {
                    // `run_dir` was removed meanwhile, or can't be written.
                    dirs.restore()?;
                    requests.put(request)
                })
            },
            secret: &|| {
                Secret::of_host(&dirs.state).or_else(|_| {
                    dirs.restore()?;
                    Secret::of_host(&dirs.state)
                })
            },
            is_served: &|| self.has_server(),
            // The build goes on without its job.
            build: &|request| self.start_build(request, None, None).map(drop),
        };
        delivery.respond(request, client)
    }
}
