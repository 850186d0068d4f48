//! The control endpoint, by which a test in another process scripts the server and reads its counters.
//! `GET /_control` counters, `POST /_control` a script, `POST /_control/reset`, `POST /_control/expire`,
//! `POST /_control/release` with a name as the body.

use super::options::Script;
use super::state::State;
use crate::http::{Request, Response};

/// Prefix of all paths of the endpoint.
const CONTROL: &str = "/_control";

/// The answer, or `None` if the request is not for the control endpoint.
pub(super) fn answer(state: &State, request: &Request) -> Option<Response> {
    let below = request.path().strip_prefix(CONTROL)?;
    Some(match (request.method.as_str(), below) {
        ("GET", "") => {
            let counters = state.lock().counters.clone();
            json(200, &serde_json::to_string(&counters).unwrap_or_default())
        }
        ("POST", "") => match serde_json::from_slice::<Script>(&request.body) {
            Ok(script) => {
                state.lock().apply(&script);
                json(200, "{}")
            }
            Err(error) => json(
                400,
                &serde_json::json!({ "error": format!("not a script: {error}") }).to_string(),
            ),
        },
        ("POST", "/reset") => {
            state.reset();
            json(200, "{}")
        }
        ("POST", "/expire") => {
            state.expire();
            json(200, "{}")
        }
        ("POST", "/release") => {
            state.release(&String::from_utf8_lossy(&request.body));
            json(200, "{}")
        }
        (_, "" | "/reset" | "/expire" | "/release") => Response::new(405, ""),
        _ => super::not_found(),
    })
}

fn json(status: u16, body: &str) -> Response {
    Response::new(status, body).with("Content-Type", "application/json")
}
