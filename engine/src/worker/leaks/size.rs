//! The size of a subject, and the text of a change.

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueShape {
    /// A string.
    Text,
    /// An array, with all arrays inside.
    Array,
    /// A number of something.
    #[default]
    Number,
}

/// The size of a subject at one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ValueSize {
    /// The shape of the value.
    pub shape: ValueShape,
    /// Bytes of a string, elements of an array without those of arrays inside, or the number.
    pub count: u64,
    /// Elements at all levels, or the number; 0 for a string.
    pub elements: u64,
    /// Bytes of all strings inside.
    pub text: u64,
    /// Bytes of PHP's memory, without those of objects.
    pub bytes: u64,
}

impl ValueSize {
    /// The size of a number.
    #[must_use]
    pub const fn number(count: u64) -> Self {
        Self {
            shape: ValueShape::Number,
            count,
            elements: count,
            text: 0,
            bytes: 0,
        }
    }

    /// Whether it is smaller than before: fewer elements, or as many with less text.
    #[must_use]
    pub const fn has_shrunk(&self, before: &Self) -> bool {
        self.elements < before.elements
            || (self.elements == before.elements && self.text < before.text)
    }

    /// The size in words. A string has only its length: it may be a secret.
    #[must_use]
    pub fn words(&self) -> String {
        match self.shape {
            ValueShape::Text => format!("string of {}", counted(self.count, "byte")),
            ValueShape::Array => format!("array of {}", counted(self.count, "element")),
            ValueShape::Number => self.count.to_string(),
        }
    }

    /// The growth since `before` in words: `array 3 → 4 elements`.
    #[must_use]
    pub fn change(&self, before: &Self) -> String {
        match (before.shape, self.shape) {
            (ValueShape::Array, ValueShape::Array) if before.count != self.count => {
                let after = counted(self.count, "element");
                format!("array {} → {after}", before.count)
            }
            (ValueShape::Array, ValueShape::Array) if before.elements != self.elements => format!(
                "array of {}, {} → {} elements at all levels",
                counted(self.count, "element"),
                before.elements,
                self.elements
            ),
            (ValueShape::Array, ValueShape::Array) => format!(
                "array of {}, {} → {} bytes of text",
                counted(self.count, "element"),
                before.text,
                self.text
            ),
            (ValueShape::Text, ValueShape::Text) => {
                format!("string {} → {}", before.count, counted(self.count, "byte"))
            }
            _ => format!("{} → {}", before.words(), self.words()),
        }
    }
}

/// `1 element`, `3 elements`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_the_words_of_its_shape() {
        let array = |count, elements, text| ValueSize {
            shape: ValueShape::Array,
            count,
            elements,
            text,
            bytes: 0,
        };
        let text = |count| ValueSize {
            shape: ValueShape::Text,
            count,
            text: count,
            ..ValueSize::default()
        };
        let change = |before: ValueSize, after: ValueSize| after.change(&before);
        assert_eq!(
            change(array(3, 3, 0), array(4, 4, 0)),
            "array 3 → 4 elements"
        );
        assert_eq!(
            change(array(0, 0, 0), array(1, 1, 0)),
            "array 0 → 1 element"
        );
        assert_eq!(
            change(array(1, 3, 0), array(1, 9, 0)),
            "array of 1 element, 3 → 9 elements at all levels"
        );
        assert_eq!(
            change(array(2, 2, 10), array(2, 2, 90)),
            "array of 2 elements, 10 → 90 bytes of text"
        );
        assert_eq!(change(text(5), text(9)), "string 5 → 9 bytes");
        assert_eq!(
            change(text(5), array(2, 2, 0)),
            "string of 5 bytes → array of 2 elements"
        );
        assert_eq!(change(ValueSize::number(2), ValueSize::number(3)), "2 → 3");
    }
}
