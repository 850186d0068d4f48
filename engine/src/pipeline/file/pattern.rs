//! Patterns of files: their grammar, which is that of VelocityCache (`*`, `?`, `[a-z]`, `{a,b}` inside a name, `**`
//! across directories), relative to the package. Pure.

use globset::{GlobBuilder, GlobMatcher};

/// Bytes of a pattern at most.
const MAX_LEN: usize = 1024;

/// A pattern of input files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern without `!` and without a leading `./`; `/` between names.
    pub text: String,
    /// Whether it takes files out, by a leading `!`.
    pub is_negative: bool,
}

impl Pattern {
    /// Parses a pattern of inputs. It may lead out of the package with `../`, though not out of the workspace, which is
    /// known only later.
    ///
    /// # Errors
    /// The reason, a noun phrase.
    pub fn parse(written: &str) -> Result<Self, String> {
        let (rest, is_negative) = match written.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (written, false),
        };
        let text = normal(rest)?;
        matcher(&text)?;
        Ok(Self { text, is_negative })
    }

    /// As written, normalised.
    #[must_use]
    pub fn written(&self) -> String {
        let start = match (self.is_negative, self.text.starts_with('!')) {
            (true, _) => "!",
            // A name that begins with it.
            (false, true) => "./",
            (false, false) => "",
        };
        format!("{start}{}", self.text)
    }
}

/// Parses the path or the pattern of an output, inside the package.
///
/// # Errors
/// The reason, a noun phrase.
pub(super) fn output(written: &str) -> Result<String, String> {
    if written.starts_with('!') {
        return Err("a pattern that takes files out".into());
    }
    let mut text = normal(written)?;
    // All files of a directory are the directory.
    while let Some(directory) = text.strip_suffix("/**").or(text.strip_suffix("/**/*")) {
        text = directory.to_owned();
    }
    if text == ".." || text.starts_with("../") {
        return Err("a path outside the package".into());
    }
    if text.is_empty() || text == "." || text.starts_with("**") {
        return Err("the package itself".into());
    }
    if text.starts_with('!') {
        return Err("a name that begins with !".into());
    }
    matcher(&text)?;
    Ok(text)
}

/// Whether a normalised pattern has special characters; otherwise it is a path.
#[must_use]
pub fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\'])
}

/// The path without `.`, empty names and a slash at its end; `..` only at its start.
fn normal(written: &str) -> Result<String, String> {
    if written.is_empty() {
        return Err("an empty pattern".into());
    }
    if written.len() > MAX_LEN || written.contains('\0') {
        return Err("a pattern that no path can match".into());
    }
    if written.starts_with('/') {
        return Err("an absolute path".into());
    }
    let mut names: Vec<&str> = Vec::new();
    for name in written.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                if names.last().is_some_and(|last| has_wildcard(last)) {
                    return Err("\"..\" after a wildcard".into());
                }
                names.pop();
            }
            name => names.push(name),
        }
    }
    match names.as_slice() {
        [] => Ok(".".into()),
        [name] if name.trim().is_empty() => Err("an empty pattern".into()),
        names => Ok(names.join("/")),
    }
}

/// Compiles a pattern, in which `*` and `?` never match a slash.
///
/// # Errors
/// The reason, a noun phrase.
pub(in crate::pipeline) fn matcher(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| format!("an invalid pattern ({})", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_normalised() {
        for (written, text) in [
            ("src/**", "src/**"),
            ("./src//a/", "src/a"),
            ("src/../lib/*.ts", "lib/*.ts"),
            ("../../tsconfig.json", "../../tsconfig.json"),
            (".", "."),
            ("**/*.{js,ts}", "**/*.{js,ts}"),
        ] {
            assert_eq!(Pattern::parse(written).unwrap().text, text, "{written}");
        }
        let taken_out = Pattern::parse("!./src/*.test.ts").unwrap();
        assert!(taken_out.is_negative);
        assert_eq!(taken_out.written(), "!src/*.test.ts");
        let name = Pattern::parse("./!important").unwrap();
        assert!(!name.is_negative && name.text == "!important");
        assert_eq!(Pattern::parse(&name.written()), Ok(name));
    }

    #[test]
    fn output_directories_have_one_notation() {
        for written in ["dist", "dist/", "./dist/**", "dist/**/*", "a/../dist"] {
            assert_eq!(output(written).as_deref(), Ok("dist"), "{written}");
        }
        assert_eq!(output("dist/*.js").as_deref(), Ok("dist/*.js"));
    }

    #[test]
    fn invalid_patterns_are_refused() {
        for written in ["", " ", "./\n", "/etc/passwd", "a[", "{a", "*/../b", "a\0b"] {
            assert!(Pattern::parse(written).is_err(), "{written:?}");
        }
        for written in [
            ".",
            "**",
            "**/*",
            "..",
            "../dist",
            "!dist",
            "./!dist",
            "dist/../..",
        ] {
            assert!(output(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn wildcard_matches_no_slash() {
        let glob = matcher("src/*.ts").unwrap();
        assert!(glob.is_match("src/a.ts") && !glob.is_match("src/b/a.ts"));
        assert!(matcher("src/**").unwrap().is_match("src/b/a.ts"));
    }
}
