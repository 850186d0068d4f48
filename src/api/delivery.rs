//! Namespace `Pillion\Velox`: binaries for clients of HTTP. On PHP's threads.

use std::{
    borrow::Cow,
    os::fd::{IntoRawFd as _, RawFd},
    time::Instant,
};

use ext_php_rs::ffi::{HashTable, IS_NULL};
use pillion_engine::{
    Error, Result as EngineResult,
    error::Violation,
    metrics::{delivery as metrics, velox},
    velox::{
        BuildRequest, Velox,
        delivery::{Body, Client, Front, Response},
    },
};

use super::arguments;
use crate::{
    engine, functions,
    worker::{self, Runtime},
    zend::{
        arguments::{Call, Thrown},
        hash_table::{Key, find, for_each},
        output_capture,
        owned::OwnedZval,
        registration::Function,
        response, sapi, stream,
        value::{self, type_of},
        value_writer::ZvalOut,
    },
};

pub const FUNCTIONS: &[Function] = functions! { "Pillion\\Velox\\";
    "respond" "(array $request): void" => respond,
    "response" "(array $request, ?array $client = null): array" => response,
};

/// The header by which an application hands a response over, with the value `true`.
const BUILD_HEADER: &str = "X-Velox-Build";
/// Bytes of a build request in a response; its texts have at most a sixteenth of that.
const MAX_REQUEST: usize = 4 << 20;
/// Bytes that PHP passes on at once.
const CHUNK: usize = 32 << 10;

fn respond(call: &Call<'_>, _: ZvalOut) -> Result<(), Thrown> {
    let started = Instant::now();
    let request = arguments::request(call.array(0)?);
    if matches!(worker::runtime(), Runtime::Cli | Runtime::RoadRunner) {
        return Err(Thrown::state(
            "respond() needs a web server that takes PHP's headers: found the command line; expected php-fpm, FrankenPHP or another server; in RoadRunner return the result of Pillion\\Velox\\response()",
        ));
    }
    if response::are_headers_sent() {
        return Err(Thrown::state(
            "respond() sets status and headers, and they have been sent already: call it before any output",
        ));
    }
    engine::refuse_preloading()?;
    send(answer(request, None, true), started);
    Ok(())
}

fn response(call: &Call<'_>, ret: ZvalOut) -> Result<(), Thrown> {
    let request = arguments::request(call.array(0)?);
    let client = match call.any(1) {
        Some(given) if type_of(given) != IS_NULL => Some(call.array(1)?),
        _ => None,
    };
    engine::refuse_preloading()?;
    let Response {
        status,
        headers,
        body,
    } = answer(request, client, false);
    let result = ret.array(3);
    result.insert("status", |out| out.int(status.into()));
    result.insert("headers", |out| {
        let list = out.array(headers.len());
        for (name, value) in &headers {
            list.insert(name, |out| out.string(value));
        }
    });
    result.insert("body", |out| match body {
        Body::Empty => out.string(""),
        Body::Text(text) => out.string(text),
        Body::File { file, .. } => {
            if !stream::return_descriptor(file.into_raw_fd(), c"rb", out) {
                out.string("");
            }
        }
    });
    Ok(())
}

/// Takes over responses with the header of the Velox plugin if the settings say so. In MINIT. On the command line PHP
/// keeps no headers: applications in RoadRunner use the middleware of the Composer package.
pub fn module_startup(is_intercepting: bool) {
    let has_headers = !matches!(worker::runtime(), Runtime::Cli | Runtime::RoadRunner);
    if is_intercepting && has_headers {
        output_capture::install(BUILD_HEADER, "true", take_over);
    }
}

/// Removes the hook of responses. In MSHUTDOWN.
pub fn module_shutdown() {
    output_capture::uninstall();
}

/// Answers with the binary of the build request that is the text of a response.
fn take_over(text: &[u8]) -> bool {
    let started = Instant::now();
    if engine::refuse_preloading().is_err() {
        return false;
    }
    let body = prepare(answer(parse(text), None, true));
    if matches!(body, PlainBody::Empty) {
        // Buffers below this one may compress, and say so in a header.
        response::send_headers();
    }
    // This runs in the callback of an output buffer.
    send_body(body, response::write_directly, started);
    true
}

fn parse(text: &[u8]) -> EngineResult<BuildRequest> {
    let invalid = |message: String| {
        Error::InvalidRequest(vec![Violation {
            field: "request".into(),
            message,
        }])
    };
    if text.len() > MAX_REQUEST {
        return Err(invalid(format!("is longer than {MAX_REQUEST} bytes")));
    }
    let value =
        serde_json::from_slice(text).map_err(|error| invalid(format!("is not JSON: {error}")))?;
    Velox::parse_request(&value)
}

