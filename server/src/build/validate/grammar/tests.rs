//! Properties: whatever the grammar takes can do no harm where it is written.

use proptest::prelude::*;

use super::*;

/// What could end a line, a string or an argument, or begin a flag.
fn harmless(text: &str) -> bool {
    !text.starts_with('-')
        && text.chars().all(|c| {
            c.is_ascii_graphic()
                && !matches!(c, '"' | '`' | '\\' | '\'' | '$' | ';' | '(' | ')' | ',')
        })
}

proptest! {
    #[test]
    fn whatever_the_grammar_takes_is_harmless_in_a_go_mod_and_on_a_command_line(
        text in prop_oneof!["\\PC{0,20}", "[a-z.\\-/\n\"v0-9@ ~]{1,24}", "github\\.com/[ -~]{1,12}"]
    ) {
        if module_path(&text).is_ok() || version_query(&text).is_ok() || canonical_version(&text) {
            prop_assert!(harmless(&text), "{text:?}");
        }
        if platform_word(&text) {
            prop_assert!(text.chars().all(char::is_alphanumeric));
        }
    }

    #[test]
    fn canonical_versions_are_taken_as_tags_and_never_move(
        (a, b, c) in (0_u32..3000, 0_u32..100, 0_u32..100), pre in "(-[a-z]{1,5}(\\.[1-9][0-9]?)?)?"
    ) {
        let version = format!("v{a}.{b}.{c}{pre}");
        prop_assert!(canonical_version(&version));
        prop_assert!(version_query(&version).is_ok());
        prop_assert!(!moves(&version));
        prop_assert!(rr_version(&version));
        let path = if a < 2 { "example.com/x".to_owned() } else { format!("example.com/x/v{a}") };
        prop_assert!(version_fits_path(&version, &path));
        let other = format!("example.com/x/v{}", a.max(1) + 1);
        prop_assert!(!version_fits_path(&version, &other));
    }
}
