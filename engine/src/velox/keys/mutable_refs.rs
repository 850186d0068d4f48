//! References with a mutable target. A release tag, a pseudo-version and a full commit hash are immutable; `master`,
//! `latest`, a branch, `v5` and an abbreviated hash are mutable.

use crate::velox::protocol::request::Request;

/// Returns the first mutable reference of a request, as the caller wrote it. An artifact of such a request has a
/// short lifetime.
#[must_use]
pub fn mutable_ref(request: &Request) -> Option<&str> {
    let replaced = request.replaces.iter().filter_map(|replace| {
        // Without a version it is a directory of the build server; its content may change at any time.
        match replace.new.rsplit_once('@') {
            Some((_, version)) => (!is_fixed(version)).then_some(version),
            None => Some(replace.new.as_str()),
        }
    });
    std::iter::once(request.rr_version.as_str())
        .chain(request.plugins.iter().map(|plugin| plugin.tag.as_str()))
        .find(|reference| !is_fixed(reference))
        .or_else(|| replaced.into_iter().next())
}

fn is_fixed(reference: &str) -> bool {
    is_commit(reference) || is_semver(reference.strip_prefix('v').unwrap_or(reference))
}

fn is_commit(reference: &str) -> bool {
    reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Matches `MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD]` (semver.org, version 2).
fn is_semver(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match text.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (text, None),
    };
    let dotted = |part: &str| {
        part.split('.').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers
            .iter()
            .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        && pre.is_none_or(dotted)
        && build.is_none_or(dotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_pseudo_versions_and_full_hashes_are_fixed() {
        for fixed in [
            "v2025.1.2",
            "5.2.7",
            "v1.2.3-rc.1",
            "v1.2.3+incompatible",
            "v0.0.0-20241231235959-abcdef012345",
            &"a1".repeat(20),
        ] {
            assert!(is_fixed(fixed), "{fixed}");
        }
        for mutable in [
            "master",
            "latest",
            "v5",
            "v5.1",
            "v1.2.3.4",
            "v1.2.x",
            "abcdef0",
            "v1.2.3-",
            "v1.2.3 x",
            "",
            "feature/x",
        ] {
            assert!(!is_fixed(mutable), "{mutable}");
        }
    }

    #[test]
    fn one_mutable_reference_makes_the_request_mutable() {
        let request = |plugins: serde_json::Value, replaces: serde_json::Value| {
            Request::from_json(&serde_json::json!({
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
