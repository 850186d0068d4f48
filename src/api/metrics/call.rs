//! From a call to its series: the bytes of name and labels as they were passed are the key under which this thread
//! remembers the series, so that the usual call copies some bytes and compares them. On PHP's threads.

use ext_php_rs::ffi::HashTable;
use pillion_engine::metrics::{
    MetricKind,
    application::{Application, KnownSeries, Labels, Series, definition::Definition},
};

use super::{rejected, text};
use crate::{
    engine,
    thread_state::thread_state,
    zend::{
        arguments::{Call, Thrown},
        hash_table::{self, Key},
        value,
    },
};

/// Bytes of a call that is remembered.
const MAX_CALL: usize = 256;

thread_state! {
    static KNOWN: KnownSeries = KnownSeries::new();
}

/// Runs `work` with the series of a call: `$name` is its first argument, `labels` the position of `$labels`. A metric
/// without a definition becomes one of `kind`. Does nothing where there is no memory for the series.
#[inline]
pub fn with_series(
    call: &Call<'_>,
    labels: u32,
    kind: MetricKind,
    work: impl Fn(&Series),
) -> Result<(), Thrown> {
    let name = call.string(0)?;
    let table = match call.len() > labels {
        true => Some(call.array(labels)?),
        false => None,
    };
    let Some(application) = engine::current().application_metrics() else {
        return Ok(());
    };
    let mut bytes = CallBytes::new();
    let key = bytes.write(kind, name, table);
    let is_known = key
        .is_some_and(|key| KNOWN.with(|known| known.find(application, key).map(&work).is_some()));
    match is_known {
        true => Ok(()),
        false => look_up(call, application, (labels, table), kind, key, work),
    }
}

#[cold]
fn look_up(
    call: &Call<'_>,
    application: &'static Application,
    (position, table): (u32, Option<&HashTable>),
    kind: MetricKind,
    key: Option<&[u8]>,
    work: impl Fn(&Series),
) -> Result<(), Thrown> {
    let generation = application.generation();
    let definition = match application.definition(&text(call.string(0)?), kind) {
        Ok(definition) => definition,
        Err(refusal) => return rejected(call, 0, refusal),
    };
    if !accepts(kind, definition.kind) {
        let (name, found) = (&definition.name, definition.kind.name());
        let rule = match kind {
            MetricKind::Counter => {
                format!("must be the name of a counter or a gauge, {name} is a {found}")
            }
            MetricKind::Gauge => format!("must be the name of a gauge, {name} is a {found}"),
            _ => format!("must be the name of a histogram or a summary, {name} is a {found}"),
        };
        return rejected(call, 0, rule.into());
    }
    let labels = labels(call, position, table, &definition)?;
    match application.series(&definition, labels) {
        Ok(series) => {
            work(&series);
            if let Some(key) = key {
                KNOWN.with(|known| known.insert(application, generation, key, series));
            }
            Ok(())
        }
        Err(refusal) => rejected(call, position, refusal),
    }
}

/// Whether a metric of type `found` takes the calls for `kind`.
fn accepts(kind: MetricKind, found: MetricKind) -> bool {
    match kind {
        MetricKind::Counter => matches!(found, MetricKind::Counter | MetricKind::Gauge),
        MetricKind::Gauge => found == MetricKind::Gauge,
        MetricKind::Histogram | MetricKind::Summary => {
            matches!(found, MetricKind::Histogram | MetricKind::Summary)
        }
    }
}

/// The labels of an argument: by their names, or a list of values in the order of the definition.
fn labels(
    call: &Call<'_>,
    position: u32,
    table: Option<&HashTable>,
    definition: &Definition,
) -> Result<Labels, Thrown> {
    let (mut labels, mut result) = (Labels::new(), Ok(()));
    let Some(table) = table else {
        return Ok(labels);
    };
    hash_table::for_each(table, |key, value| {
        let label = match key {
            Key::Name(name) => Some(text(name)),
            Key::Index(index) => {
                let declared = usize::try_from(index).ok();
                declared.and_then(|index| definition.labels.get(index).cloned())
            }
        };
        let value = match (value::bytes(value), value::integer(value)) {
            (Some(value), _) => Some(text(value)),
            (_, number) => number.map(|number| number.to_string()),
        };
        match (label, value) {
            _ if result.is_err() => {}
            (Some(label), Some(value)) => labels.push((label, value)),
            (None, _) => {
                result = Err(call.value_error(
                    position,
                    c"must have a name for each label that is not registered",
                ))
            }
            (_, None) => {
                result =
                    Err(call.value_error(position, c"must have values of type string or int only"))
            }
        }
    });
    result.map(|()| labels)
}

/// The bytes of a call: kind, name, and labels in their order, each with its length.
struct CallBytes {
    bytes: [u8; MAX_CALL],
    len: usize,
}

impl CallBytes {
    const fn new() -> Self {
        Self {
            bytes: [0; MAX_CALL],
            len: 0,
        }
    }

    /// Writes the bytes; `None` if they are too many, or a label is neither string nor int.
    #[inline]
    fn write(
        &mut self,
        kind: MetricKind,
        name: &[u8],
        labels: Option<&HashTable>,
    ) -> Option<&[u8]> {
        self.put(&[kind as u8])?;
        self.put_part(name)?;
        if let Some(labels) = labels {
            let mut is_written = Some(());
            hash_table::for_each(labels, |key, value| {
                let written = match key {
                    Key::Name(name) => self.put_part(name),
                    Key::Index(index) => self
                        .put(&[255])
                        .and_then(|()| self.put(&index.to_le_bytes())),
                };
                let written =
                    written.and_then(|()| match (value::bytes(value), value::integer(value)) {
                        (Some(value), _) => self.put_part(value),
                        (None, number) => self
                            .put(&[255])
                            .and_then(|()| self.put(&number?.to_le_bytes())),
                    });
                is_written = is_written.and(written);
            });
            is_written?;
        }
        self.bytes.get(..self.len)
    }

    /// Writes a part of up to 254 bytes after its length; 255 marks a number.
    #[inline]
    fn put_part(&mut self, part: &[u8]) -> Option<()> {
        let length = u8::try_from(part.len())
            .ok()
            .filter(|length| *length < 255)?;
        self.put(&[length])?;
        self.put(part)
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len + bytes.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }
}

/// Frees the state of the calling thread. In GSHUTDOWN, or in MSHUTDOWN without ZTS.
pub fn thread_shutdown() {
    drop(KNOWN.replace(KnownSeries::new()));
}
