//! The part of the Protocol Buffers wire format that the fake needs: the deterministic encoding under the server's
//! hash, and the violations message inside an error.

use super::message::{BuildRequest, Pair};

/// Writes fields in the order of the calls.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// A number or enum, even 0: the caller omits defaults.
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    /// A text; omitted if it is empty.
    pub(super) fn text(&mut self, field: u64, value: &str) {
        if !value.is_empty() {
            self.delimited(field, value.as_bytes());
        }
    }

    /// A nested message, even if it is empty.
    pub(super) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.delimited(field, &inner.0);
    }

    fn delimited(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

/// The hash of a build on the server, as in "v3": FNV-64a over the request without `request_id` and `force_rebuild`,
/// lists sorted. Hexadecimal without leading zeros, so it can have fewer than 16 digits. `platform` is the default for
/// an absent target platform.
pub(super) fn hash(request: &BuildRequest, platform: &Pair) -> String {
    let mut writer = Writer::default();
    writer.text(2, &request.rr_version);
    let fields: [(u64, &[Pair]); 3] = [
        (5, &request.plugins),
        (6, &request.replaces),
        (7, &request.excludes),
    ];
    let pair = |writer: &mut Writer, pair: &Pair| {
        writer.text(1, &pair.first);
        writer.text(2, &pair.second);
    };
    writer.message(4, |inner| {
        pair(inner, request.platform.as_ref().unwrap_or(platform))
    });
    for (field, list) in fields {
        let mut sorted: Vec<&Pair> = list.iter().collect();
        if field == 6 {
            // The server sorts replacements only by the replaced module, and keeps the given order among equals.
            sorted.sort_by(|a, b| a.second.cmp(&b.second));
        } else {
            sorted.sort();
        }
        for item in sorted {
            writer.message(field, |inner| pair(inner, item));
        }
    }
    for (field, set) in [(8, request.race), (9, request.debug)] {
        if set {
            writer.number(field, 1);
        }
    }
    format!("{:x}", fnv64a(&writer.0))
}

/// Fowler–Noll–Vo, 64 bits, variant 1a.
pub(super) fn fnv64a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(first: &str, second: &str) -> Pair {
        Pair {
            first: first.into(),
            second: second.into(),
        }
    }

    fn sample() -> BuildRequest {
        BuildRequest {
            request_id: "req-1".into(),
            rr_version: "v2025.1.0".into(),
            platform: Some(pair("linux", "amd64")),
            plugins: vec![
                pair("github.com/roadrunner-server/http/v6", "v6.1.0"),
                pair("github.com/roadrunner-server/logger/v6", "v6.1.0"),
                pair("github.com/roadrunner-server/rpc/v6", "v6.0.0"),
            ],
            replaces: vec![
                pair("../bar", "github.com/foo/bar"),
                pair("../qux", "github.com/baz/qux"),
            ],
            excludes: vec![
                pair("github.com/redis/go-redis/v9", "v9.15.0"),
                pair("github.com/aaa/bbb", "v1.0.0"),
            ],
            ..Default::default()
        }
    }

    /// The expected values come from the real server, for the same requests.
    #[test]
    fn hash_equals_that_of_the_real_server() {
        let host = pair("linux", "amd64");
        assert_eq!(hash(&sample(), &host), "40c747bfb5daf205");
        let both = BuildRequest {
            race: true,
            debug: true,
            ..sample()
        };
        assert_eq!(hash(&both, &host), "7dba65021b7f0495");
        let bare = BuildRequest {
            rr_version: "master".into(),
            platform: Some(Pair::default()),
            plugins: vec![Pair::default()],
            ..Default::default()
        };
        assert_eq!(hash(&bare, &host), "7117c3a427040087");
        let documented = BuildRequest {
            rr_version: "v2025.1.2".into(),
            plugins: vec![
                pair("github.com/roadrunner-server/http/v5", "v5.2.7"),
                pair("github.com/roadrunner-server/grpc/v5", "v5.1.0"),
            ],
            ..Default::default()
        };
        assert_eq!(hash(&documented, &host), "caca668174db4a8c");
    }

    #[test]
    fn hash_ignores_request_id_and_order_only() {
        let host = pair("linux", "amd64");
        let base = hash(&sample(), &host);
        let mut same = BuildRequest {
            request_id: "other".into(),
            force_rebuild: true,
            platform: None,
            ..sample()
        };
        same.plugins.reverse();
        same.replaces.reverse();
        same.excludes.reverse();
        assert_eq!(hash(&same, &host), base);
        assert_ne!(hash(&same, &pair("darwin", "arm64")), base);
        let mut other = sample();
        other.plugins[0].second = "v6.1.1".into();
        assert_ne!(hash(&other, &host), base);
    }
}
