//! The page of all metrics, and the application's metrics as arrays. On PHP's threads.

use pillion_engine::metrics::{Family, Format, Reading};

use super::text;
use crate::{
    engine,
    zend::{
        arguments::{Call, Thrown},
        module,
        value_writer::{ArrayOut, ZvalOut},
    },
};

pub fn render(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let php = module::version(c"standard");
    ret.string(engine::current().render_metrics(&php, format(call)?));
    Ok(())
}

pub fn content_type(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.string(format(call)?.content_type());
    Ok(())
}

/// The format that a value of the header `Accept` asks for.
fn format(call: &Call<'_>) -> Result<Format, Thrown> {
    let accept = call.opt_string(0)?;
    Ok(accept.map_or(Format::Prometheus, |accept| {
        Format::of_accept(&text(accept))
    }))
}

pub fn families(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let families = engine::current().application_families();
    let list = ret.array(families.len());
    for family in &families {
        list.push(|out| write_family(out.array(4), family));
    }
    Ok(())
}

fn write_family(family_out: ArrayOut, family: &Family) {
    family_out.insert("name", |out| out.string(family.name.as_bytes()));
    family_out.insert("type", |out| out.string(family.kind.name()));
    family_out.insert("help", |out| out.string(family.help.as_bytes()));
    family_out.insert("samples", |out| {
        let samples = out.array(family.samples.len());
        for sample in &family.samples {
            samples.push(|out| {
                let fields = out.array(4);
                fields.insert("labels", |out| {
                    let labels = out.array(sample.labels.len());
                    for (label, value) in &sample.labels {
                        labels.insert(label, |out| out.string(value.as_bytes()));
                    }
                });
                write_reading(fields, &sample.reading);
            });
        }
    });
}

fn write_reading(fields: ArrayOut, reading: &Reading) {
    match reading {
        Reading::Number(value) => fields.insert("value", |out| out.float(*value)),
        Reading::Total { sum, count } => write_total(fields, *sum, *count),
        Reading::Buckets { below, sum, count } => {
            fields.insert("buckets", |out| {
                let buckets = out.array(below.len());
                for (bound, count) in below {
                    buckets.push(|out| {
                        let pair = out.array(2);
                        pair.push(|out| out.float(*bound));
                        pair.push(|out| write_count(out, *count));
                    });
                }
            });
            write_total(fields, *sum, *count);
        }
    }
}

fn write_total(fields: ArrayOut, sum: f64, count: u64) {
    fields.insert("sum", |out| out.float(sum));
    fields.insert("count", |out| write_count(out, count));
}

fn write_count(out: ZvalOut, count: u64) {
    out.int(i64::try_from(count).unwrap_or(i64::MAX));
}
