//! A harmless request to the server of the second tier, for diagnoses. On a Tokio runtime.

use std::time::{Duration, UNIX_EPOCH};

use ::redis::{Pipeline, Value, from_redis_value};
use tokio::time;

use super::link::Connector;
use crate::{config::CacheSettings, http_client::ServerAnswer};

/// Connects as a process of PHP does, and asks for the server's time. `None` if the settings name no server.
///
/// # Errors
/// The reason why there is no answer, without secrets.
pub async fn probe(settings: &CacheSettings) -> Option<Result<ServerAnswer, String>> {
    let url = settings.url.clone().filter(|_| settings.enabled)?;
    let connector = Connector::new(url, settings.clone());
    let asked = async {
        let link = connector.connect(0, |_| {}).await?;
        let mut pipeline = Pipeline::new();
        pipeline.cmd("PING").cmd("TIME");
        link.send(&pipeline).await
    };
    Some(match time::timeout(settings.timeout, asked).await {
        Ok(Ok(answers)) => answer(answers),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "no answer within {} ms",
            settings.timeout.as_millis()
        )),
    })
}

/// An error to `TIME` is one of a user that may not ask for it.
fn answer(answers: Vec<Value>) -> Result<ServerAnswer, String> {
    let mut answers = answers.into_iter();
    if let Some(Value::ServerError(error)) = answers.next() {
        return Err(format!("PING: {}", error.code()));
    }
    let time = answers.next();
    let seconds = time.and_then(|time| from_redis_value::<(u64, u64)>(time).ok());
    Ok(ServerAnswer {
        status: None,
        date: seconds.map(|(seconds, micros)| {
            UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros)
        }),
    })
}
