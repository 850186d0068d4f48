//! A harmless request to the build server, for diagnoses. On a Tokio runtime.

use super::build::client::Client;
use crate::{config::VeloxSettings, http_client::ServerAnswer};

/// Asks the build server for an invalid build, which builds nothing. `None` if the settings name no server.
///
/// # Errors
/// The reason, without secrets, why there is no answer, or that it is not the one of a Velox server which accepts the
/// token.
pub async fn probe(settings: &VeloxSettings) -> Option<Result<ServerAnswer, String>> {
    settings.server_url.as_ref()?;
    Some(match Client::new(settings) {
        Ok(client) => client.probe().await,
        Err(error) => Err(error.to_string()),
    })
}
