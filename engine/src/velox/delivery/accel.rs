//! The internal URI of a file for a front server (`X-Accel-Redirect`). A file outside the mapped directories has none.
//! Reads the file system only to resolve links.

use std::{
    fmt::Write as _,
    path::{Component, Path, PathBuf},
};

/// A directory, and the URI under which the front server has it.
pub(super) type Mapping = (PathBuf, PathBuf);

/// Returns the URI of a file, percent-encoded. The longest directory that contains the file applies.
pub(super) fn uri(file: &Path, map: &[Mapping]) -> Option<String> {
    by_name(file, map).or_else(|| by_name(&file.canonicalize().ok()?, map))
}

fn by_name(file: &Path, map: &[Mapping]) -> Option<String> {
    let mut found: Vec<_> = map
        .iter()
        .filter_map(|(dir, uri)| Some((file.strip_prefix(dir).ok()?, uri)))
        .collect();
    found.sort_by_key(|(rest, _)| rest.components().count());
    let (rest, base) = found.first()?;
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !file.is_absolute() || !rest.components().all(is_plain) {
        return None;
    }
    let base = base.to_str().filter(|base| base.starts_with('/'))?;
    let mut uri = base.trim_end_matches('/').to_owned();
    for part in rest.components() {
        uri.push('/');
        encode(part.as_os_str().as_encoded_bytes(), &mut uri);
    }
    Some(uri)
}

fn encode(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Parses the header `X-Accel-Mapping` of a trusted front server: `/directory=/location,…`. Entries that can't apply
/// are skipped.
pub(super) fn parse_header(text: &str) -> Vec<Mapping> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(dir, uri)| (dir.trim().into(), uri.trim().into()))
        .filter(|(dir, uri): &Mapping| dir.is_absolute() && uri.is_absolute() && is_line(uri))
        .collect()
}

fn is_line(uri: &Path) -> bool {
    let bytes = uri.as_os_str().as_encoded_bytes();
    bytes.iter().all(u8::is_ascii_graphic) && !bytes.contains(&b'?') && !bytes.contains(&b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Vec<Mapping> {
        parse_header(text)
    }

    #[test]
    fn file_is_below_the_longest_directory() {
        let map = map("/srv=/all, /srv/cache/=/cache/, relative=/x,/a=b,/c");
        assert_eq!(map.len(), 2);
        let uri = |file: &str| uri(Path::new(file), &map);
        assert_eq!(
            uri("/srv/cache/ab/k.bin").as_deref(),
            Some("/cache/ab/k.bin")
        );
        assert_eq!(uri("/srv/other/k.bin").as_deref(), Some("/all/other/k.bin"));
        assert_eq!(uri("/srv/cachet/k").as_deref(), Some("/all/cachet/k"));
        assert_eq!(
            uri("/srv/a b/ü?#%.bin").as_deref(),
            Some("/all/a%20b/%C3%BC%3F%23%25.bin")
        );
    }

    #[test]
    fn other_files_have_no_uri() {
        let map = map("/srv/cache=/cache");
        for file in [
            "/etc/passwd",
            "/srv/cache/../secret",
            "/srv/cache/ab/../../../etc/passwd",
            "srv/cache/k",
            "/srv",
            "",
        ] {
            assert_eq!(uri(Path::new(file), &map), None, "{file}");
        }
        assert!(parse_header("/srv=/a\r\nSet-Cookie: x=1").is_empty());
    }

    #[test]
    fn directory_behind_a_link_is_found_by_its_real_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        std::fs::write(real.join("k"), "").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let map = [(real, PathBuf::from("/cache"))];
        assert_eq!(uri(&link.join("k"), &map).as_deref(), Some("/cache/k"));
    }
}
