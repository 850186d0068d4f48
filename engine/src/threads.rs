//! Work that blocks, on a thread for such work; and what becomes of it where the system gives no thread (a limit of
//! processes, a filter of system calls). Tokio panics then, and has queued the work: the panic becomes an error here, and
//! the work is taken back.

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
    static STARTS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread asks the system for a thread now: a panic says that there is none, which is no defect.
#[must_use]
pub fn starts_thread() -> bool {
    STARTS.get()
}

/// Runs what has Tokio start threads.
///
/// # Errors
/// The system gives none.
pub(crate) fn starting<R>(start: impl FnOnce() -> R) -> io::Result<R> {
    STARTS.set(true);
    let started = catch_unwind(AssertUnwindSafe(start));
    STARTS.set(false);
    started.map_err(|panic| refusal(&message(&*panic)))
}

/// Whether the system gives so many threads at once.
///
/// # Errors
/// It does not.
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

/// Runs `work` on a thread that may block. Its end is not waited for where the future is dropped.
///
/// # Errors
/// [`Error::Io`] where the system gives no thread: `work` is not run. [`Error::Internal`] where it panics.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R> {
    let work = Arc::new(Mutex::new(Some(work)));
    let queued = Arc::clone(&work);
    let take =
        move |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let run = move || {
        descriptors::hold_standard();
        take(&queued).map(|work| work())
    };
    match starting(|| tokio::task::spawn_blocking(run)) {
        Ok(running) => match running.await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Error::Cancelled("the work was taken back".into())),
            Err(error) if error.is_panic() => Err(Error::Internal(message(&*error.into_panic()))),
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

/// Whether a panic's message is that of Tokio where it is given no thread: a limit, and no defect.
#[must_use]
pub fn is_refusal(message: &str) -> bool {
    message.starts_with("OS can't spawn worker thread")
}

/// What a job ends with whose work has panicked.
pub(crate) fn error_of(message: String) -> Error {
    if is_refusal(&message) {
        Error::io("starting a thread", refusal(&message))
    } else {
        Error::Internal(message)
    }
}

/// What an error of the system says, in a panic's message or not.
fn refusal(text: &str) -> io::Error {
    let why = text.rsplit_once("thread: ").map_or(text, |(_, why)| why);
    io::Error::other(format!(
        "the system gives no thread ({why}); limits of processes (ulimit -u, TasksMax, pids.max) or a seccomp filter may forbid it"
    ))
}

/// A panic's message.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
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
    async fn work_runs_elsewhere_and_its_panic_is_an_error() {
        let here = thread::current().id();
        let there = blocking(|| thread::current().id()).await.unwrap();
        assert_ne!(there, here);
        let failed = blocking(|| panic!("no {}", "luck")).await;
        assert!(matches!(failed, Err(Error::Internal(text)) if text == "no luck"));
        assert!(!starts_thread());
    }

    #[test]
    fn a_refused_thread_is_an_error_with_the_systems_words() {
        let refused = starting(|| {
            panic!(
                "OS can't spawn worker thread: {}",
                "Resource temporarily unavailable (os error 11)"
            )
        });
        let text = refused.unwrap_err().to_string();
        assert!(
            text.starts_with(
                "the system gives no thread (Resource temporarily unavailable (os error 11));"
            ),
            "{text}"
        );
        assert!(!starts_thread());
        check(3).unwrap();
        let message = "OS can't spawn worker thread: Resource temporarily unavailable";
        assert_eq!(error_of(message.to_owned()).code(), 900);
        assert_eq!(error_of("index out of bounds".to_owned()).code(), 999);
    }
}
