//! Namespace `Pillion\Metrics`: the application's own metrics, and the page of all metrics. A call that is right never
//! fails: where there is no memory for a series, it counts as refused. On PHP's threads.

mod call;
mod page;

use std::{cell::Cell, ffi::CString, sync::Arc};

use pillion_engine::metrics::{
    MetricKind,
    application::{GaugeMode, Refusal, definition::Definition},
};

use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        hash_table,
        registration::Function,
        value,
        value_writer::ZvalOut,
    },
};
pub use call::thread_shutdown;

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Metrics\\";
    "register" "(string $name, string $type, string $help = '', array $labels = [], array $buckets = [], string $mode = ''): void" => register,
    "unregister" "(string $name): bool" => unregister,
    "increment" "(string $name, array $labels = [], float $by = 1.0): void" => increment,
    "gauge" "(string $name, float $value, array $labels = []): void" => gauge,
    "observe" "(string $name, float $value, array $labels = []): void" => observe,
    "families" "(): array" => page::families,
    "clear" "(): void" => clear,
    "render" "(?string $accept = null): string" => page::render,
    "content_type" "(?string $accept = null): string" => page::content_type,
};

fn register(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let (name, kind) = (call.string(0)?, call.string(1)?);
    let help = optional(call, 2, Call::string)?.unwrap_or_default();
    let labels = optional(call, 3, Call::array)?;
    let buckets = optional(call, 4, Call::array)?;
    let mode = optional(call, 5, Call::string)?.unwrap_or_default();
    let kind = MetricKind::of_name(&text(kind))
        .ok_or_else(|| call.value_error(1, c"must be one of counter, gauge, histogram, summary"))?;
    let mode = GaugeMode::of_name(&text(mode)).ok_or_else(|| {
        call.value_error(
            5,
            c"must be one of mostrecent, livesum, liveall, livemax, livemin",
        )
    })?;
    let (mut names, mut bounds, mut result) = (Vec::new(), Vec::new(), Ok(()));
    if let Some(labels) = labels {
        hash_table::for_each(labels, |_, label| match (&result, value::bytes(label)) {
            (Ok(()), Some(label)) => names.push(text(label)),
            (Ok(()), None) => result = Err(call.element_type_error(3, c"names of labels", label)),
            _ => {}
        });
    }
    if let Some(buckets) = buckets {
        hash_table::for_each(buckets, |_, bound| match (&result, value::number(bound)) {
            (Ok(()), Some(bound)) => bounds.push(bound),
            (Ok(()), None) => result = Err(call.element_type_error(4, c"int or float", bound)),
            _ => {}
        });
    }
    result?;
    let definition = Definition {
        name: text(name),
        kind,
        help: text(help),
        labels: names,
        bounds: Arc::from(bounds),
        mode,
    };
    match engine::current().application_metrics() {
        Some(application) => application
            .declare(definition)
            .or_else(|refusal| rejected(call, 0, refusal)),
        None => Ok(()),
    }
}

/// An argument, if it was given.
fn optional<'a, T>(
    call: &Call<'a>,
    position: u32,
    read: impl Fn(&Call<'a>, u32) -> Result<T, Thrown>,
) -> Result<Option<T>, Thrown> {
    (call.len() > position)
        .then(|| read(call, position))
        .transpose()
}

fn unregister(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = text(call.string(0)?);
    let application = engine::current().application_metrics();
    ret.bool(application.is_some_and(|application| application.unregister(&name)));
    Ok(())
}

fn increment(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let by = call.float_or(2, 1.0)?;
    let is_negative = Cell::new(false);
    call::with_series(call, 1, MetricKind::Counter, |series| {
        is_negative.set(by < 0.0 && series.kind == MetricKind::Counter);
        if by.is_finite() {
            series.add(by);
        }
    })?;
    match (by.is_finite(), is_negative.get()) {
        (false, _) => Err(call.value_error(2, c"must be finite")),
        (_, true) => Err(call.value_error(2, c"must not be negative for a counter")),
        _ => Ok(()),
    }
}

fn gauge(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let value = call.float_or(1, 0.0)?;
    call::with_series(call, 2, MetricKind::Gauge, |series| series.set(value))
}

fn observe(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let value = call.float_or(1, 0.0)?;
    call::with_series(call, 2, MetricKind::Histogram, |series| {
        series.observe(value);
    })
}

fn clear(_: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    if let Some(application) = engine::current().application_metrics() {
        application.clear();
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Throws a `ValueError` for a call that breaks a rule.
fn rejected(call: &Call<'_>, position: u32, refusal: Refusal) -> Result<(), Thrown> {
    match refusal {
        Refusal::Invalid(rule) => {
            let rule = CString::new(rule).unwrap_or_default();
            Err(call.value_error(position, &rule))
        }
        Refusal::Full => Ok(()),
    }
}
