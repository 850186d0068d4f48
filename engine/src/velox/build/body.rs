//! Receives a body of bytes into memory or to disk. Network I/O runs on the runtime. Disk I/O runs on blocking threads
//! in steps, each for the bytes received since the last one: a step never waits for the network, so any number of
//! bodies can share one blocking thread.

use std::{io::Write, mem, ops::Deref, time::Duration};

use reqwest::Response;
use tokio::task::{JoinHandle, spawn_blocking};

pub(in crate::velox) use super::body_decoder::Inspect;
use super::{
    body_decoder::{BodyDecoder, too_large, truncated},
    error::AttemptError,
};
use crate::{Error, config::duration, http_client::cause, runtime::CancellationToken};

/// The limit of bytes that wait for the disk. Beyond it the body is not read.
const MAX_BUFFERED: usize = 512 << 10;

/// Reads a response into memory, decompressed. `idle_timeout` limits the wait for each chunk, `max_size` the bytes of
/// the result. Uses no blocking thread.
pub(in crate::velox) async fn read_to_end(
    mut response: Response,
    idle_timeout: Duration,
    max_size: u64,
) -> Result<Vec<u8>, AttemptError> {
    check_length(&response, max_size)?;
    let mut decoder = BodyDecoder::new(Vec::new(), max_size, None, CancellationToken::new());
    while let Some(chunk) = next_chunk(&mut response, idle_timeout).await? {
        decoder.write(&chunk)?;
    }
    decoder.finish()
}

/// Streams a response into `sink`, decompressed. `idle_timeout` limits the wait for each chunk, `max_size` the written
/// bytes. Dropping the call stops the writing at once.
pub(in crate::velox) async fn receive<S: Write + Send + 'static>(
    mut response: Response,
    idle_timeout: Duration,
    max_size: u64,
    sink: S,
    inspect: Option<Inspect>,
) -> Result<S, AttemptError> {
    check_length(&response, max_size)?;
    let cancel = CancellationToken::new();
    let _cancel_on_drop = cancel.clone().drop_guard();
    let mut writer = Writer::Idle(Box::new(BodyDecoder::new(sink, max_size, inspect, cancel)));
    let (mut buffered, mut ended) = (Vec::new(), false);
    loop {
        writer = match writer {
            Writer::Idle(decoder) if ended && buffered.is_empty() => {
                let done = spawn_blocking(move || decoder.finish()).await;
                return done.map_err(|_| shutting_down())?;
            }
            Writer::Idle(decoder) if !buffered.is_empty() => {
                Writer::Busy(write_step(decoder, mem::take(&mut buffered)))
            }
            writer => writer,
        };
        let reads = !ended && buffered.len() < MAX_BUFFERED;
        tokio::select! {
            biased;
            chunk = next_chunk(&mut response, idle_timeout), if reads => match chunk? {
                Some(chunk) => buffered.extend_from_slice(&chunk),
                None => ended = true,
            },
            stepped = writer.stepped() => writer = Writer::Idle(stepped?),
        }
    }
}

/// The state of the disk I/O.
enum Writer<S: Write> {
    Idle(Box<BodyDecoder<S>>),
    Busy(WriteStep<S>),
}

type WriteStep<S> = JoinHandle<Result<Box<BodyDecoder<S>>, AttemptError>>;

impl<S: Write> Writer<S> {
    /// Resolves when the running step ends; pending without one. Cancel-safe.
    async fn stepped(&mut self) -> Result<Box<BodyDecoder<S>>, AttemptError> {
        match self {
            Self::Idle(_) => std::future::pending().await,
            Self::Busy(step) => step.await.map_err(|_| shutting_down())?,
        }
    }
}

fn write_step<S: Write + Send + 'static>(
    mut decoder: Box<BodyDecoder<S>>,
    bytes: Vec<u8>,
) -> WriteStep<S> {
    spawn_blocking(move || {
        decoder.write(&bytes)?;
        Ok(decoder)
    })
}

/// Returns the next chunk, or `None` at the proper end.
async fn next_chunk(
    response: &mut Response,
    idle_timeout: Duration,
) -> Result<Option<impl Deref<Target = [u8]> + use<>>, AttemptError> {
    match tokio::time::timeout(idle_timeout, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(truncated(&cause(&error))),
        Err(_) => Err(truncated(&format!(
            "no data for {}",
            duration::format(idle_timeout)
        ))),
    }
}

fn check_length(response: &Response, max_size: u64) -> Result<(), AttemptError> {
    match response.content_length() {
        Some(length) if length > max_size => Err(too_large(max_size)),
        _ => Ok(()),
    }
}

fn shutting_down() -> AttemptError {
    AttemptError::Permanent(Error::State("the process is shutting down".into()))
}
