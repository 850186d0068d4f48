//! Namespace `Pillion\Sentry`: the outbox, its state and counters. On PHP's threads.

use pillion_engine::{
    Error, Result,
    engine::Value,
    error::Violation,
    runtime::{WaitOutcome, wait_until},
    sentry::{Sentry, protocol::envelope},
};

use crate::{
    engine, functions, futures,
    worker::sentry_wake,
    zend::{
        arguments::{Call, Thrown},
        hash_table,
        interrupt::PhpInterrupt,
        lossy_json,
        registration::Function,
        value,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Sentry\\";
    "send" "(string $envelope, ?string $dsn = null): bool" => send,
    "send_batch" "(array $envelopes, ?string $dsn = null): array" => send_batch,
    "capture" "(array $event, ?string $dsn = null): ?string" => capture,
    "flush" "(?float $timeout = null): bool" => flush,
    "settings" "(): array" => settings,
    "status" "(): array" => status,
    "rate_limits" "(?string $dsn = null): array" => rate_limits,
    "metrics" "(): array" => metrics,
    "dead_letters" "(int $limit = 100): array" => dead_letters,
    "replay" "(?string $id = null): int" => replay,
};

/// Sentry, with its outbox; opened now if nothing was sent before.
#[inline]
fn sentry() -> Result<&'static Sentry> {
    let engine = engine::current();
    if !engine.is_sentry_open() {
        engine::refuse_preloading()?;
    }
    engine.sentry().map(AsRef::as_ref)
}

fn send(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let sentry = sentry()?;
    let taken = sentry.queue(call.string(0)?, call.opt_string(1)?)?;
    if taken {
        sentry_wake::after_push(sentry);
    }
    ret.bool(taken);
    Ok(())
}

/// All are checked before the first one is queued, so that none is sent if one is invalid.
fn send_batch(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let envelopes = call.array(0)?;
    let dsn = call.opt_string(1)?;
    let (mut no_string, mut wrong, mut count) = (None, Vec::new(), 0);
    hash_table::for_each(envelopes, |key, element| {
        count += 1;
        match value::bytes(element) {
            None => no_string = no_string.or(Some(element)),
            Some(bytes) => wrong.extend(envelope::peek(bytes).err().map(|why| Violation {
                field: match key {
                    hash_table::Key::Index(index) => format!("envelopes[{index}]"),
                    hash_table::Key::Name(name) => {
                        format!("envelopes[{}]", String::from_utf8_lossy(name))
                    }
                },
                message: why,
            })),
        }
    });
    if let Some(element) = no_string {
        return Err(call.element_type_error(0, c"string", element));
    }
    if !wrong.is_empty() {
        return Err(Error::InvalidRequest(wrong).into());
    }
    let sentry = sentry()?;
    let taken = ret.array(count);
    let mut trouble = Ok(());
    hash_table::for_each(envelopes, |key, element| {
        let sent = sentry.queue(value::bytes(element).unwrap_or_default(), dsn);
        taken.insert_with_key(key, |ret| ret.bool(matches!(sent, Ok(true))));
        if trouble.is_ok() {
            trouble = sent.map(drop);
        }
    });
    sentry_wake::after_push(sentry);
    Ok(trouble?)
}

fn capture(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let (table, dsn) = (call.array(0)?, call.opt_string(1)?);
    if !sentry()?.has_project(dsn)? {
        return Ok(());
    }
    let event = lossy_json::object(table)?;
    let sentry = sentry()?;
    if let Some(captured) = sentry.capture_json(&event, dsn)? {
        sentry_wake::after_push(sentry);
        ret.string(captured.event_id);
    }
    Ok(())
}

/// Holds nothing with a destructor while it sleeps, because PHP may jump over this frame.
fn flush(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let given = call.opt_seconds(0)?;
    let engine = engine::current();
    ret.bool(true);
    if !engine.is_sentry_open() {
        return Ok(());
    }
    let timeout = given.unwrap_or_else(|| engine.shutdown_timeout());
    let wake = futures::wake_descriptor()?;
    let completions = futures::completions()?;
    // The runtime holds the job while it runs, so a jump over this frame leaks this reference only.
    let job = engine.flush_sentry(Some(completions))?;
    let waited = wait_until(wake, Some(timeout), &PhpInterrupt, &|| job.is_done());
    match waited {
        WaitOutcome::Done => ret.bool(matches!(
            job.outcome(),
            Some(Ok(Value::Report(report))) if report == true
        )),
        WaitOutcome::TimedOut => {
            job.cancel();
            ret.bool(false);
        }
        WaitOutcome::Forked => {
            // A job of the parent: its locks may be held by threads that this child does not have.
            std::mem::forget(job);
            ret.bool(false);
        }
        WaitOutcome::Interrupted => {
            job.cancel();
            return Err(Thrown::Pending);
        }
    }
    Ok(())
}

/// Opens no outbox: cheap enough for each request.
fn settings(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let settings = engine::current().sentry_settings()?;
    ret.json(&pillion_engine::sentry::settings(settings));
    Ok(())
}

fn status(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&sentry()?.status());
    Ok(())
}

fn rate_limits(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&sentry()?.rate_limits(call.opt_string(0)?)?);
    Ok(())
}

fn metrics(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&sentry()?.metrics());
    Ok(())
}

fn dead_letters(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let limit = call.int_or(0, 100)?;
    let Ok(limit) = usize::try_from(limit) else {
        return Err(call.value_error(0, c"must be greater than or equal to 0"));
    };
    ret.json(&sentry()?.dead_letters(limit));
    Ok(())
}

fn replay(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let id = call.opt_string(0)?.map(String::from_utf8_lossy);
    let count = sentry()?.replay(id.as_deref())?;
    ret.int(count.try_into().unwrap_or(i64::MAX));
    Ok(())
}
