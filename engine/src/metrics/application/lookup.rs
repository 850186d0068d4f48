//! Finds or creates the series of a metric by its labels, in the process or on the host by the mode of the metric. Any
//! thread.

use std::sync::atomic::Ordering;

use super::{
    Application, Labels, Refusal, Series,
    definition::{Definition, MAX_LABELS, PID_LABEL, check_label},
    encoding::put,
    gauge_mode::GaugeMode,
    live,
    records::{IS_CLEARED, LIVE, SERIES},
};
use crate::metrics::cell::Cell;

/// Bytes of the value of a label at most.
const MAX_VALUE: usize = 1024;

impl Application {
    /// The series with these labels, which is created if there is none. The order of labels does not matter. A value
    /// of more than 1,024 bytes is cut.
    ///
    /// # Errors
    /// The labels are invalid or not those of the definition, or there is no space.
    pub fn series(
        &'static self,
        definition: &Definition,
        labels: Labels,
    ) -> Result<Series, Refusal> {
        let mut labels = labels;
        for (label, value) in &mut labels {
            check_label(label, definition.kind)?;
            if definition.mode == GaugeMode::LiveAll && label == PID_LABEL {
                let rule = "must not have the label pid, which the page adds";
                return Err(Refusal::Invalid(rule.into()));
            }
            let is_boundary = |end: &usize| value.is_char_boundary(*end);
            let end = (0..=MAX_VALUE.min(value.len())).rev().find(is_boundary);
            value.truncate(end.unwrap_or(0));
        }
        if definition.labels.is_empty() {
            // For Prometheus a label without a value is none, so both would be one series.
            labels.retain(|(_, value)| !value.is_empty());
        }
        labels.sort();
        let mut expected: Vec<&String> = definition.labels.iter().collect();
        expected.sort();
        let has_all = labels
            .iter()
            .map(|(label, _)| label)
            .eq(expected.iter().copied());
        if !definition.labels.is_empty() && !has_all {
            return Err(Refusal::Invalid(format!(
                "must have the labels {}",
                definition.labels.join(", ")
            )));
        }
        if labels
            .windows(2)
            .any(|pair| pair.first().map(|label| &label.0) == pair.last().map(|label| &label.0))
        {
            return Err(Refusal::Invalid(
                "must have labels with different names".into(),
            ));
        }
        if labels.len() > MAX_LABELS {
            let most = MAX_LABELS;
            return Err(Refusal::Invalid(format!("must have at most {most} labels")));
        }
        self.find_or_add_series(definition, &labels)
    }

    /// The series with these labels, which are those of the definition and sorted.
    pub(super) fn find_or_add_series(
        &'static self,
        definition: &Definition,
        labels: &Labels,
    ) -> Result<Series, Refusal> {
        let owner = match definition.mode.is_live() {
            true => Some(self.live.own(&self.records)?),
            false => None,
        };
        let mut bytes = match owner {
            None => vec![SERIES],
            Some(owner) => [&[LIVE][..], &owner.number.to_le_bytes()].concat(),
        };
        put(&mut bytes, definition.name.as_bytes());
        put(&mut bytes, &definition.layout());
        for (label, value) in labels {
            put(&mut bytes, label.as_bytes());
            put(&mut bytes, value.as_bytes());
        }
        if let Some(owner) = owner {
            let words = self.add(&bytes, live::WORDS)?.words();
            let cells = live::adopt(words, owner).ok_or(Refusal::Full)?;
            return Ok(Series::new(definition, cells));
        }
        let record = self.add(&bytes, 1 + definition.cells())?;
        let (state, cells) = record.words().split_first().ok_or(Refusal::Full)?;
        if state.load(Ordering::Relaxed) == IS_CLEARED {
            state.store(0, Ordering::Relaxed);
        }
        Ok(Series::new(definition, Cell::of_words(cells)))
    }
}