/// The response to a client: that of the request in progress, or one that the caller describes.
pub fn answer(
    request: EngineResult<BuildRequest>,
    client: Option<&HashTable>,
    can_slice: bool,
) -> Response {
    let front = match worker::runtime() {
        Runtime::RoadRunner => Front::RoadRunner,
        _ => Front::Server,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let variable = |name: &str| sapi::server_variable(name, |found| found.map(text));
    let given = |name: &str| {
        // SAFETY: an argument of the call.
        let found = client.and_then(|client| unsafe { find(client, name.as_bytes()) });
        found.map(|found| value::deref(found))
    };
    let header = |name: &str| match client {
        Some(_) => given_header(value::table(given("headers")?)?, name),
        None => variable(&format!(
            "HTTP_{}",
            name.to_ascii_uppercase().replace('-', "_")
        )),
    };
    let part = |key: &str, name: &str| match client {
        Some(_) => given(key).and_then(value::bytes).map(text),
        None => variable(name),
    };
    let method = part("method", "REQUEST_METHOD").unwrap_or_else(|| "GET".into());
    let client = Client {
        method: Cow::Owned(method.to_ascii_uppercase()),
        header: &header,
        uri: part("uri", "REQUEST_URI").map(|uri| path_of(&uri).to_owned()),
        front,
        can_slice,
    };
    engine::current().respond(request, &client)
}

/// A header of an array of headers, with names in any case; of several lines the first.
fn given_header(headers: &HashTable, wanted: &str) -> Option<String> {
    let mut found = None;
    for_each(headers, |key, value| {
        let is_wanted =
            matches!(key, Key::Name(name) if name.eq_ignore_ascii_case(wanted.as_bytes()));
        if !is_wanted || found.is_some() {
            return;
        }
        let mut line = value::deref(value);
        if let Some(lines) = value::table(line) {
            let mut first = None;
            for_each(lines, |_, value| {
                first.get_or_insert(value);
            });
            match first {
                Some(first) => line = value::deref(first),
                None => return,
            }
        }
        found = value::bytes(line).map(|line| String::from_utf8_lossy(line).into_owned());
    });
    found
}

/// The path and the query of a complete URI.
fn path_of(uri: &str) -> &str {
    let Some((_, rest)) = uri.split_once("://") else {
        return uri;
    };
    rest.find('/')
        .and_then(|start| rest.get(start..))
        .unwrap_or("/")
}

/// A body as plain values: PHP may jump over the frame that sends it, and frees them itself.
#[derive(Clone, Copy)]
enum PlainBody {
    Empty,
    Text(OwnedZval),
    File {
        stream: OwnedZval,
        descriptor: RawFd,
        start: u64,
        len: u64,
    },
}

/// Sends a response as that of the request in progress. All output before and after it is dropped.
pub fn send(response: Response, started: Instant) {
    let body = prepare(response);
    response::discard_output();
    send_body(body, response::write, started);
}

/// Sends a body by one of the functions that append to a response.
fn send_body(body: PlainBody, write: fn(&[u8]), started: Instant) {
    match body {
        PlainBody::Empty => {}
        PlainBody::Text(text) => {
            write(value::bytes(text.value()).unwrap_or_default());
            text.release();
        }
        PlainBody::File {
            stream,
            descriptor,
            start,
            len,
        } => {
            velox::STREAM_TTFB.observe(&["hit"], started.elapsed().as_secs_f64());
            send_file(descriptor, start, len, write);
            metrics::HELD.observe(&[], started.elapsed().as_secs_f64());
            stream.release();
        }
    }
    response::end_output();
}

/// Sets status and headers, and makes the body plain.
fn prepare(response: Response) -> PlainBody {
    let of_former_body = [
        "Content-Length",
        "Content-Disposition",
        "Content-Encoding",
        "ETag",
    ];
    for name in of_former_body.into_iter().chain([BUILD_HEADER]) {
        response::remove_header(name);
    }
    for (name, value) in &response.headers {
        response::set_header(name, value);
    }
    response::set_status(response.status);
    match response.body {
        Body::Empty => PlainBody::Empty,
        Body::Text(text) => PlainBody::Text(OwnedZval::new_string(text)),
        Body::File { file, start, len } => {
            let descriptor = file.into_raw_fd();
            let stream = OwnedZval::with(|out| {
                stream::return_descriptor(descriptor, c"rb", out);
            });
            PlainBody::File {
                stream,
                descriptor,
                start,
                len,
            }
        }
    }
}

fn send_file(descriptor: RawFd, mut start: u64, mut len: u64, write: fn(&[u8])) {
    let mut buffer = [0u8; CHUNK];
    while len > 0 {
        let wanted = usize::try_from(len).unwrap_or(CHUNK).min(CHUNK);
        let offset = i64::try_from(start).unwrap_or(i64::MAX);
        // SAFETY: an open descriptor; the buffer has that many bytes.
        let read = unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), wanted, offset) };
        let Some(bytes) = usize::try_from(read)
            .ok()
            .filter(|read| *read > 0)
            .and_then(|read| buffer.get(..read))
        else {
            log::warn!("a binary was cut while it was sent");
            return;
        };
        write(bytes);
        start += bytes.len() as u64;
        len -= bytes.len() as u64;
        if response::is_client_gone() {
            velox::CLIENT_DISCONNECTS.inc_for(&["stream"]);
            return;
        }
    }
}
