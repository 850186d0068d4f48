//! Namespace `Pillion\Metrics`: the page of metrics. On PHP's threads.

use crate::{
    engine, functions,
    zend::{
        arguments::{Call, Thrown},
        module,
        registration::Function,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Metrics\\";
    "render" "(): string" => render,
};

fn render(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let php = module::version(c"standard");
    ret.string(engine::current().render_metrics(&php));
    Ok(())
}
