//! RoadRunner's HTTP workers. Where RoadRunner's PHP packages are installed the handler gets PSR-7 requests
//! from their `PSR7Worker`; else Pillion's Composer package has a small worker of its own, with plain requests.
//! Both are asked by `waitRequest` and `respond`, and [`crate::worker::runtimes::roadrunner`] sees what that reads.
//!
//! A worker that has to end (a limit, a signal) gives the next request back, and RoadRunner has another
//! worker serve it. Who just went could take a request with him that RoadRunner has already sent; and
//! RoadRunner counts its workers, and does not count those right that end while they have nothing to do.
//!
//! A process that the handler has forked, and that comes back here, is no worker of RoadRunner's: it gets a
//! `StateException`, and leaves the wire alone.

use std::sync::atomic::{AtomicU32, Ordering};

use ext_php_rs::ffi::zend_class_entry;
use pillion_engine::{Error, host::fork, worker::LoopLimits};

use super::{is_over, refuse, stdio::Wire};
use crate::{
    engine, worker,
    zend::{arguments::Thrown, call, interrupt, owned::OwnedZval, sapi, signals, value},
};

const PSR7: &str = "Spiral\\RoadRunner\\Http\\PSR7Worker";
const BRIDGE: &str = "Pillion\\Bridge\\RoadRunner\\HttpWorker";

/// Packages that make PSR-7 messages: their factories of requests, streams and uploads.
const FACTORIES: [[&str; 3]; 5] = [
    ["Nyholm\\Psr7\\Factory\\Psr17Factory"; 3],
    ["GuzzleHttp\\Psr7\\HttpFactory"; 3],
    [
        "HttpSoft\\Message\\ServerRequestFactory",
        "HttpSoft\\Message\\StreamFactory",
        "HttpSoft\\Message\\UploadedFileFactory",
    ],
    [
        "Laminas\\Diactoros\\ServerRequestFactory",
        "Laminas\\Diactoros\\StreamFactory",
        "Laminas\\Diactoros\\UploadedFileFactory",
    ],
    [
        "Slim\\Psr7\\Factory\\ServerRequestFactory",
        "Slim\\Psr7\\Factory\\StreamFactory",
        "Slim\\Psr7\\Factory\\UploadedFileFactory",
    ],
];

/// A worker that PHP code speaks to RoadRunner with.
#[derive(Clone, Copy)]
struct Worker {
    object: OwnedZval,
    /// It is RoadRunner's own, and not ours.
    is_psr7: bool,
    wire: Option<Wire>,
}

/// One more than the generation of the process that has called `loop()`; 0: none has.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// See [`super::serve`].
pub fn serve(handler: &OwnedZval, limits: LoopLimits) -> Result<u64, Thrown> {
    let mode = engine::environment_variable("RR_MODE").unwrap_or_default();
    if mode != "http" {
        return Err(Error::State(format!(
            "loop() serves HTTP, and RR_MODE is '{mode}': use the package of RoadRunner's for that"
        ))
        .into());
    }
    let ours = fork::generation() + 1;
    if let Err(owner) = OWNER.compare_exchange(0, ours, Ordering::AcqRel, Ordering::Acquire)
        && owner != ours
    {
        return Err(forked());
    }
    worker::runtimes::roadrunner::begins();
    let watched = signals::watch();
    sapi::redirect_output_to_stderr();
    let served = Worker::new().and_then(|worker| {
        let served = worker.serve(handler, limits);
        if let Some(wire) = worker.wire.filter(|_| is_owner()) {
            wire.give_back();
        }
        worker.object.release();
        served
    });
    // What a child says is for the log as before.
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

/// Whatever has been thrown already is its previous exception.
fn forked() -> Thrown {
    refuse(
        "loop(): found a process that a handler has forked; expected the process that RoadRunner has started: end a child with exit(), or have it run a program with pcntl_exec()",
    )
}

impl Worker {
    fn new() -> Result<Self, Thrown> {
        if let Some(class) = call::class(PSR7)? {
            return Ok(Self {
                object: psr7(class)?,
                is_psr7: true,
                wire: None,
            });
        }
        let Some(class) = call::class(BRIDGE)? else {
            return Err(refuse(
                "loop() needs a PHP package to speak with RoadRunner: composer require pillion/bridge, or spiral/roadrunner-http for PSR-7; and load Composer's autoloader before",
            ));
        };
        if !worker::runtimes::roadrunner::has_pipes() {
            return Ok(Self {
                object: call::new(class, &[])?,
                is_psr7: false,
                wire: None,
            });
        }
        let wire = Wire::take()?;
        let Some(streams) = wire.streams() else {
            return Err(Error::Internal("PHP makes no streams of RoadRunner's wire".into()).into());
        };
        let object = call::new(class, &streams);
        streams.into_iter().for_each(OwnedZval::release);
        Ok(Self {
            object: object?,
            is_psr7: false,
            wire: Some(wire),
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
            if !worker::runtimes::roadrunner::is_taken() {
                request.release();
                self.give_back()?;
                return Ok(served);
            }
            let answered = self.answer(handler, request);
            request.release();
            answered?;
            served += 1;
            worker::runtimes::roadrunner::answered();
            if is_over(limits, served) {
                signals::request_stop();
            }
        }
    }

    fn receive(&self) -> Result<OwnedZval, Thrown> {
        call::method(&self.object, "waitRequest", &[])
    }

    /// Calls the handler, and sends what it gives or throws. `exit()` ends the script.
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
                let told = self.fail(exception);
                exception.release();
                told?;
            }
        }
        Ok(())
    }

    /// Answers with status 500, and tells RoadRunner why.
    fn fail(&self, exception: OwnedZval) -> Result<(), Thrown> {
        if !self.is_psr7 {
            call::method(&self.object, "fail", &[exception])?.release();
            return Ok(());
        }
        let text = call::method(&exception, "__toString", &[])?;
        let told = self.with_inner(|inner| call::method(inner, "error", &[text]));
        text.release();
        told?.release();
        Ok(())
    }

    /// Has RoadRunner give the request to somebody else, and waits until it says stop: who ends before that may
    /// end before RoadRunner has read what was sent.
    fn give_back(&self) -> Result<(), Thrown> {
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

    /// Runs `work` with the worker below RoadRunner's `PSR7Worker`.
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

/// RoadRunner's own worker, with the factories of whichever package is there.
fn psr7(class: *mut zend_class_entry) -> Result<OwnedZval, Thrown> {
    for names in FACTORIES {
        let [request, stream, upload] = names.map(call::class);
        let (Some(request), Some(stream), Some(upload)) = (request?, stream?, upload?) else {
            continue;
        };
        let arguments = [
            call::function("Spiral\\RoadRunner\\Worker::create", &[])?,
            call::new(request, &[])?,
            call::new(stream, &[])?,
            call::new(upload, &[])?,
        ];
        let worker = call::new(class, &arguments);
        arguments.into_iter().for_each(OwnedZval::release);
        return worker;
    }
    Err(refuse(
        "RoadRunner's PSR7Worker needs a package that makes PSR-7 messages, and none is installed that loop() knows: composer require nyholm/psr7",
    ))
}
