//! The page with its style sheet, its script and its icon, embedded in the program. They are no secret: each client may
//! read them. Pure.

use std::sync::LazyLock;

use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use sha2::{Digest, Sha256};

use crate::http::{Response, empty, with_bytes};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// An embedded file.
#[derive(Debug)]
pub struct Asset {
    /// Its path after that of the dashboard.
    pub path: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    content_type: &'static str,
}

macro_rules! assets {
    ($($path:literal: $file:literal, $content_type:expr;)+) => {
        /// All files.
        pub const ASSETS: &[Asset] = &[$(Asset {
            path: $path,
            bytes: include_bytes!(concat!("assets/", $file)),
            content_type: $content_type,
        }),+];
    };
}

assets! {
    "": "index.html", HTML;
    "/style.css": "style.css", CSS;
    "/icon.svg": "icon.svg", SVG;
    "/app.js": "app.js", SCRIPT;
    "/js/api.js": "js/api.js", SCRIPT;
    "/js/dialog.js": "js/dialog.js", SCRIPT;
    "/js/dom.js": "js/dom.js", SCRIPT;
    "/js/format.js": "js/format.js", SCRIPT;
    "/js/spark.js": "js/spark.js", SCRIPT;
    "/js/table.js": "js/table.js", SCRIPT;
    "/js/views/artifacts.js": "js/views/artifacts.js", SCRIPT;
    "/js/views/builds.js": "js/views/builds.js", SCRIPT;
    "/js/views/cache.js": "js/views/cache.js", SCRIPT;
    "/js/views/metrics.js": "js/views/metrics.js", SCRIPT;
    "/js/views/overview.js": "js/views/overview.js", SCRIPT;
    "/js/views/sentry.js": "js/views/sentry.js", SCRIPT;
    "/js/views/workers.js": "js/views/workers.js", SCRIPT;
}

static ETAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let etag = |asset: &Asset| {
        let digest = Sha256::digest(asset.bytes);
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("\"{digits}\"")
    };
    ASSETS.iter().map(etag).collect()
});

impl Asset {
    /// The file at a path after that of the dashboard.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    /// The strong ETag: a hash of the content.
    #[must_use]
    pub fn etag(&self) -> &'static str {
        let position = ASSETS.iter().position(|asset| asset.path == self.path);
        let etag = position.and_then(|position| ETAGS.get(position));
        etag.map_or("", String::as_str)
    }

    /// The file, or 304 if the client has it.
    pub(super) fn response(&self, is_known: bool) -> Response {
        let mut response = match is_known {
            true => empty(StatusCode::NOT_MODIFIED),
            false => with_bytes(StatusCode::OK, self.bytes, self.content_type),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, HeaderValue::from_static(self.etag()));
        response
    }
}
