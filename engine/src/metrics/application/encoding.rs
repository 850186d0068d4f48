//! Definitions as bytes of the segment, and the layout of their series. Pure.

use super::{definition::Definition, gauge_mode::GaugeMode};
use crate::metrics::MetricKind;

impl Definition {
    /// Everything that the layout of a series depends on.
    pub(super) fn layout(&self) -> Vec<u8> {
        let mut layout = vec![kind_byte(self.kind, self.mode)];
        for bound in &*self.bounds {
            layout.extend(bound.to_bits().to_le_bytes());
        }
        layout
    }

    /// The definition as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, self.name.as_bytes());
        put(&mut bytes, &self.layout());
        put(&mut bytes, self.help.as_bytes());
        for label in &self.labels {
            put(&mut bytes, label.as_bytes());
        }
        bytes
    }

    /// Reads [`Definition::encode`]'s bytes; `None` if they are damaged.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let name = take_text(&mut bytes)?;
        let layout = take(&mut bytes)?;
        let help = take_text(&mut bytes)?;
        let mut definition = Self::of_layout(&name, layout)?;
        definition.help = help;
        while !bytes.is_empty() {
            definition.labels.push(take_text(&mut bytes)?);
        }
        Some(definition)
    }

    /// The definition with a layout, without help and labels; `None` if it is damaged.
    pub(super) fn of_layout(name: &str, layout: &[u8]) -> Option<Self> {
        let (kind, bounds) = layout.split_first()?;
        let (kind, mode) = kind_of(*kind)?;
        let bounds = bounds.chunks_exact(8).map(|bound| {
            let bits = bound.try_into().unwrap_or_default();
            f64::from_bits(u64::from_le_bytes(bits))
        });
        Some(Self {
            name: name.to_owned(),
            kind,
            help: String::new(),
            labels: Vec::new(),
            bounds: bounds.collect(),
            mode,
        })
    }
}

fn kind_byte(kind: MetricKind, mode: GaugeMode) -> u8 {
    match kind {
        MetricKind::Counter => b'c',
        MetricKind::Gauge => mode.byte(),
        MetricKind::Histogram => b'h',
        MetricKind::Summary => b's',
    }
}

/// `None` for a type of a later version.
fn kind_of(byte: u8) -> Option<(MetricKind, GaugeMode)> {
    let other = |kind| Some((kind, GaugeMode::default()));
    match byte {
        b'c' => other(MetricKind::Counter),
        b'h' => other(MetricKind::Histogram),
        b's' => other(MetricKind::Summary),
        _ => GaugeMode::of_byte(byte).map(|mode| (MetricKind::Gauge, mode)),
    }
}

/// Appends a part with its length.
pub(super) fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u32).to_le_bytes());
    bytes.extend(part);
}

/// Takes a part that [`put`] has appended off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *bytes = rest;
    Some(part)
}

/// As [`take`], as text.
pub(super) fn take_text(bytes: &mut &[u8]) -> Option<String> {
    take(bytes).map(|text| String::from_utf8_lossy(text).into_owned())
}
