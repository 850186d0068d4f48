//! Namespace `Pillion\Worker`: requests in workers. On PHP's threads.

mod status;

use pillion_engine::worker::{
    Event,
    hooks::MAX_HOOKS,
    request_id::from_header,
    request_state::{OpenedBy, RequestState},
};

use crate::{
    functions, leak_check,
    worker::{
        hooks, mode, request_id, request_loop, reset,
        scope::{self, OutsideRequest},
        state, transition,
    },
    zend::{
        arguments::{Call, Thrown},
        owned::OwnedZval,
        registration::Function,
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Worker\\";
    "mode" "(): string" => mode,
    "request_id" "(): string" => current_id,
    "request_begin" "(?string $id = null): void" => request_begin,
    "request_end" "(): void" => request_end,
    "loop" "(callable $handler, int $maxRequests = 0): int" => serve_requests,
    "on_reset" "(callable $hook, int $priority = 0): int" => on_reset,
    "remove_hook" "(int $id): bool" => remove_hook,
    "scope_set" "(string $key, mixed $value): void" => scope_set,
    "scope_get" "(string $key, mixed $default = null): mixed" => scope_get,
    "leaks" "(): array" => leaks,
    "status" "(): array" => status::status,
};

fn mode(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.string(mode::current().name());
    Ok(())
}

fn current_id(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.string(request_id::get()?);
    Ok(())
}

fn request_begin(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let id = match call.opt_string(0)? {
        Some(given) => Some(from_header(given).ok_or_else(|| {
            call.value_error(0, c"must be 1 to 128 letters, digits and -_.:+/=@")
        })?),
        None => None,
    };
    reset::before_manual_request();
    transition::advance(Event::ManualBegin).map_err(refused)?;
    reset::manual_request_started();
    if let Some(id) = id {
        request_id::set(id.to_owned());
    }
    Ok(())
}

fn request_end(_: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    if state::current() == RequestState::Open(OpenedBy::Manual) {
        if hooks::is_running() {
            return Err(Thrown::state(
                "request_end() was called by a reset hook: the request ends by itself after the hooks",
            ));
        }
        reset::run();
        reset::manual_request_reset();
    }
    transition::advance(Event::ManualEnd).map_err(refused)?;
    Ok(())
}

fn serve_requests(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let handler = call.callable(0)?;
    let most = u64::try_from(call.int_or(1, 0)?)
        .map_err(|_| call.value_error(1, c"must be greater than or equal to 0"))?;
    // The handler outlives its variable.
    let handler = OwnedZval::new(handler);
    let served = request_loop::serve(&handler, most);
    handler.release();
    ret.int(served?.try_into().unwrap_or(i64::MAX));
    Ok(())
}

fn on_reset(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let hook = call.callable(0)?;
    let priority = call.int_or(1, 0)?;
    let id = reset::add_hook(OwnedZval::new(hook), priority).ok_or_else(|| {
        Thrown::state(format!(
            "{MAX_HOOKS} hooks are registered: register each once, before the loop, and not in every request"
        ))
    })?;
    ret.int(id.try_into().unwrap_or(i64::MAX));
    Ok(())
}

fn remove_hook(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let id = call.int_or(0, 0)?;
    ret.bool(u64::try_from(id).is_ok_and(hooks::remove));
    Ok(())
}

fn scope_set(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let name = call.string(0)?;
    let Some(value) = call.any(1) else {
        return Ok(());
    };
    let kept = OwnedZval::new(value);
    match scope::set(name, kept) {
        Ok(Some(before)) => before.release(),
        Ok(None) => {}
        Err(OutsideRequest) => {
            kept.release();
            return Err(Thrown::state(
                "scope_set() was called between two requests: there is no scope to keep it in",
            ));
        }
    }
    Ok(())
}

fn scope_get(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let name = call.string(0)?;
    match scope::get(name) {
        Some(value) => value.copy_to(ret),
        None => {
            if let Some(default) = call.any(1) {
                ret.copy(default);
            }
        }
    }
    Ok(())
}

fn refused(error: pillion_engine::worker::RequestStateError) -> Thrown {
    Thrown::state(transition::explain(error))
}

fn leaks(_: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    ret.json(&leak_check::current_leaks());
    Ok(())
}
