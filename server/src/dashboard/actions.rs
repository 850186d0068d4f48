//! Actions: changes of artifacts, cache and dead letters. Each is one line of the log. Long work runs on the blocking
//! threads.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pillion_engine::{
    Error,
    artifacts::Key,
    cache::pattern,
    engine::{Engine, artifact_stats},
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// Slots of the cache that are visited without a pause.
const PIECE: usize = 8192;
/// Tags of one action.
const MAX_TAGS: usize = 1000;

/// Why an action was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its arguments are wrong.
    Invalid(String),
    /// Its subject does not exist.
    Missing(String),
    /// The state of the host does not allow it.
    Conflict(String),
    /// It failed.
    Failed(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(message) => Self::Conflict(message),
            Error::InvalidRequest(_) => Self::Invalid(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Whether a path is that of an action.
pub(super) fn is_action(path: &str) -> bool {
    matches!(
        path,
        "artifacts/delete"
            | "artifacts/verify"
            | "artifacts/clean"
            | "cache/delete"
            | "cache/invalidate"
            | "cache/clear"
            | "sentry/replay"
            | "sentry/discard"
    )
}

/// Runs an action.
pub(super) async fn run(
    engine: &Arc<Engine>,
    path: &str,
    arguments: &Value,
) -> Result<Value, Failure> {
    match path {
        "artifacts/delete" => delete_artifact(engine, arguments).await,
        "artifacts/verify" => verify_artifact(engine, arguments).await,
        "artifacts/clean" => clean_artifacts(engine).await,
        "cache/delete" => delete_values(engine, arguments).await,
        "cache/invalidate" => invalidate_tags(engine, arguments).await,
        "cache/clear" => clear_cache(engine).await,
        "sentry/replay" => replay(engine, arguments).await,
        "sentry/discard" => discard(engine, arguments).await,
        _ => Err(Failure::Missing("there is no such action".into())),
    }
}

async fn blocking<T: Send + 'static>(
    engine: &Arc<Engine>,
    work: impl FnOnce(&Engine) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let engine = Arc::clone(engine);
    let done = spawn_blocking(move || work(&engine)).await;
    done.unwrap_or_else(|error| Err(Failure::Failed(error.to_string())))
}

/// An argument; null if it is absent.
fn field<'a>(arguments: &'a Value, name: &str) -> &'a Value {
    arguments.get(name).unwrap_or(&Value::Null)
}

fn text<'a>(arguments: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let found = field(arguments, name)
        .as_str()
        .filter(|text| !text.is_empty());
    found.ok_or_else(|| Failure::Invalid(format!("{name}: expected a string that is not empty")))
}

fn key(arguments: &Value) -> Result<Key, Failure> {
    let parsed = text(arguments, "key")?.parse();
    parsed.map_err(|error| Failure::Invalid(format!("key: {error}")))
}

/// Decodes a key that is not UTF-8.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn no_artifact(key: Key) -> Failure {
    Failure::Missing(format!("there is no artifact {key}"))
}

async fn delete_artifact(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let key = key(arguments)?;
    let is_removed = blocking(engine, move |engine| {
        Ok(engine.enabled_store()?.forget(key)?)
    });
    if !is_removed.await? {
        return Err(no_artifact(key));
    }
    log::info!(cache_key:% = key; "artifact deleted from the dashboard");
    Ok(json!({ "removed": true }))
}

async fn verify_artifact(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let key = key(arguments)?;
    let is_valid = blocking(engine, move |engine| {
        let store = engine.enabled_store()?;
        let record = store.peek(key).ok_or_else(|| no_artifact(key))?;
        Ok(store.verify(&record)?)
    });
    let is_valid = is_valid.await?;
    log::info!(cache_key:% = key, valid = is_valid; "artifact verified from the dashboard");
    Ok(json!({ "valid": is_valid }))
}

async fn clean_artifacts(engine: &Arc<Engine>) -> Result<Value, Failure> {
    let report = blocking(engine, |engine| {
        Ok(artifact_stats::clean(engine.enabled_store()?, || false)?)
    });
    let report = report.await?;
    log::info!(report:%; "artifacts cleaned from the dashboard");
    Ok(report)
}

