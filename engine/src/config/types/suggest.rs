//! "Did you mean": finds the known key that an unknown one most probably stands for.

/// Returns the probable one of `known`, if there is one.
pub(crate) fn closest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any key: a distance would only cost time.
    if unknown.len() > 64 {
        return None;
    }
    let unknown = unknown.to_ascii_lowercase().replace('-', "_");
    known
        .filter_map(|key| {
            let distance = distance(&unknown, key);
            let close = distance <= key.len().max(3) / 3;
            let part = unknown.len() >= 3 && (key.contains(&unknown) || unknown.contains(key));
            (close || part).then_some((distance, key))
        })
        .min()
        .map(|(_, key)| key)
}

/// Returns the Levenshtein distance in bytes.
pub(in crate::config) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let substituted = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = substituted.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_key_finds_the_known_one() {
        let keys = [
            "enabled",
            "dir",
            "ttl_days",
            "max_size_mb",
            "max_entries",
            "cleanup_interval",
        ];
        for (typed, known) in [
            ("ttl_dayss", Some("ttl_days")),
            ("ttl-days", Some("ttl_days")),
            ("Dir", Some("dir")),
            ("max_size", Some("max_size_mb")),
            ("enable", Some("enabled")),
            ("interval", Some("cleanup_interval")),
            ("eviction_policy", None),
            ("x", None),
        ] {
            assert_eq!(closest(typed, keys.into_iter()), known, "{typed}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }
}
