//! As much of the Protocol Buffers wire format as is needed here: the rendering that a build's hash is
//! made of, and the details inside an error. Source: protobuf.dev, "Encoding". Pure, any thread.

/// Writes fields in the order in which it is told to.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A number or a flag; writing zeros is the caller's decision.
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    /// A text; an empty one is left out, as proto3 does.
    pub(super) fn text(&mut self, field: u64, value: &str) {
        if !value.is_empty() {
            self.delimited(field, value.as_bytes());
        }
    }

    /// A nested message, written also when it is empty.
    pub(super) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.delimited(field, &inner.0);
    }

    /// What was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn delimited(&mut self, field: u64, bytes: &[u8]) {
        self.varint((field << 3) | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            self.0.push(if value == 0 { low } else { low | 0x80 });
            if value == 0 {
                return;
            }
        }
    }
}
