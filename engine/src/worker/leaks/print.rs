//! The finger print of a value: what it is, how large, and a hash of all that is in it. Objects count as
//! themselves: what their properties hold is printed for each of them, once.

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Null, not yet initialised, or a constant expression that nobody has asked for.
    #[default]
    Nothing,
    /// `detail`: 0 or 1.
    Bool,
    /// `detail`: the number's bits.
    Int,
    /// `detail`: the number's bits.
    Float,
    /// `count`: its bytes.
    Text,
    /// `count`: its elements.
    Array,
    /// `detail`: names the class; `count`: the handle.
    Object,
    /// `count`: its number.
    Resource,
}

/// See the head of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Print {
    /// What it is.
    pub shape: Shape,
    /// See [`Shape`].
    pub count: u64,
    /// See [`Shape`].
    pub detail: u64,
    /// Of all that is in it.
    pub hash: u64,
    /// What it takes of PHP's memory, objects not counted.
    pub bytes: u64,
}

impl Print {
    /// Whether it is what a thing is before it is filled for the first time.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self.shape {
            Shape::Nothing => true,
            Shape::Bool | Shape::Int | Shape::Float => self.detail == 0,
            Shape::Text | Shape::Array => self.count == 0,
            Shape::Object | Shape::Resource => false,
        }
    }

    /// Whether it is larger than before.
    #[must_use]
    pub fn has_grown(&self, before: &Self) -> bool {
        match (before.shape, self.shape) {
            (Shape::Text, Shape::Text) | (Shape::Array, Shape::Array)
                if self.count != before.count =>
            {
                self.count > before.count
            }
            (Shape::Nothing, shape) => shape != Shape::Nothing,
            _ => self.bytes > before.bytes,
        }
    }

    /// Whether it is smaller than before.
    #[must_use]
    pub fn has_shrunk(&self, before: &Self) -> bool {
        before.has_grown(self)
    }

    /// For people. Texts are told by their length: they may be secrets.
    #[must_use]
    pub fn words(&self, class_name: &dyn Fn(u64) -> String) -> String {
        let signed = self.detail.cast_signed();
        match self.shape {
            Shape::Nothing => "null".into(),
            Shape::Bool => (if self.detail == 0 { "false" } else { "true" }).into(),
            Shape::Int => signed.to_string(),
            Shape::Float => format!("{:?}", f64::from_bits(self.detail)),
            Shape::Text => format!("string of {}", counted(self.count, "byte")),
            Shape::Array => format!("array of {}", counted(self.count, "element")),
            Shape::Object => format!("{}#{}", class_name(self.detail), self.count),
            Shape::Resource => format!("resource #{}", self.count),
        }
    }

    /// How the change from `before` reads: `array 3 → 4 elements`.
    #[must_use]
    pub fn change(&self, before: &Self, class_name: &dyn Fn(u64) -> String) -> String {
        match (before.shape, self.shape) {
            (Shape::Array, Shape::Array) if before.count == self.count => {
                format!("array of {}, changed", counted(self.count, "element"))
            }
            (Shape::Array, Shape::Array) => {
                format!(
                    "array {} → {}",
                    before.count,
                    counted(self.count, "element")
                )
            }
            (Shape::Text, Shape::Text) if before.count == self.count => {
                format!("string of {}, changed", counted(self.count, "byte"))
            }
            (Shape::Text, Shape::Text) => {
                format!("string {} → {}", before.count, counted(self.count, "byte"))
            }
            _ => format!("{} → {}", before.words(class_name), self.words(class_name)),
        }
    }
}

/// `1 element`, `3 elements`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Mixes one more word into a hash.
#[inline]
#[must_use]
pub const fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// The hash of a text. Of a long one its ends: a change in the middle that leaves the length as it was is
/// not seen.
#[must_use]
pub fn hash_text(text: &[u8]) -> u64 {
    const WHOLE: usize = 4096;
    let start = mix(0x5EED, text.len() as u64);
    if text.len() <= WHOLE {
        return hash_bytes(start, text);
    }
    let (head, _) = text.split_at(WHOLE / 2);
    let (_, tail) = text.split_at(text.len() - WHOLE / 2);
    hash_bytes(hash_bytes(start, head), tail)
}

fn hash_bytes(start: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter()
        .fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(count: u64) -> Print {
        Print {
            shape: Shape::Array,
            count,
            hash: count,
            bytes: count * 16,
            ..Print::default()
        }
    }

    #[test]
    fn a_change_reads_as_a_developer_would_say_it() {
        let class = |_| "App\\User".to_owned();
        assert_eq!(array(4).change(&array(3), &class), "array 3 → 4 elements");
        assert_eq!(array(1).change(&array(0), &class), "array 0 → 1 element");
        assert_eq!(
            array(2).change(&Print::default(), &class),
            "null → array of 2 elements"
        );
        let user = Print {
            shape: Shape::Object,
            count: 7,
            ..Print::default()
        };
        assert_eq!(
            user.change(&array(1), &class),
            "array of 1 element → App\\User#7"
        );
        let text = Print {
            shape: Shape::Text,
            count: 5,
            ..Print::default()
        };
        assert_eq!(text.change(&text, &class), "string of 5 bytes, changed");
        assert!(array(4).has_grown(&array(3)) && array(3).has_shrunk(&array(4)));
        assert!(array(0).is_blank() && !array(1).is_blank());
    }

    #[test]
    fn texts_that_differ_have_other_hashes_at_every_length() {
        for length in [0, 1, 7, 8, 9, 4096, 4097, 100_000] {
            let text = vec![b'a'; length];
            let mut other = text.clone();
            assert_eq!(hash_text(&text), hash_text(&other));
            other.push(b'a');
            assert_ne!(hash_text(&text), hash_text(&other), "{length}");
            other.pop();
            for at in [0, length.saturating_sub(1)] {
                if let Some(byte) = other.get_mut(at) {
                    *byte = b'b';
                    assert_ne!(hash_text(&text), hash_text(&other), "{length} at {at}");
                    other.clone_from(&text);
                }
            }
        }
    }
}
