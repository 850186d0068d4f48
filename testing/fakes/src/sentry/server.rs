//! Accepts connections, answers envelopes and the control endpoint: `GET /_control` counts, `GET /_control/seen` the
//! last requests, `GET /_control/ids` the ids of all accepted events, `POST /_control` a list of behaviours,
//! `POST /_control/reset`.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::grammar;
use super::seen::{Behaviour, Seen, State};
use crate::http::{Connection, Delivery, Request, Response, Sent};

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let number = {
                    let mut inner = state.lock();
                    inner.counts.connections += 1;
                    inner.counts.connections
                };
                clients.spawn(client(stream, Arc::clone(&state), number));
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn client(stream: TcpStream, state: Arc<State>, number: u64) {
    let mut connection = Connection::new(stream);
    while let Ok(Some(request)) = connection.next_request().await {
        let sent = match control(&state, &request) {
            Some(response) => {
                let whole = Delivery::default();
                connection
                    .send(response, &whole, request.minor, request.keep_alive(), false)
                    .await
            }
            None => {
                state.lock().counts.in_flight += 1;
                let sent = envelope(&mut connection, &state, &request, number).await;
                state.lock().counts.in_flight -= 1;
                sent
            }
        };
        if sent == Sent::Ended {
            return;
        }
    }
}

async fn envelope(
    connection: &mut Connection,
    state: &State,
    request: &Request,
    number: u64,
) -> Sent {
    let bytes = decode(request);
    let parsed = match &bytes {
        Ok(bytes) => grammar::parse(bytes),
        Err(error) => Err(error.clone()),
    };
    let mut behaviour = state.lock().next_behaviour();
    if behaviour.status == 200 && parsed.is_err() {
        behaviour = Behaviour::status(400);
    }
    if behaviour.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
    }
    let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let (head, items, error) = match parsed {
        Ok(parsed) => {
            let items = parsed.items.iter().map(|item| {
                let text = || Value::from(String::from_utf8_lossy(&item.payload).into_owned());
                let payload = serde_json::from_slice(&item.payload).unwrap_or_else(|_| text());
                (item.header.clone(), payload)
            });
            (parsed.header.clone(), items.collect(), None)
        }
        Err(error) => (Value::Null, Vec::new(), Some(error)),
    };
    let id = head.get("event_id").cloned().unwrap_or(Value::Null);
    let body = behaviour.body.clone().unwrap_or_else(|| match &error {
        Some(error) => json!({ "detail": "invalid envelope", "causes": [error] }).to_string(),
        None => json!({ "id": id }).to_string(),
    });
    let seen = Seen {
        path: request.target.clone(),
        auth: header("x-sentry-auth"),
        encoding: header("content-encoding"),
        user_agent: header("user-agent"),
        wire_bytes: request.body.len(),
        connection: number,
        at_ms: state.begun.elapsed().as_millis() as u64,
        status: behaviour.status,
        is_told: behaviour.delivery.drop_at.is_none(),
        header: head,
        items,
        error,
        bytes: bytes.unwrap_or_default(),
    };
    state.lock().note(seen);
    let mut response = Response::new(behaviour.status, body);
    let mut names = behaviour.headers.iter().map(|(name, _)| name);
    if !names.any(|name| name.eq_ignore_ascii_case("content-type")) {
        response = response.with("Content-Type", "application/json");
    }
    for (name, value) in &behaviour.headers {
        response = response.with(name, value.as_str());
    }
    let sent = connection
        .send(
            response,
            &behaviour.delivery,
            request.minor,
            request.keep_alive(),
            false,
        )
        .await;
    if behaviour.then_close {
        return Sent::Ended;
    }
    sent
}

/// The envelope's bytes, uncompressed from any encoding.
fn decode(request: &Request) -> Result<Vec<u8>, String> {
    if request.method != "POST" || !request.path().ends_with("/envelope/") {
        return Err(format!(
            "{} {} is no place for envelopes",
            request.method,
            request.path()
        ));
    }
    match request.header("content-encoding") {
        None => Ok(request.body.clone()),
        Some("gzip") => {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(request.body.as_slice())
                .read_to_end(&mut bytes)
                .map_err(|error| format!("gzip: {error}"))?;
            Ok(bytes)
        }
        Some(other) => Err(format!("content encoding {other} is not understood")),
    }
}

fn control(state: &State, request: &Request) -> Option<Response> {
    let below = request.path().strip_prefix("/_control")?;
    let json = |value: Value| {
        Response::new(200, value.to_string()).with("Content-Type", "application/json")
    };
    let mut inner = state.lock();
    Some(match (request.method.as_str(), below) {
        ("GET", "") => json(json!(inner.counts)),
        ("GET", "/seen") => json(json!(inner.seen)),
        ("GET", "/ids") => json(json!(inner.ids)),
        ("POST", "") => match serde_json::from_slice::<Vec<Behaviour>>(&request.body) {
            Ok(behaviours) => {
                inner.behaviours = behaviours.into();
                json(json!({}))
            }
            Err(error) => Response::new(400, json!({ "error": error.to_string() }).to_string()),
        },
        ("POST", "/reset") => {
            let connections = inner.counts.connections;
            *inner = super::seen::Inner::default();
            inner.counts.connections = connections;
            json(json!({}))
        }
        _ => Response::new(404, "no such place"),
    })
}
