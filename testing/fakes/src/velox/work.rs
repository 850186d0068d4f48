//! One running build: waits for its delay, creates the file or the bytes, and returns the answer. It holds the
//! flight's slot until then; dropped before, it counts as cancelled.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzEncoder;

use super::answer::{Answer, Gzip};
use super::behaviour::Behaviour;
use super::binary::{Binary, SMALLEST};
use super::connect;
use super::files::FileFault;
use super::message::Platform;
use super::service::{Reply, busy};
use super::state::{End, Slot, State};
use crate::http::{Body, Response};

const BYTES: &str = "application/octet-stream";

pub(super) struct Work {
    pub(super) state: Arc<State>,
    pub(super) hash: String,
    /// Its number among the builds of this configuration, from 1.
    pub(super) count: u64,
    /// Absent if a proxy answers and nothing is built.
    pub(super) slot: Option<Slot>,
    pub(super) platform: Platform,
    pub(super) behaviour: Behaviour,
    pub(super) takes: Duration,
    /// The server's size of a binary.
    pub(super) size: u64,
}

impl Work {
    /// Runs the build. Cancel safe: a dropped call is a cancelled build.
    pub(super) async fn run(mut self) -> Reply {
        let slot = self.slot.take();
        self.wait().await;
        let (response, then_delete) = self.answer().await;
        if let Some(mut slot) = slot {
            slot.end = if response.status < 400 {
                End::Finished
            } else {
                End::Failed
            };
        }
        Reply {
            response,
            delivery: self.behaviour.delivery,
            then_delete,
        }
    }

    async fn wait(&self) {
        tokio::time::sleep(self.takes).await;
        if let Some(name) = &self.behaviour.until_released {
            self.state.released(name).await;
        }
        if self.behaviour.answer == Answer::Hang {
            std::future::pending().await
        }
    }

    async fn answer(&self) -> (Response, Option<PathBuf>) {
        let response = match &self.behaviour.answer {
            Answer::Build {
                file,
                size,
                logs,
                logs_bytes,
            } => {
                return self
                    .build(*file, *size, logs.clone() + &made_up_logs(*logs_bytes))
                    .await;
            }
            Answer::Path { path } => connect::answer(path, ""),
            Answer::Bytes {
                size,
                gzip,
                keep,
                content_type,
            } => self.bytes(
                *size,
                *gzip,
                *keep,
                content_type.as_deref().unwrap_or(BYTES),
            ),
            Answer::Bomb { size } => {
                let head = self.binary(Some(*size)).take(SMALLEST);
                let bomb = head.chain(io::repeat(0)).take(*size);
                stream(
                    BYTES,
                    Box::new(GzEncoder::new(bomb, Compression::best())),
                    None,
                )
            }
            Answer::Endless => stream(BYTES, Box::new(self.binary(Some(u64::MAX))), None),
            Answer::Busy => busy(&self.hash),
            Answer::Error {
                status,
                code,
                message,
            } => connect::error(*status, code, message),
            Answer::Raw {
                status,
                headers,
                body,
            } => headers.iter().fold(
                Response::new(*status, body.clone()),
                |response, (name, value)| response.with(name, value),
            ),
            Answer::Hang => Response::new(500, ""),
        };
        (response, None)
    }

    /// Writes the file on a blocking thread: binaries of many megabytes must not delay other connections.
    async fn build(
        &self,
        file: FileFault,
        size: Option<u64>,
        logs: String,
    ) -> (Response, Option<PathBuf>) {
        let name = if self.platform.os.eq_ignore_ascii_case("windows") {
            "rr.exe"
        } else {
            "rr"
        };
        let (state, hash, binary) = (
            Arc::clone(&self.state),
            self.hash.clone(),
            self.binary(size),
        );
        let placed =
            tokio::task::spawn_blocking(move || state.layout.place(&hash, name, file, binary))
                .await;
        let path = match placed {
            Ok(Ok(path)) => path,
            Ok(Err(error)) => {
                return (
                    connect::error(500, "internal", &format!("building plugins: {error}")),
                    None,
                );
            }
            Err(_) => {
                return (
                    connect::error(500, "internal", "building plugins: interrupted"),
                    None,
                );
            }
        };
        let text = path.to_string_lossy().into_owned();
        let response = connect::answer(&text, &logs);
        if matches!(file, FileFault::None | FileFault::Vanishes) {
            self.state.lock().cache.insert(self.hash.clone(), text);
        }
        (response, (file == FileFault::Vanishes).then_some(path))
    }

    fn bytes(
        &self,
        size: Option<u64>,
        gzip: Gzip,
        keep: Option<u64>,
        content_type: &str,
    ) -> Response {
        let binary = self.binary(size);
        let keep = keep.unwrap_or(u64::MAX);
        if gzip == Gzip::No {
            let length = binary.size().min(keep);
            return stream(content_type, Box::new(binary.take(keep)), Some(length));
        }
        let packed = GzEncoder::new(binary, Compression::fast()).take(keep);
        let response = stream(content_type, Box::new(packed), None);
        if gzip == Gzip::Encoding {
            response.with("Content-Encoding", "gzip")
        } else {
            response
        }
    }

    fn binary(&self, size: Option<u64>) -> Binary {
        let (os, arch) = (self.platform.os.to_ascii_lowercase(), &self.platform.arch);
        Binary::new(&self.hash, self.count, size.unwrap_or(self.size), &os, arch)
    }
}

fn stream(content_type: &str, source: Box<dyn Read + Send>, length: Option<u64>) -> Response {
    let response = Response {
        status: 200,
        headers: Vec::new(),
        body: Body::Stream(source, length),
    };
    response.with("Content-Type", content_type)
}

/// Lines in the form of `go build -v`, with exactly that many bytes.
fn made_up_logs(bytes: u64) -> String {
    let lines = (1..).map(|n| format!("example.com/plugin/package{n}\n"));
    let mut logs = String::new();
    for line in lines {
        if logs.len() as u64 >= bytes {
            break;
        }
        logs.push_str(&line);
    }
    logs.truncate(bytes as usize);
    logs
}
