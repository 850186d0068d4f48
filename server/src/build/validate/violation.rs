//! What is wrong with a request, and its machine-readable form: `buf.validate.Violations` as JSON and
//! as the protobuf bytes that Connect puts beside it. Source: protovalidate's
//! `buf/validate/validate.proto`. Pure data, any thread.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

use crate::build::wire::Writer;

/// A field's type in a descriptor, those that occur.
const TYPE_BOOL: (&str, u64) = ("TYPE_BOOL", 8);
const TYPE_STRING: (&str, u64) = ("TYPE_STRING", 9);
const TYPE_MESSAGE: (&str, u64) = ("TYPE_MESSAGE", 11);

/// One step of a field's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) struct Step {
    number: u64,
    name: &'static str,
    kind: (&'static str, u64),
    index: Option<usize>,
}

impl Step {
    /// A text field.
    pub(in crate::build) const fn text(number: u64, name: &'static str) -> Self {
        Self {
            number,
            name,
            kind: TYPE_STRING,
            index: None,
        }
    }

    /// A field that is a message, or a whole list of them.
    pub(in crate::build) const fn message(number: u64, name: &'static str) -> Self {
        Self {
            number,
            name,
            kind: TYPE_MESSAGE,
            index: None,
        }
    }

    /// One element of that list.
    pub(in crate::build) const fn at(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    const fn flag(number: u64, name: &'static str) -> Self {
        Self {
            number,
            name,
            kind: TYPE_BOOL,
            index: None,
        }
    }

    fn json(&self) -> Value {
        let mut step =
            json!({"fieldNumber": self.number, "fieldName": self.name, "fieldType": self.kind.0});
        if let (Some(index), Some(fields)) = (self.index, step.as_object_mut()) {
            // A 64-bit number, which protojson writes as text.
            fields.insert("index".into(), index.to_string().into());
        }
        step
    }
}

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::build) enum Rule {
    /// `string.uuid` on a text that is empty.
    UuidEmpty,
    /// `string.uuid`.
    Uuid,
    /// `required`.
    Required,
    /// The expression on `rr_version`.
    RrVersion,
    /// A rule that the real server leaves to `go`; its id.
    Go(&'static str),
}

impl Rule {
    fn id(self) -> &'static str {
        match self {
            Self::UuidEmpty => "string.uuid_empty",
            Self::Uuid => "string.uuid",
            Self::Required => "required",
            Self::RrVersion => "rr_version.format",
            Self::Go(id) => id,
        }
    }

    /// Where the rule stands in protovalidate's `FieldRules`.
    fn path(self) -> Vec<Step> {
        match self {
            Self::UuidEmpty | Self::Uuid => {
                vec![Step::message(14, "string"), Step::flag(22, "uuid")]
            }
            Self::Required => vec![Step::flag(25, "required")],
            Self::RrVersion => vec![Step::message(23, "cel").at(0)],
            Self::Go(_) => Vec::new(),
        }
    }
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::build) struct Violation {
    /// From the request down to the field.
    pub(in crate::build) field: Vec<Step>,
    /// What was broken.
    pub(in crate::build) rule: Rule,
    /// What is wrong, and what would be right.
    pub(in crate::build) message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.field.iter().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(f, "{dot}{}", step.name)?;
            if let Some(index) = step.index {
                write!(f, "[{index}]")?;
            }
        }
        write!(f, ": {}", self.message)
    }
}

/// The message that all details are.
pub(in crate::build) const TYPE: &str = "buf.validate.Violations";

/// A [`TYPE`] in Protocol Buffers' binary form.
pub(in crate::build) fn bytes(violations: &[Violation]) -> Vec<u8> {
    let mut bytes = Writer::default();
    for violation in violations {
        bytes.message(1, |inner| encode(violation, inner));
    }
    bytes.into_bytes()
}

/// The `details` of an error: one `buf.validate.Violations`.
pub(in crate::build) fn details(violations: &[Violation]) -> Value {
    let steps =
        |steps: &[Step]| json!({"elements": steps.iter().map(Step::json).collect::<Vec<_>>()});
    let list: Vec<Value> = violations
        .iter()
        .map(|violation| {
            let (rule, mut value) = (
                violation.rule.path(),
                json!({"field": steps(&violation.field)}),
            );
            if let Some(fields) = value.as_object_mut() {
                if !rule.is_empty() {
                    fields.insert("rule".into(), steps(&rule));
                }
                fields.insert("ruleId".into(), violation.rule.id().into());
                fields.insert("message".into(), violation.message.as_str().into());
            }
            value
        })
        .collect();
    json!([{
        "type": TYPE,
        "value": STANDARD_NO_PAD.encode(bytes(violations)),
        "debug": {"violations": list},
    }])
}

fn encode(violation: &Violation, to: &mut Writer) {
    to.text(2, violation.rule.id());
    to.text(3, &violation.message);
    to.message(5, |path| encode_path(&violation.field, path));
    let rule = violation.rule.path();
    if !rule.is_empty() {
        to.message(6, |path| encode_path(&rule, path));
    }
}

fn encode_path(steps: &[Step], to: &mut Writer) {
    for step in steps {
        to.message(1, |element| {
            element.number(1, step.number);
            element.text(2, step.name);
            element.number(3, step.kind.1);
            if let Some(index) = step.index {
                element.number(6, index as u64);
            }
        });
    }
}
