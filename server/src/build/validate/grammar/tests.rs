//! Properties: accepted text is harmless in a `go.mod` and on a command line.

use proptest::prelude::*;

use pillion_engine::velox::protocol::grammar::{is_canonical_version, is_mutable};

use super::*;

/// Whether a text can neither end a line, a string or an argument, nor begin a flag.
fn is_harmless(text: &str) -> bool {
    !text.starts_with('-')
        && text.chars().all(|c| {
            c.is_ascii_graphic()
                && !matches!(c, '"' | '`' | '\\' | '\'' | '$' | ';' | '(' | ')' | ',')
        })
}

proptest! {
    #[test]
    fn accepted_text_is_harmless(
        text in prop_oneof!["\\PC{0,20}", "[a-z.\\-/\n\"v0-9@ ~]{1,24}", "github\\.com/[ -~]{1,12}"]
    ) {
        if check_module_path(&text).is_ok() || check_version_query(&text).is_ok() || is_canonical_version(&text) {
            prop_assert!(is_harmless(&text), "{text:?}");
        }
        if is_platform_word(&text) {
            prop_assert!(text.chars().all(char::is_alphanumeric));
        }
    }

    #[test]
    fn canonical_versions_are_accepted_and_immutable(
        (a, b, c) in (0_u32..3000, 0_u32..100, 0_u32..100), pre in "(-[a-z]{1,5}(\\.[1-9][0-9]?)?)?"
    ) {
        let version = format!("v{a}.{b}.{c}{pre}");
        prop_assert!(is_canonical_version(&version));
        prop_assert!(check_version_query(&version).is_ok());
        prop_assert!(!is_mutable(&version));
        let path = if a < 2 { "example.com/x".to_owned() } else { format!("example.com/x/v{a}") };
        prop_assert!(version_matches_path(&version, &path));
        let other = format!("example.com/x/v{}", a.max(1) + 1);
        prop_assert!(!version_matches_path(&version, &other));
    }
}
