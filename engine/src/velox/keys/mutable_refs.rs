//! Mutable references of a request: those that can resolve to another commit later. Pure.

use crate::velox::protocol::{grammar::is_mutable, request::BuildRequest};

/// Returns the first mutable reference of a request, as the caller wrote it. An artifact of such a request has a
/// short lifetime.
#[must_use]
pub fn mutable_ref(request: &BuildRequest) -> Option<&str> {
    let replaced = request.replaces.iter().filter_map(|replace| {
        // Without a version it is a directory of the build server; its content may change at any time.
        match replace.new.rsplit_once('@') {
            Some((_, version)) => is_mutable(version).then_some(version),
            None => Some(replace.new.as_str()),
        }
    });
    std::iter::once(request.rr_version.as_str())
        .chain(request.plugins.iter().map(|plugin| plugin.tag.as_str()))
        .find(|reference| is_mutable(reference))
        .or_else(|| replaced.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mutable_reference_makes_the_request_mutable() {
        let request = |plugins: serde_json::Value, replaces: serde_json::Value| {
            BuildRequest::from_json(&serde_json::json!({
                "rr_version": "v2025.1.2", "plugins": plugins, "replaces": replaces,
            }))
            .unwrap()
        };
        let fixed = serde_json::json!([{"module_name": "m", "tag": "v1.0.0"}]);
        let branch = serde_json::json!([{"module_name": "m", "tag": "v1.0.0"}, {"module_name": "n", "tag": "main"}]);
        let none = serde_json::json!([]);
        assert_eq!(mutable_ref(&request(fixed.clone(), none.clone())), None);
        assert_eq!(mutable_ref(&request(branch, none)), Some("main"));
        let pinned = serde_json::json!([{"old": "m", "new": "n@v1.0.0"}]);
        assert_eq!(mutable_ref(&request(fixed.clone(), pinned)), None);
        let local = serde_json::json!([{"old": "m", "new": "./m"}]);
        assert_eq!(mutable_ref(&request(fixed, local)), Some("./m"));
    }
}
