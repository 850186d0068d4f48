//! Runs blocking work on Tokio's blocking threads. If the system refuses a thread (a process limit, a seccomp filter),
//! Tokio panics after it has queued the work: here the panic becomes an error, and the work is taken back.

use std::{
    any::Any,
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::{Error, Result, descriptors};

thread_local! {
    static IS_STARTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is asking the system for a thread: a panic then means a refusal and is no defect.
#[must_use]
pub fn is_starting_thread() -> bool {
    IS_STARTING.get()
}

/// Runs `start`, which makes Tokio start threads, and turns the panic about a refused thread into an error.
///
/// # Errors
/// The system grants no thread.
pub(crate) fn catch_refusal<R>(start: impl FnOnce() -> R) -> io::Result<R> {
    IS_STARTING.set(true);
    let started = catch_unwind(AssertUnwindSafe(start));
    IS_STARTING.set(false);
    started.map_err(|panic| refusal(&panic_message(&*panic)))
}

/// Checks that the system grants `count` threads at once.
///
/// # Errors
/// The system grants fewer.
pub(crate) fn check(count: usize) -> io::Result<()> {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let mut threads = Vec::with_capacity(count);
    let mut checked = Ok(());
    for _ in 0..count {
        let gate = Arc::clone(&gate);
        let wait = move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
        match thread::Builder::new().stack_size(64 << 10).spawn(wait) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                checked = Err(refusal(&error.to_string()));
                break;
            }
        }
    }
    drop(closed);
    for thread in threads {
        let _ = thread.join();
    }
    checked
}

/// Runs `work` on a blocking thread. If the future is dropped, `work` goes on and is not awaited.
///
/// # Errors
/// [`Error::Io`] if the system grants no thread: `work` is not run. [`Error::Internal`] if it panics.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R> {
    let work = Arc::new(Mutex::new(Some(work)));
    let queued = Arc::clone(&work);
    let take =
        move |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let run = move || {
        descriptors::reserve_stdio();
        take(&queued).map(|work| work())
    };
    match catch_refusal(|| tokio::task::spawn_blocking(run)) {
        Ok(running) => match running.await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Error::Cancelled("the work was taken back".into())),
            Err(error) if error.is_panic() => {
                Err(Error::Internal(panic_message(&*error.into_panic())))
            }
            Err(_) => Err(Error::Cancelled(
                "the process ended before the work did".into(),
            )),
        },
        Err(error) => {
            drop(take(&work));
            Err(Error::io("starting a thread", error))
        }
    }
}

/// Whether a panic's message is Tokio's about a refused thread: a limit, not a defect.
#[must_use]
pub fn is_refusal(message: &str) -> bool {
    message.starts_with("OS can't spawn worker thread")
}

/// Returns the error of a job whose work has panicked.
pub(crate) fn error_from_panic(message: String) -> Error {
    if is_refusal(&message) {
        Error::io("starting a thread", refusal(&message))
    } else {
        Error::Internal(message)
    }
}

/// Returns the error for a refused thread; `text` is the system's message, possibly inside Tokio's panic message.
fn refusal(text: &str) -> io::Error {
    let why = text.rsplit_once("thread: ").map_or(text, |(_, why)| why);
    io::Error::other(format!(
        "the system refuses a thread ({why}); check the process limits (ulimit -u, TasksMax, pids.max) and seccomp filters"
    ))
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocking_work_runs_elsewhere_and_its_panic_is_an_error() {
        let here = thread::current().id();
        let there = blocking(|| thread::current().id()).await.unwrap();
        assert_ne!(there, here);
        let failed = blocking(|| panic!("no {}", "memory")).await;
        assert!(matches!(failed, Err(Error::Internal(text)) if text == "no memory"));
        assert!(!is_starting_thread());
    }

    #[test]
    fn refused_thread_is_an_error_with_the_systems_message() {
        let refused = catch_refusal(|| {
            panic!(
                "OS can't spawn worker thread: {}",
                "Resource temporarily unavailable (os error 11)"
            )
        });
        let text = refused.unwrap_err().to_string();
        assert!(
            text.starts_with(
                "the system refuses a thread (Resource temporarily unavailable (os error 11));"
            ),
            "{text}"
        );
        assert!(!is_starting_thread());
        check(3).unwrap();
        let message = "OS can't spawn worker thread: Resource temporarily unavailable";
        assert_eq!(error_from_panic(message.to_owned()).code(), 900);
        assert_eq!(
            error_from_panic("index out of bounds".to_owned()).code(),
            999
        );
    }
}
