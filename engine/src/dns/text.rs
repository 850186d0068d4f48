//! Evaluates `resolv.conf` and `hosts` for one host. Any thread.

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;
use resolv_conf::Config;

/// Returns the full names to query for a host, in order. Invalid names, caused by an invalid search domain, are left
/// out.
pub(super) fn candidates(config: &Config, host: &str) -> Vec<Name> {
    let mut search: Vec<String> = config.get_last_search_or_domain().cloned().collect();
    if search.is_empty() {
        // The domain of the machine's own name.
        search.extend(config.get_system_domain());
    }
    let dots = host.matches('.').count();
    let whole = format!("{}.", host.trim_end_matches('.'));
    let is_whole = host.ends_with('.') || whole == "localhost." || whole.ends_with(".localhost.");
    let mut names = Vec::new();
    if !is_whole {
        names = search
            .iter()
            .map(|domain| format!("{host}.{domain}"))
            .collect();
    }
    if is_whole || dots >= config.ndots as usize {
        names.insert(0, whole);
    } else if dots > 0 || !config.no_tld_query {
        names.push(whole);
    }
    let named = names.iter().filter_map(|name| {
        let mut name = Name::from_str_relaxed(name).ok()?;
        name.set_fqdn(true);
        Some(name)
    });
    named.collect()
}

/// Returns the addresses of a host in a text of `/etc/hosts`.
pub(super) fn hosts_entries(hosts: &[u8], host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let text = String::from_utf8_lossy(hosts);
    let of_line = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|name| name.eq_ignore_ascii_case(host))
            .then_some(address)
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(text: &str, host: &str) -> Vec<String> {
        let (config, _) = Config::parse_with_errors(text.as_bytes());
        candidates(&config, host)
            .iter()
            .map(Name::to_string)
            .collect()
    }

    #[test]
    fn names_are_completed_like_the_c_library() {
        let search = "search corp.example a..b -- lab.example.\n";
        assert_eq!(
            queries(search, "velox"),
            ["velox.corp.example.", "velox.lab.example.", "velox."]
        );
        assert_eq!(
            queries("search corp.example\n", "velox.internal"),
            ["velox.internal.", "velox.internal.corp.example."]
        );
        assert_eq!(
            queries(
                "search corp.example\noptions ndots:2 no-tld-query\n",
                "velox.internal"
            ),
            ["velox.internal.corp.example.", "velox.internal."]
        );
        assert_eq!(
            queries("search corp.example\noptions no-tld-query\n", "velox"),
            ["velox.corp.example."]
        );
        // The last of `domain` and `search` applies.
        assert_eq!(
            queries(
                "domain one.example\nsearch two.example\ndomain three.example\n",
                "velox"
            )[0],
            "velox.three.example."
        );
        for whole in ["velox.internal.", "localhost", "a.localhost"] {
            assert_eq!(queries(search, whole).len(), 1, "{whole}");
        }
        assert_eq!(queries(search, "my_service")[0], "my_service.corp.example.");
        assert!(queries(search, &"x".repeat(64)).is_empty());
    }

    #[test]
    fn hosts_file_is_parsed() {
        let text = "\n127.0.0.1 localhost\n# 192.0.2.9 velox\n::1 Velox velox.internal # a comment\n192.0.2.7\tother  VELOX\nnonsense velox\n192.0.2.8\n";
        let velox: Vec<IpAddr> = vec!["::1".parse().unwrap(), "192.0.2.7".parse().unwrap()];
        assert_eq!(hosts_entries(text.as_bytes(), "velox"), velox);
        assert_eq!(
            hosts_entries(text.as_bytes(), "velox.internal."),
            &velox[..1]
        );
        assert!(hosts_entries(text.as_bytes(), "comment").is_empty());
        assert!(hosts_entries(b"\xff\xfe velox\n", "velox").is_empty());
    }
}
