//! Helpers for values as text: the words for yes and no, and the form in which messages repeat a value.

use crate::secret::{MASK, mask_url};

/// Characters of a value that a message repeats.
const MAX_SHOWN_CHARS: usize = 80;

/// Parses the words for yes and no of PHP's INI and of YAML.
pub(super) fn parse_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" | "y" => Some(true),
        "0" | "off" | "no" | "false" | "n" | "none" => Some(false),
        _ => None,
    }
}

/// Returns a value for a message: passwords in URLs masked, and shortened.
pub(in crate::config) fn shorten(text: &str) -> String {
    // Masked first: a cut could remove the `@` that marks a password.
    let masked = match text.rsplit_once('@') {
        // An address without a scheme.
        Some((_, host)) if !text.contains("://") => format!("{MASK}@{host}").into(),
        _ => mask_url(text),
    };
    let mut shown: String = masked.chars().take(MAX_SHOWN_CHARS).collect();
    if shown.len() < masked.len() {
        shown.push('…');
    }
    shown
}
