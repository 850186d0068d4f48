//! Namespace `Pillion\Metrics`: the page of metrics. On PHP's threads.

use crate::{
    engine, handler,
    zend::{
        arguments::{Call, Thrown},
        module,
        registration::{Function, function},
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = &[function(
    "Pillion\\Metrics\\render",
    "(): string",
    handler!(render),
)];

fn render(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    call.arity(0, 0)?;
    let php = module::version(c"standard");
    ret.string(engine::current().render_metrics(&php));
    Ok(())
}
