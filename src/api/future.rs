//! `Pillion\Future`: PHP's handle on a job. It holds a reference to the job and no PHP value; when it is freed, the job
//! goes on. On PHP's threads.

use std::{mem, ptr, sync::Arc};

use ext_php_rs::ffi::{
    ZEND_ACC_FINAL, ZEND_ACC_NO_DYNAMIC_PROPERTIES, ZEND_ACC_NOT_SERIALIZABLE, zend_class_entry,
    zend_function, zend_object, zend_object_std_dtor, zend_throw_error, zval,
};
use pillion_engine::{
    Error,
    engine::Value,
    runtime::{Job, WaitOutcome, wait_until},
};

use super::{artifact, cache::codec};
use crate::{
    functions, futures, log,
    zend::{
        arguments::{Call, Thrown},
        class::{self, Class, ClassRef, Handlers},
        ffi,
        interrupt::PhpInterrupt,
        registration::Function,
        value,
        value_writer::ZvalOut,
    },
};

static CLASS: ClassRef = ClassRef::new();
static HANDLERS: Handlers = Handlers::new();

/// The job of an object; `None` if the engine has created the object by itself.
type Own = Option<Arc<Job<Value>>>;

const METHODS: &[Function] = functions! { methods;
    "id" "(): string" => id,
    "isDone" "(): bool" => is_done,
    "wait" "(?float $timeout = null): mixed" => wait,
    "cancel" "(): bool" => cancel,
    "state" "(): string" => state,
};

/// Registers the class.
///
/// # Safety
/// In MINIT.
pub unsafe fn register() {
    // SAFETY: by the contract.
    unsafe {
        HANDLERS.fill::<Own>(|handlers| {
            handlers.free_obj = Some(free);
            // The default comparison of properties would find all futures equal.
            handlers.compare = Some(ffi::zend_objects_not_comparable);
            handlers.get_constructor = Some(no_constructor);
        });
        Class {
            name: "Pillion\\Future",
            parent: ptr::null_mut(),
            flags: ZEND_ACC_FINAL | ZEND_ACC_NO_DYNAMIC_PROPERTIES | ZEND_ACC_NOT_SERIALIZABLE,
            methods: METHODS,
            properties: &[],
            create: Some(create),
        }
        .register(&CLASS);
    }
}

/// Returns a new object for a job.
pub fn return_object(job: Arc<Job<Value>>, ret: ZvalOut) {
    let id = job.id();
    // SAFETY: in a call on a PHP thread, after MINIT.
    let object = unsafe { class::instantiate::<Own>(CLASS.entry(), &HANDLERS, Some(job)) };
    futures::register(id, object);
    ret.object(object);
}

/// The job of a value, if the value is a future.
#[must_use]
pub fn job_of(value: &zval) -> Option<&Job<Value>> {
    let object = value::object(value)?;
    // SAFETY: a live object; the class is final, so its own part is ours.
    unsafe {
        if (*object).ce != CLASS.entry() {
            return None;
        }
        (*class::own::<Own>(object)).as_deref()
    }
}

unsafe extern "C" fn create(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: the engine calls this for our class, before `no_constructor`.
    unsafe { class::instantiate::<Own>(class, &HANDLERS, None) }
}

unsafe extern "C" fn no_constructor(_: *mut zend_object) -> *mut zend_function {
    // SAFETY: throws in the current call.
    unsafe {
        zend_throw_error(
            ptr::null_mut(),
            c"Cannot directly construct Pillion\\Future, functions such as Pillion\\Velox\\build() return it".as_ptr(),
        );
    }
    ptr::null_mut()
}

unsafe extern "C" fn free(object: *mut zend_object) {
    // SAFETY: the engine calls this once, when it frees the object.
    unsafe {
        if let Some(job) = (*class::own::<Own>(object)).take() {
            futures::forget(job.id());
            if job.is_ours() {
                drop(job);
            } else {
                // A job of the parent: its locks may be held by threads that this child does not have.
                mem::forget(job);
            }
        }
        zend_object_std_dtor(object);
    }
}

fn this<'a>(call: &Call<'a>) -> Result<&'a Job<Value>, Thrown> {
    // SAFETY: `this` is alive for the call and of our final class.
    unsafe { (*class::own::<Own>(call.this())).as_deref() }
        .ok_or_else(|| Error::Internal("a future without a job".into()).into())
}

fn id(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.string(this(call)?.id().to_string());
    Ok(())
}

fn is_done(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.bool(this(call)?.is_done());
    Ok(())
}

fn state(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.string(this(call)?.state().to_string());
    Ok(())
}

fn cancel(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.bool(this(call)?.cancel());
    Ok(())
}

/// Holds nothing with a destructor while it sleeps, because PHP may jump over this frame.
fn wait(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let timeout = call.opt_seconds(0)?;
    let job = this(call)?;
    job.check_process()?;
    if !job.is_done() {
        let wake = futures::wake_descriptor()?;
        match wait_until(wake, timeout, &PhpInterrupt, &|| job.is_done()) {
            WaitOutcome::Done => {}
            WaitOutcome::Forked => job.check_process()?,
            WaitOutcome::Interrupted => return Err(Thrown::Pending),
            WaitOutcome::TimedOut => {
                return Err(Error::Timeout(format!(
                    "{} is not done after {:.3} s; it goes on",
                    job.kind(),
                    timeout.unwrap_or_default().as_secs_f64()
                ))
                .into());
            }
        }
    }
    log::hand_over();
    match job.outcome() {
        Some(Ok(value)) => return_value(value, ret)?,
        Some(Err(error)) => return Err(error.clone().into()),
        None => return Err(Error::Internal("a job that is done without an outcome".into()).into()),
    }
    Ok(())
}

fn return_value(value: &Value, ret: ZvalOut) -> Result<(), Thrown> {
    match value {
        Value::Artifact(found) => artifact::return_object(found.clone(), ret),
        Value::Report(report) => ret.json(report),
        Value::Cached(values) => codec::return_values(values, ret)?,
    }
    Ok(())
}

/// Whether the job of a future that PHP holds is done.
#[must_use]
pub fn is_done_object(object: *mut zend_object) -> bool {
    // SAFETY: a live object of our class: `return_object` registers it, and `free` removes it.
    unsafe { (*class::own::<Own>(object)).as_deref() }.is_some_and(Job::is_done)
}

/// Returns a future that PHP holds.
pub fn return_again(object: *mut zend_object, ret: ZvalOut) {
    // SAFETY: as above; one more reference.
    unsafe { (*object).gc.refcount += 1 };
    ret.object(object);
}
