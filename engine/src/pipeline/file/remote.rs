//! The section `remote`: the gateway and its token, with `${NAME}` expanded. A remote that can't be used is off with a
//! reason, and never an error: a build must work on a machine without the token.

use super::reader::Reader;
use crate::{
    config::{ReadEnv, expand::expand, yaml::Node},
    secret::{Secret, ServerUrl},
};

/// The gateway.
#[derive(Debug, Clone, Default)]
pub enum Remote {
    /// A gateway is used.
    On {
        /// `remote.url`.
        url: ServerUrl,
        /// `remote.token`.
        token: Option<Secret>,
    },
    /// None is configured, or `remote.enabled` is off.
    #[default]
    Off,
    /// None is used because of this reason, such as a variable that is not set.
    Unusable(String),
}

const KEYS: [&str; 3] = ["enabled", "url", "token"];

/// Reads the section.
pub(super) fn read(reader: &mut Reader, node: &Node, env: ReadEnv<'_>) -> Remote {
    let mut texts: [Option<(&str, u64)>; 3] = [None; 3];
    for (key, line, value) in reader.map("remote", node) {
        match KEYS.iter().position(|known| known == key) {
            Some(at) => {
                let text = reader.text(&format!("remote.{key}"), value);
                if let (Some(place), Some(text)) = (texts.get_mut(at), text) {
                    *place = Some((text.trim(), *line));
                }
            }
            None => reader.unknown("remote", key, *line, &KEYS),
        }
    }
    let [enabled, url, token] = texts;
    let unusable = |key: &str, line: u64, why: &str| {
        Remote::Unusable(format!("line {line}: remote.{key}: {why}"))
    };
    // The original takes a missing `enabled` for no.
    let Some((enabled, line)) = enabled else {
        return match url {
            Some((_, line)) => unusable("enabled", line, "not set; expected true or false"),
            None => Remote::Off,
        };
    };
    let enabled = match expand(enabled, env) {
        Ok(expanded) => expanded,
        Err(why) => return unusable("enabled", line, &why),
    };
    match enabled.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => {}
        "false" | "no" | "off" | "0" | "" => return Remote::Off,
        other => {
            reader.invalid("remote.enabled", line, other, "no boolean", "true or false");
            return Remote::Off;
        }
    }
    let Some((url, line)) = url else {
        return unusable("url", line, "not set");
    };
    let expanded = expand(url, env);
    if expanded.as_ref().is_ok_and(|url| url.trim().is_empty()) {
        return unusable("url", line, "empty");
    }
    let url = match expanded.and_then(|url| ServerUrl::parse(url.trim_end_matches('/'))) {
        Ok(url) => url,
        Err(why) => return unusable("url", line, &why),
    };
    let token = match token.map(|(text, line)| (expand(text, env), line)) {
        Some((Ok(text), _)) if !text.is_empty() => Some(Secret::new(text)),
        Some((Err(why), line)) => return unusable("token", line, &why),
        _ => None,
    };
    Remote::On { url, token }
}
