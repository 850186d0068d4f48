//! Accepts connections and serves each in its own task. All tasks belong to the accepting one: stopping it stops them
//! all, including builds.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::control;
use super::service::{self, Begun, Reply};
use super::state::State;
use crate::http::{Connection, Delivery, Request, Response, Sent};

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here is a client that left before the accept, or a temporary lack of descriptors.
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    continue;
                };
                state.lock().counters.connections += 1;
                clients.spawn(client(stream, Arc::clone(&state)));
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn client(stream: TcpStream, state: Arc<State>) {
    let mut connection = Connection::new(stream);
    loop {
        let request = match connection.next_request().await {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(bad) => {
                let response = Response::new(400, format!("400 Bad Request: {}", bad.0))
                    .with("Content-Type", "text/plain; charset=utf-8");
                connection
                    .send(response, &Delivery::default(), 1, false, false)
                    .await;
                return;
            }
        };
        if let Some(response) = control::answer(&state, &request) {
            if send(&mut connection, &request, response.into()).await == Sent::Ended {
                return;
            }
            continue;
        }
        let number = state.seen(&request);
        let sent = handle(&mut connection, &state, &request, number).await;
        let done_at = state.seconds();
        state.note(number, |seen| seen.done_at = Some(done_at));
        if sent == Sent::Ended {
            return;
        }
    }
}

async fn handle(
    connection: &mut Connection,
    state: &Arc<State>,
    request: &Request,
    number: u64,
) -> Sent {
    let reply = match service::begin(state, request, number) {
        Begun::Reply(reply) => *reply,
        Begun::Silence => {
            connection.gone().await;
            return Sent::Ended;
        }
        Begun::Work(work) => tokio::select! {
            reply = work.run() => reply,
            // Dropping the work cancels the build, as in the real server.
            () = connection.gone() => return Sent::Ended,
        },
    };
    let status = reply.response.status;
    state.note(number, |seen| seen.status = Some(status));
    let vanishing = reply.then_delete.clone();
    let sent = send(connection, request, reply).await;
    if let Some(path) = vanishing {
        // A missing file is fine.
        let _ = std::fs::remove_file(path);
    }
    sent
}

async fn send(connection: &mut Connection, request: &Request, reply: Reply) -> Sent {
    let Reply {
        response, delivery, ..
    } = reply;
    connection
        .send(
            response,
            &delivery,
            request.minor,
            request.keep_alive(),
            request.method == "HEAD",
        )
        .await
}
