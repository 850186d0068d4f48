//! The answer to a listing of a bucket (`ListObjectsV2`): a flat XML of few elements, of which three are read. Pure.

use std::time::{Duration, SystemTime};

use crate::time;

/// An object of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) modified: SystemTime,
    pub(super) size: u64,
}

/// A page of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    /// Continues the listing.
    pub(super) next: Option<String>,
}

/// Reads a page. Objects with other elements are left out: they are none of the gateway's.
pub(super) fn parse(xml: &str) -> Page {
    let mut objects = Vec::new();
    let mut rest = xml;
    while let Some((object, after)) = element(rest, "Contents") {
        rest = after;
        let text = |name| element(object, name).map(|(text, _)| text);
        let listed = || {
            let modified = time::parse_rfc3339(text("LastModified")?)?;
            Some(Listed {
                key: unescape(text("Key")?)?,
                modified: SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(modified))?,
                size: text("Size")?.parse().ok()?,
            })
        };
        objects.extend(listed());
    }
    let next = element(xml, "NextContinuationToken").and_then(|(text, _)| unescape(text));
    Page { objects, next }
}

/// The content of the first element of a name, and the text behind it.
fn element<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>"))
}

/// Resolves the five entities of XML; `None` if there are others.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (name, after) = part.split_once(';')?;
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
        plain.push_str(after);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_continuation_are_read() {
        let page = parse(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>a&amp;b=</NextContinuationToken>\
             <Contents><Key>trusted/v1/a</Key><LastModified>1970-01-01T00:01:00.000Z</LastModified>\
             <ETag>&quot;0&quot;</ETag><Size>42</Size></Contents>\
             <Contents><Key>odd&#10;</Key><LastModified>1970-01-01T00:01:00.000Z</LastModified>\
             <Size>1</Size></Contents></ListBucketResult>",
        );
        assert_eq!(page.next.as_deref(), Some("a&b="));
        let [object] = page.objects.as_slice() else {
            panic!("{page:?}");
        };
        assert_eq!((object.key.as_str(), object.size), ("trusted/v1/a", 42));
        assert_eq!(
            object.modified,
            SystemTime::UNIX_EPOCH + Duration::from_secs(60)
        );
    }

    #[test]
    fn other_texts_are_an_empty_page() {
        for text in [
            "",
            "<Contents>",
            "<Contents><Key></Contents></Key>",
            "<html>",
        ] {
            let page = parse(text);
            assert!(page.objects.is_empty() && page.next.is_none(), "{text}");
        }
    }
}
