//! The metrics of a gateway of remote artifacts, with the names of the VelocityCache server. They are on the page of
//! the gateway, not on that of the host.

use super::{declare::metrics, family::Label};

const OPERATION: &[Label] = &[
    Label {
        name: "operation",
        values: &["upload", "download"],
    },
    Label {
        name: "result",
        values: &["needed", "skipped", "hit", "miss", "error"],
    },
];
const REQUEST: &[Label] = &[
    Label {
        name: "method",
        values: &["GET", "HEAD", "PUT", "POST", "OPTIONS"],
    },
    Label {
        name: "status",
        values: &[
            "200", "201", "202", "204", "206", "304", "400", "401", "403", "404", "405", "408",
            "409", "411", "412", "413", "416", "500", "503", "507",
        ],
    },
];
const DIRECTION: &[Label] = &[Label {
    name: "direction",
    values: &["in", "out"],
}];
const REMOVED: &[Label] = &[Label {
    name: "reason",
    values: &["expired", "lru"],
}];
const REFUSED: &[Label] = &[Label {
    name: "reason",
    values: &["exists", "checksum", "signature", "storage"],
}];
/// The default buckets of Prometheus's Go client, and finer ones below.
const SECONDS: &[f64] = &[
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

metrics! {
    process counter HITS("vc_cache_hits"): "Downloads of a key that exists.";
    process counter MISSES("vc_cache_misses"): "Downloads of a key that is absent.";
    process histogram NEGOTIATION("vc_negotiation_latency", buckets = SECONDS):
        "Seconds from a negotiation to its answer.";
    process counter OPERATIONS("vc_cache_operations_total", labels = OPERATION):
        "Keys that clients asked for.";
    process histogram REQUESTS("vc_http_duration_seconds", labels = REQUEST, buckets = SECONDS):
        "Time from a request to the head of its answer.";
    process counter BYTES("vc_proxy_bytes_total", labels = DIRECTION):
        "Bytes of artifacts that passed through the gateway.";
    process counter REMOVED_OBJECTS("vc_removed_total", labels = REMOVED):
        "Artifacts that the gateway removed.";
    process counter REFUSED_UPLOADS("vc_refused_total", labels = REFUSED):
        "Uploads and downloads that the gateway refused: the key exists, a checksum or a signature is wrong, the \
         storage fails.";
}

/// Renders the page of a gateway.
#[must_use]
pub fn render(format: super::Format) -> String {
    let none = super::Samples::default();
    let families: Vec<_> = ALL
        .iter()
        .map(|metric| metric.description().family(metric.samples(&none)))
        .collect();
    super::render(&families, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_the_names_of_the_velocity_cache_server() {
        OPERATIONS.inc_for(&["download", "hit"]);
        let page = render(crate::metrics::Format::Prometheus);
        for line in [
            "# TYPE vc_cache_hits counter\n",
            "# TYPE vc_cache_misses counter\n",
            "# TYPE vc_negotiation_latency histogram\n",
            "vc_cache_operations_total{operation=\"download\",result=\"hit\"} ",
            "vc_http_duration_seconds_count{method=\"PUT\",status=\"200\"} ",
            "vc_proxy_bytes_total{direction=\"in\"} ",
        ] {
            assert!(page.contains(line), "{line}");
        }
    }
}
