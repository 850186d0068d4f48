//! A body of bytes on its way into memory or to disk. The network part runs on the runtime. The disk part
//! runs on blocking threads in steps, one for what has arrived since the last one: a step never waits for
//! the network, so any number of bodies passes through one blocking thread.

use std::{io::Write, mem, ops::Deref, time::Duration};

use reqwest::Response;
use tokio::task::{JoinHandle, spawn_blocking};

pub(in crate::velox) use super::receive::Inspect;
use super::{
    error::Trouble,
    receive::{Intake, cut, too_large},
};
use crate::{Error, config::duration, http_client::chain, runtime::CancellationToken};

/// Bytes that may wait for the disk; the sender waits beyond.
const MAX_WAITING: usize = 512 << 10;

/// Reads a response into memory, unpacked. `silence` bounds the wait for each piece, `most` the bytes of
/// the result. Uses no blocking thread.
pub(in crate::velox) async fn text(
    mut response: Response,
    silence: Duration,
    most: u64,
) -> Result<Vec<u8>, Trouble> {
    announced(&response, most)?;
    let mut intake = Intake::new(Vec::new(), most, None, CancellationToken::new());
    while let Some(piece) = piece(&mut response, silence).await? {
        intake.take(&piece)?;
    }
    intake.finish()
}

/// Streams a response into `sink`, unpacked. `silence` bounds the wait for each piece, `most` the bytes
/// that are written. A dropped call stops the writing at once.
pub(in crate::velox) async fn receive<S: Write + Send + 'static>(
    mut response: Response,
    silence: Duration,
    most: u64,
    sink: S,
    inspect: Option<Inspect>,
) -> Result<S, Trouble> {
    announced(&response, most)?;
    let cancel = CancellationToken::new();
    let _cancel_on_drop = cancel.clone().drop_guard();
    let mut writer = Writer::Idle(Box::new(Intake::new(sink, most, inspect, cancel)));
    let (mut waiting, mut ended) = (Vec::new(), false);
    loop {
        writer = match writer {
            Writer::Idle(intake) if ended && waiting.is_empty() => {
                let done = spawn_blocking(move || intake.finish()).await;
                return done.map_err(|_| shutting_down())?;
            }
            Writer::Idle(intake) if !waiting.is_empty() => {
                Writer::Busy(step(intake, mem::take(&mut waiting)))
            }
            writer => writer,
        };
        let reads = !ended && waiting.len() < MAX_WAITING;
        tokio::select! {
            biased;
            piece = piece(&mut response, silence), if reads => match piece? {
                Some(piece) => waiting.extend_from_slice(&piece),
                None => ended = true,
            },
            stepped = writer.stepped() => writer = Writer::Idle(stepped?),
        }
    }
}

/// Where the disk part is.
enum Writer<S: Write> {
    Idle(Box<Intake<S>>),
    Busy(Step<S>),
}

type Step<S> = JoinHandle<Result<Box<Intake<S>>, Trouble>>;

impl<S: Write> Writer<S> {
    /// The end of the step under way; pending without one. Cancel-safe.
    async fn stepped(&mut self) -> Result<Box<Intake<S>>, Trouble> {
        match self {
            Self::Idle(_) => std::future::pending().await,
            Self::Busy(step) => step.await.map_err(|_| shutting_down())?,
        }
    }
}

fn step<S: Write + Send + 'static>(mut intake: Box<Intake<S>>, bytes: Vec<u8>) -> Step<S> {
    spawn_blocking(move || {
        intake.take(&bytes)?;
        Ok(intake)
    })
}

/// The next piece; `None` at the proper end.
async fn piece(
    response: &mut Response,
    silence: Duration,
) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Trouble> {
    match tokio::time::timeout(silence, response.chunk()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(cut(&chain(&error))),
        Err(_) => Err(cut(&format!(
            "nothing came for {}",
            duration::format(silence)
        ))),
    }
}

fn announced(response: &Response, most: u64) -> Result<(), Trouble> {
    match response.content_length() {
        Some(length) if length > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

fn shutting_down() -> Trouble {
    Trouble::Final(Error::State("the process is shutting down".into()))
}
