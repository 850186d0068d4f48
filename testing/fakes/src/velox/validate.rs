//! The rules of the real server's proto file, and the error that reports violations: one line or several for people, a
//! `buf.validate.Violations` message in binary and in JSON for programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::message::{BuildRequest, EXCLUDE, PLUGIN, Pair, REPLACE};
use super::prototext;
use super::wire::Writer;

const TEXT: u64 = 9;
const MESSAGE: u64 = 11;
const BOOL: u64 = 8;

/// One step of a path to a field or a rule: number, name, type, index in a list.
type Step = (u64, &'static str, u64, Option<u64>);

#[derive(Clone, Copy)]
enum Rule {
    Required,
    EmptyUuid,
    Uuid,
    Version,
}

impl Rule {
    fn id(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::EmptyUuid => "string.uuid_empty",
            Self::Uuid => "string.uuid",
            Self::Version => "rr_version.format",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Required => "value is required",
            Self::EmptyUuid => "value is empty, which is not a valid UUID",
            Self::Uuid => "must be a valid UUID",
            Self::Version => {
                "rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)"
            }
        }
    }

    fn path(self) -> Vec<Step> {
        match self {
            Self::Required => vec![(25, "required", BOOL, None)],
            Self::EmptyUuid | Self::Uuid => {
                vec![(14, "string", MESSAGE, None), (22, "uuid", BOOL, None)]
            }
            Self::Version => vec![(23, "cel", MESSAGE, Some(0))],
        }
    }
}

struct Violation {
    field: Vec<Step>,
    rule: Rule,
}

/// `Ok`, or the complete body of the 400.
pub(super) fn check(request: &BuildRequest) -> Result<(), String> {
    let mut found = Vec::new();
    let mut add = |field: Vec<Step>, rule| found.push(Violation { field, rule });
    let id = || vec![(1, "request_id", TEXT, None)];
    match request.request_id.as_str() {
        "" => add(id(), Rule::EmptyUuid),
        text if !is_uuid(text) => add(id(), Rule::Uuid),
        _ => {}
    }
    let version = || vec![(2, "rr_version", TEXT, None)];
    match request.rr_version.as_str() {
        "" => add(version(), Rule::Required),
        text if !is_version(text) => add(version(), Rule::Version),
        _ => {}
    }
    if request.plugins.is_empty() {
        add(vec![(5, "plugins", MESSAGE, None)], Rule::Required);
    }
    let lists: [(u64, &'static str, &[Pair], _); 3] = [
        (5, "plugins", &request.plugins, &PLUGIN),
        (6, "replaces", &request.replaces, &REPLACE),
        (7, "excludes", &request.excludes, &EXCLUDE),
    ];
    for (number, name, list, [(first, _), (second, _)]) in lists {
        for (index, pair) in (0..).zip(list) {
            for (inner, label, value) in [(1, *first, &pair.first), (2, *second, &pair.second)] {
                if value.is_empty() {
                    add(
                        vec![
                            (number, name, MESSAGE, Some(index)),
                            (inner, label, TEXT, None),
                        ],
                        Rule::Required,
                    );
                }
            }
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(body(&found))
    }
}

fn body(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations
        .iter()
        .map(|v| format!("{}: {}", dotted(&v.field), v.rule.message()))
        .collect();
    let message = match lines.as_slice() {
        [one] => format!("validation error: {one}"),
        many => format!("validation errors:\n - {}", many.join("\n - ")),
    };
    let mut binary = Writer::default();
    for violation in violations {
        binary.message(1, |inner| {
            inner.text(2, violation.rule.id());
            inner.text(3, violation.rule.message());
            inner.message(5, |path| steps(path, &violation.field));
            inner.message(6, |path| steps(path, &violation.rule.path()));
        });
    }
    let debug: Vec<String> = violations.iter().map(debug).collect();
    format!(
        r#"{{"code":"invalid_argument","message":{},"details":[{{"type":"buf.validate.Violations","value":"{}","debug":{{"violations":[{}]}}}}]}}"#,
        prototext::json(&message),
        STANDARD_NO_PAD.encode(&binary.0),
        debug.join(","),
    )
}

/// `plugins[1].tag`
fn dotted(path: &[Step]) -> String {
    let steps: Vec<String> = path
        .iter()
        .map(|(_, name, _, index)| {
            index.map_or_else(|| (*name).to_owned(), |index| format!("{name}[{index}]"))
        })
        .collect();
    steps.join(".")
}

fn steps(writer: &mut Writer, path: &[Step]) {
    for (number, name, kind, index) in path {
        writer.message(1, |step| {
            step.number(1, *number);
            step.text(2, name);
            step.number(3, *kind);
            if let Some(index) = index {
                step.number(6, *index);
            }
        });
    }
}

fn debug(violation: &Violation) -> String {
    let path = |steps: &[Step]| {
        let steps: Vec<String> = steps
            .iter()
            .map(|(number, name, kind, index)| {
                let kind = match *kind {
                    TEXT => "TYPE_STRING",
                    MESSAGE => "TYPE_MESSAGE",
                    _ => "TYPE_BOOL",
                };
                let index = index
                    .map(|index| format!(r#","index":"{index}""#))
                    .unwrap_or_default();
                format!(
                    r#"{{"fieldNumber":{number},"fieldName":"{name}","fieldType":"{kind}"{index}}}"#
                )
            })
            .collect();
        steps.join(",")
    };
    format!(
        r#"{{"field":{{"elements":[{}]}},"rule":{{"elements":[{}]}},"ruleId":"{}","message":{}}}"#,
        path(&violation.field),
        path(&violation.rule.path()),
        violation.rule.id(),
        prototext::json(violation.rule.message()),
    )
}

/// 36 characters, hexadecimal with dashes, in either case, of any version.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `^(v\d+\.\d+\.\d+.*|master|[a-f0-9]{7,40})$`, where the dot does not match a line feed.
fn is_version(text: &str) -> bool {
    let commit = (7..=40).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if text == "master" || commit {
        return true;
    }
    let mut parts = text.strip_prefix('v').unwrap_or_default().splitn(3, '.');
    let number = |part: Option<&str>| {
        part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
    };
    let (major, minor) = (number(parts.next()), number(parts.next()));
    let rest = parts
        .next()
        .is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    major && minor && rest && !text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::{is_uuid, is_version};

    #[test]
    fn versions_match_the_rule() {
        for good in [
            "v2025.1.9",
            "v1.2.3-beta.1",
            "v1.2.3anything at all",
            "master",
            "abcdef0",
            &"a".repeat(40),
        ] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "2025.1.9", "v2025.1", "v2025.1.", "v.1.2", "latest", "main", "abcdef", "ABCDEF0",
            "v1.2.3\n",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
        assert!(!is_version(&"a".repeat(41)));
    }

    #[test]
    fn uuid_has_four_dashes_and_hexadecimal_digits() {
        assert!(is_uuid("0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11"));
        assert!(is_uuid("0B0E6F3C-6D0A-4A6E-9F7A-0D9B8B1F2A11"));
        assert!(!is_uuid("0b0e6f3c6d0a4a6e9f7a0d9b8b1f2a11"));
        assert!(!is_uuid("0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a1g"));
    }
}
