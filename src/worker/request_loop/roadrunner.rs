//! RoadRunner's HTTP workers. The handler gets PSR-7 requests from the `PSR7Worker` of RoadRunner's PHP packages if
//! they are installed, else plain requests from the worker of Pillion's Composer package. Both have `waitRequest` and
//! `respond`; [`crate::worker::runtimes::roadrunner`] follows their reads. A worker that has to end (a limit, a signal)
//! returns the next request, which RoadRunner sends to another worker: a request may be on its way already, and
//! RoadRunner miscounts workers that end while idle. A process that the handler has forked, and that returns here,
//! gets a `StateException` and must not touch the relay. On PHP's thread.

use std::sync::atomic::{AtomicU32, Ordering};

use pillion_engine::{Error, host::fork, worker::LoopLimits};

use super::{limits::is_reached, psr7, stdio::RelayStdio};
use crate::{
    startup,
    worker::{
        runtimes::{relay, roadrunner},
        state,
    },
    zend::{arguments::Thrown, call, interrupt, owned::OwnedZval, sapi, signals, value},
};

const BRIDGE: &str = "Pillion\\Bridge\\RoadRunner\\HttpWorker";

/// The PHP object that talks to RoadRunner.
#[derive(Clone, Copy)]
struct Worker {
    object: OwnedZval,
    /// It is RoadRunner's `PSR7Worker`, not Pillion's `HttpWorker`.
    is_psr7: bool,
    stdio: Option<RelayStdio>,
}

/// One more than the fork generation of the process that has called `loop()`; 0 if none has.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Serves requests until RoadRunner stops the worker, or a limit or a signal ends the loop; returns their number.
///
/// # Errors
/// No package for RoadRunner is installed, `RR_MODE` is not `http`, or this process is a forked child.
pub fn serve(handler: &OwnedZval, limits: LoopLimits) -> Result<u64, Thrown> {
    let mode = startup::environment_variable("RR_MODE").unwrap_or_default();
    if mode != "http" {
        return Err(Thrown::state(format!(
            "loop() serves HTTP, and RR_MODE is '{mode}': use the package of RoadRunner's for that"
        )));
    }
    let ours = fork::generation() + 1;
    if let Err(owner) = OWNER.compare_exchange(0, ours, Ordering::AcqRel, Ordering::Acquire)
        && owner != ours
    {
        return Err(forked());
    }
    relay::start();
    let watched = signals::watch();
    sapi::redirect_output_to_stderr();
    let served = Worker::new().and_then(|worker| {
        let served = worker.serve(handler, limits);
        if let Some(stdio) = worker.stdio.filter(|_| is_owner()) {
            stdio.restore();
        }
        worker.object.release();
        served
    });
    // The output of a child goes to the log still.
    if is_owner() {
        sapi::restore_output();
    }
    watched.restore();
    served
}

/// Whether this is the process that has called `loop()`.
fn is_owner() -> bool {
    OWNER.load(Ordering::Acquire) == fork::generation() + 1
}

/// The exception of a forked child; one that is pending becomes its previous exception.
fn forked() -> Thrown {
    Thrown::state(
        "loop(): found a process that a handler has forked; expected the process that RoadRunner has started: end a child with exit(), or have it run a program with pcntl_exec()",
    )
}

impl Worker {
    fn new() -> Result<Self, Thrown> {
        if let Some(object) = psr7::worker()? {
            return Ok(Self {
                object,
                is_psr7: true,
                stdio: None,
            });
        }
        let Some(class) = call::class(BRIDGE)? else {
            return Err(Thrown::state(
                "loop() needs a PHP package to speak with RoadRunner: composer require pillion/bridge, or spiral/roadrunner-http for PSR-7; and load Composer's autoloader before",
            ));
        };
        if !roadrunner::has_pipes() {
            return Ok(Self {
                object: call::new(class, &[])?,
                is_psr7: false,
                stdio: None,
            });
        }
        let stdio = RelayStdio::take()?;
        let Some(streams) = stdio.streams() else {
            return Err(Error::Internal("PHP made no streams of RoadRunner's relay".into()).into());
        };
        let object = call::new(class, &streams);
        streams.into_iter().for_each(OwnedZval::release);
        Ok(Self {
            object: object?,
            is_psr7: false,
            stdio: Some(stdio),
        })
    }

    fn serve(&self, handler: &OwnedZval, limits: LoopLimits) -> Result<u64, Thrown> {
        let mut served = 0;
        loop {
            let request = self.receive()?;
            if !is_owner() {
                request.release();
                return Err(forked());
            }
            if value::is_null(request.value()) {
                return Ok(served);
            }
            if !state::is_in_received_request() {
                request.release();
                self.return_request()?;
                return Ok(served);
            }
            let answered = self.answer(handler, request);
            request.release();
            answered?;
            served += 1;
            roadrunner::answered();
            if is_reached(limits, served) {
                signals::request_stop();
            }
        }
    }

    fn receive(&self) -> Result<OwnedZval, Thrown> {
        call::method(&self.object, "waitRequest", &[])
    }

    /// Calls the handler, and sends the response that it returns, or status 500 if it throws. `exit()` ends the script.
    fn answer(&self, handler: &OwnedZval, request: OwnedZval) -> Result<(), Thrown> {
        let answered = match call::call(handler, &[request]) {
            Ok(response) if !is_owner() => {
                response.release();
                return Err(forked());
            }
            Ok(response) => {
                let sent = call::method(&self.object, "respond", &[response]);
                response.release();
                sent
            }
            Err(thrown) => Err(thrown),
        };
        match answered {
            Ok(nothing) => {
                nothing.release();
                // The body of an answer may be a generator.
                if !is_owner() {
                    return Err(forked());
                }
            }
            Err(thrown) => {
                if !is_owner() && !interrupt::is_exiting() {
                    return Err(forked());
                }
                let exception = interrupt::take_exception();
                if exception.is_null() {
                    return Err(thrown);
                }
                let exception = call::object(exception);
                let sent = self.fail(exception);
                exception.release();
                sent?;
            }
        }
        Ok(())
    }

    /// Answers with status 500, and sends RoadRunner the exception for its log.
    fn fail(&self, exception: OwnedZval) -> Result<(), Thrown> {
        if !self.is_psr7 {
            call::method(&self.object, "fail", &[exception])?.release();
            return Ok(());
        }
        let text = call::method(&exception, "__toString", &[])?;
        let sent = self.with_inner(|inner| call::method(inner, "error", &[text]));
        text.release();
        sent?.release();
        Ok(())
    }

    /// Returns the request to RoadRunner for another worker, and waits for the order to stop: a worker that ends
    /// earlier may end before RoadRunner has read that.
    fn return_request(&self) -> Result<(), Thrown> {
        if !self.is_psr7 {
            call::method(&self.object, "stop", &[])?.release();
            return Ok(());
        }
        loop {
            self.with_inner(|inner| call::method(inner, "stop", &[]))?
                .release();
            let request = self.receive()?;
            let is_request = !value::is_null(request.value());
            request.release();
            if !is_request {
                return Ok(());
            }
        }
    }

    /// Runs `work` with the worker that RoadRunner's `PSR7Worker` wraps.
    fn with_inner(
        &self,
        work: impl FnOnce(&OwnedZval) -> Result<OwnedZval, Thrown>,
    ) -> Result<OwnedZval, Thrown> {
        let inner = call::method(&self.object, "getWorker", &[])?;
        let result = work(&inner);
        inner.release();
        result
    }
}
