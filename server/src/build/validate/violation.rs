//! A field of a request that breaks a rule, as text and as protovalidate's `buf.validate.Violations`. Of that message
//! only the parts that name the field, the rule and the reason are written. Source: `buf/validate/validate.proto`. Pure
//! data, any thread.

use std::fmt;

use prost::Message;

/// All violations of one request.
#[derive(Clone, PartialEq, Message)]
pub(in crate::build) struct Violations {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::build) violations: Vec<Violation>,
}

impl Violations {
    /// Name of the message's type.
    pub(in crate::build) const TYPE_NAME: &str = "buf.validate.Violations";
}

/// One field that breaks a rule.
#[derive(Clone, PartialEq, Message)]
pub(in crate::build) struct Violation {
    /// Id of the rule: `required`, `string.uuid`.
    #[prost(string, tag = "2")]
    pub(super) rule_id: String,
    /// The reason, and a value that would be right.
    #[prost(string, tag = "3")]
    pub(super) message: String,
    #[prost(message, required, tag = "5")]
    pub(super) field: FieldPath,
}

/// `buf.validate.FieldPath`: from the request down to the field.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldPath {
    #[prost(message, repeated, tag = "1")]
    pub(super) elements: Vec<FieldPathElement>,
}

/// `buf.validate.FieldPathElement`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldPathElement {
    #[prost(string, tag = "2")]
    pub(super) field_name: String,
    /// Position in a list.
    #[prost(uint64, optional, tag = "6")]
    pub(super) index: Option<u64>,
}

/// `plugins[0].tag: value is required`
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, element) in self.field.elements.iter().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(f, "{dot}{}", element.field_name)?;
            if let Some(index) = element.index {
                write!(f, "[{index}]")?;
            }
        }
        write!(f, ": {}", self.message)
    }
}
