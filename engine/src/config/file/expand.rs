//! Expands `${NAME}`, `${NAME:-default}` and `$NAME` in values of the YAML file, as RoadRunner does (source:
//! `ExpandVal` of its config plugin). Two deliberate differences: a variable that is not set and has no default is an
//! error, where RoadRunner continues with an empty text; and `$$` is a dollar sign, so that a token may contain one.

use super::super::sources::ReadEnv;

/// Expands a text.
///
/// # Errors
/// The reason, as a noun phrase.
pub fn expand(text: &str, env: ReadEnv<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(braced) = rest.strip_prefix('{') {
            let Some((inside, after)) = braced.split_once('}') else {
                return Err("\"${\" without \"}\"".into());
            };
            out.push_str(&braced_value(inside, env)?);
            rest = after;
        } else {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&env(name).ok_or_else(|| not_set(name))?);
            }
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn braced_value(inside: &str, env: ReadEnv<'_>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("\"${{{inside}}}\" without the name of a variable"));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.into()),
        (None, None) => Err(not_set(name)),
    }
}

fn not_set(name: &str) -> String {
    format!(
        "the environment variable {name} is not set; ${{{name}:-…}} sets a default, $$ is a dollar sign"
    )
}

const fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("velox".into()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".into()),
            _ => None,
        }
    }

    #[test]
    fn values_expand_as_in_roadrunner() {
        for (text, expanded) in [
            ("plain", "plain"),
            ("http://${HOST}:9000", "http://velox:9000"),
            ("$HOST/x", "velox/x"),
            ("${NONE:-a b}", "a b"),
            ("${NONE:-}", ""),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("${HOST:-x}${HOST}", "veloxvelox"),
            ("${NONE:-http://h:-1}", "http://h:-1"),
            ("cost: 5$", "cost: 5$"),
            ("5$ ", "5$ "),
            ("a$$b", "a$b"),
            ("${NESTED}", "${HOST}"),
        ] {
            assert_eq!(expand(text, &env).as_deref(), Ok(expanded), "{text}");
        }
    }

    #[test]
    fn unset_variable_is_named() {
        for text in ["${NONE}", "$NONE", "x${NONE}y"] {
            assert!(expand(text, &env).unwrap_err().contains("NONE"), "{text}");
        }
    }

    #[test]
    fn broken_syntax_is_an_error() {
        for text in ["${", "${HOST", "${}", "${:-x}", "${A B}"] {
            assert!(expand(text, &env).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_is_unchanged(text in "[^$]{0,60}") {
            prop_assert_eq!(expand(&text, &env), Ok(text));
        }

        #[test]
        fn expansion_never_panics(text in "[$A-C{}:\\-é ]{0,40}") {
            let _ = expand(&text, &env);
        }
    }
}