async fn delete_values(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let wanted = match field(arguments, "pattern_base64").as_str() {
        Some(text) => base64(text)
            .ok_or_else(|| Failure::Invalid("pattern_base64: expected base64".into()))?,
        None => text(arguments, "pattern")?.as_bytes().to_vec(),
    };
    let mut removed = 0;
    // First, so that no value of it comes back.
    if let Some(tier) = engine.second_tier() {
        let is_meant = |key: &[u8]| pattern::matches(&wanted, key);
        removed += tier.remove_where(is_meant).await.map_err(remote)?;
    }
    let of_memory = wanted.clone();
    removed += blocking(engine, move |engine| {
        let (mut removed, mut next) = (0, Some(0));
        while let (Some(cache), Some(from)) = (engine.existing_cache(), next) {
            let (count, rest) = cache.delete_matching(&of_memory, from, PIECE);
            removed += count as u64;
            next = rest;
        }
        Ok(removed)
    })
    .await?;
    let shown = String::from_utf8_lossy(&wanted);
    log::info!(pattern = &*shown, values = removed; "cached values deleted from the dashboard");
    Ok(json!({ "removed": removed }))
}

async fn invalidate_tags(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let tags = field(arguments, "tags")
        .as_array()
        .filter(|tags| !tags.is_empty());
    let tags: Option<Vec<String>> = tags.filter(|tags| tags.len() <= MAX_TAGS).and_then(|tags| {
        tags.iter()
            .map(|tag| tag.as_str().map(str::to_owned))
            .collect()
    });
    let Some(tags) = tags else {
        let expected = format!("tags: expected a list of 1 to {MAX_TAGS} strings");
        return Err(Failure::Invalid(expected));
    };
    if let Some(tier) = engine.second_tier() {
        let names = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
        tier.invalidate_tags(names).await.map_err(remote)?;
    }
    let of_memory = tags.clone();
    blocking(engine, move |engine| {
        if let Some(cache) = engine.existing_cache() {
            for tag in &of_memory {
                cache.invalidate_tag(tag.as_bytes());
            }
        }
        Ok(())
    })
    .await?;
    log::info!(tags = tags.join(",").as_str(); "cache tags invalidated from the dashboard");
    Ok(json!({ "tags": tags.len() }))
}

async fn clear_cache(engine: &Arc<Engine>) -> Result<Value, Failure> {
    let tier = engine.second_tier_to_clear()?.cloned();
    if let Some(tier) = tier {
        tier.clear().await.map_err(remote)?;
    }
    blocking(engine, |engine| {
        if let Some(cache) = engine.existing_cache() {
            cache.clear();
        }
        Ok(())
    })
    .await?;
    log::info!("cache cleared from the dashboard");
    Ok(json!({}))
}

fn remote(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the second tier: {error}"))
}

async fn replay(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let id = match field(arguments, "all").as_bool() {
        Some(true) => None,
        _ => Some(text(arguments, "id")?.to_owned()),
    };
    let named = id.clone();
    let replayed = blocking(engine, move |engine| {
        if let Some(id) = &named
            && engine.dead_letter_view(id).is_none()
        {
            return Err(no_letter(id));
        }
        Ok(engine.sentry()?.replay(named.as_deref())?)
    })
    .await?;
    let shown = id.as_deref().unwrap_or("all");
    log::info!(id = shown, replayed; "dead letters replayed from the dashboard");
    Ok(json!({ "replayed": replayed }))
}

async fn discard(engine: &Arc<Engine>, arguments: &Value) -> Result<Value, Failure> {
    let id = text(arguments, "id")?.to_owned();
    let named = id.clone();
    let is_removed = blocking(engine, move |engine| {
        if engine.dead_letter_view(&named).is_none() {
            return Ok(false);
        }
        Ok(engine.sentry()?.discard(&named))
    });
    if !is_removed.await? {
        return Err(no_letter(&id));
    }
    log::info!(id = id.as_str(); "dead letter discarded from the dashboard");
    Ok(json!({ "removed": true }))
}

fn no_letter(id: &str) -> Failure {
    Failure::Missing(format!("there is no dead letter {id}"))
}
