//! Namespace `Pillion`: futures of all kinds, and the status. On PHP's threads.

use ext_php_rs::ffi::HashTable;
use pillion_engine::runtime::{WaitOutcome, wait_until};

use super::future;
use crate::{
    alloc, engine, functions, futures,
    zend::{
        arguments::{Call, Thrown},
        hash_table,
        interrupt::PhpInterrupt,
        registration::Function,
        stream,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\";
    "select" "(array $futures, ?float $timeout = null): array" => select,
    "notifier" "()" => notifier,
    "completed" "(): array" => completed,
    "status" "(): array" => status,
};

/// Holds nothing with a destructor while it sleeps, because PHP may jump over this frame.
fn select(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let futures = call.array(0)?;
    let timeout = call.opt_seconds(1)?;
    let mut is_empty = true;
    let mut wrong = None;
    hash_table::for_each(futures, |_, value| {
        is_empty = false;
        if future::job_of(value).is_none() {
            wrong = wrong.or(Some(value));
        }
    });
    if let Some(element) = wrong {
        return Err(call.element_type_error(0, c"Pillion\\Future", element));
    }
    check_all(futures)?;
    let any_done = || {
        let mut any = false;
        hash_table::for_each(futures, |_, value| {
            any |= future::job_of(value).is_some_and(|job| job.is_done());
        });
        any
    };
    if !is_empty && !any_done() {
        let wake = futures::wake_descriptor()?;
        match wait_until(wake, timeout, &PhpInterrupt, &any_done) {
            WaitOutcome::Interrupted => return Err(Thrown::Pending),
            WaitOutcome::Forked => check_all(futures)?,
            WaitOutcome::Done | WaitOutcome::TimedOut => {}
        }
    }
    let done = ret.array(0);
    hash_table::for_each(futures, |key, value| {
        if future::job_of(value).is_some_and(|job| job.is_done()) {
            done.insert_with_key(key, |ret| ret.copy(value));
        }
    });
    Ok(())
}

/// Fails if one of the futures belongs to the parent of this forked child.
fn check_all(futures: &HashTable) -> Result<(), Thrown> {
    let mut trouble = Ok(());
    hash_table::for_each(futures, |_, value| {
        if let Some(job) = future::job_of(value)
            && trouble.is_ok()
        {
            trouble = job.check_process();
        }
    });
    Ok(trouble?)
}

fn notifier(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    if futures::notifier().is_some_and(|stream| stream.return_again(ret)) {
        return Ok(());
    }
    let socket = futures::open_notifier()?;
    futures::set_notifier(stream::return_socket(socket, ret));
    Ok(())
}

fn completed(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let list = ret.array(0);
    for object in futures::take_completed(future::is_done_object)? {
        list.push(|ret| future::return_again(object, ret));
    }
    Ok(())
}

fn status(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&engine::current().status(alloc::live()));
    Ok(())
}
