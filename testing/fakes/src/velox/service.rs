//! Handling of one request: refused, answered at once, or built. The decision is made under the lock and without
//! waiting; the build is a future, and dropping it is the end of the client's connection, as in the real server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::behaviour::Behaviour;
use super::connect;
use super::message::{BuildRequest, Platform, Plugin};
use super::progress::{self, Track};
use super::state::{Slot, State};
use super::work::Work;
use crate::http::{Delivery, Request, Response};

/// A RoadRunner version that GitHub does not have.
const UNKNOWN_VERSION: &str = "v2025.9.9";
/// A tag that no plugin has.
const UNKNOWN_TAG: &str = "v5.999.999";

/// A response, and the action after it is sent.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) delivery: Delivery,
    /// A file that is deleted as soon as the client has its path.
    pub(super) then_delete: Option<PathBuf>,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self {
            response,
            delivery: Delivery::default(),
            then_delete: None,
        }
    }
}

/// Outcome of the decision on a request.
pub(super) enum Begun {
    Reply(Box<Reply>),
    /// No answer at any time.
    Silence,
    Work(Box<Work>),
}

impl From<Response> for Begun {
    fn from(response: Response) -> Self {
        Self::Reply(Box::new(response.into()))
    }
}

/// Decides on a request that is not for the control endpoint. `number` comes from [`State::seen`].
pub(super) fn begin(state: &Arc<State>, request: &Request, number: u64) -> Begun {
    let progress = request.path().strip_prefix(progress::BUILDS);
    if request.path() != connect::BUILD && progress.is_none() {
        return super::not_found().into();
    }
    let token = state.lock().settings.auth_token.clone();
    if !token.is_empty() && request.header("authorization") != Some(&format!("Bearer {token}")) {
        return connect::error(401, "unauthenticated", "missing or wrong bearer token")
            .with("WWW-Authenticate", "Bearer")
            .into();
    }
    if let Some(id) = progress {
        state.lock().counters.progress_requests += 1;
        return progress::answer(state, id).map_or(Begun::Silence, Begun::from);
    }
    state.lock().counters.build_requests += 1;
    match connect::accept(request) {
        Ok(request) => begin_build(state, request, number),
        Err(refusal) => refusal.into(),
    }
}

/// In the order of the real server: the flight, the cache, the source, the build.
fn begin_build(state: &Arc<State>, mut request: BuildRequest, number: u64) -> Begun {
    let platform = request.target_platform.get_or_insert_with(host).clone();
    let hash = request.hash();
    state.note(number, |seen| seen.hash = Some(hash.clone()));
    let mut inner = state.lock();
    if inner.in_flight.contains(&hash) {
        inner.counters.conflicts += 1;
        return busy(&hash).into();
    }
    let told = inner.rules.choose(&request);
    let behaviour = told.unwrap_or_default();
    let cached = inner
        .cache
        .get(&hash)
        .filter(|_| !request.force_rebuild && behaviour.answer == Answer::default());
    if let Some(path) = cached {
        let response = connect::answer(
            path,
            "cached output, logs are available only on the first build",
        );
        inner.counters.cache_hits += 1;
        return Begun::Reply(Box::new(Reply {
            response,
            delivery: behaviour.delivery,
            then_delete: None,
        }));
    }
    let takes = match behaviour.delay_ms {
        Some(ms) => Duration::from_millis(ms),
        None if behaviour.answer.is_a_build() => inner.settings.delay,
        None => Duration::ZERO,
    };
    let failure = if behaviour.answer == Answer::default() {
        unknown_version(&request.rr_version)
            .or_else(|| no_windows(inner.settings.windows, &platform))
            .map(|message| (message, Duration::ZERO))
            .or_else(|| unknown_tag(&request.plugins).map(|message| (message, takes)))
    } else {
        None
    };
    let (behaviour, takes) = match failure {
        Some((message, takes)) => (
            Behaviour {
                answer: Answer::failure(&message),
                ..behaviour
            },
            takes,
        ),
        None => (behaviour, takes),
    };
    let mut occupied: Option<(Slot, u64)> = None;
    if behaviour.answer.is_a_build() {
        let track = Track {
            number,
            request_id: request.request_id,
            started: Instant::now(),
            takes,
            ended: None,
        };
        occupied = Some(inner.occupy(state, &hash, track));
    }
    if behaviour.answer == Answer::Busy {
        inner.counters.conflicts += 1;
    }
    let (slot, count) = occupied.unzip();
    let size = inner.settings.size;
    let work = Work {
        state: Arc::clone(state),
        hash,
        count: count.unwrap_or(1),
        slot,
        platform,
        behaviour,
        takes,
        size,
    };
    Begun::Work(Box::new(work))
}

/// The answer to a build that is already in flight.
pub(super) fn busy(hash: &str) -> Response {
    connect::error(
        409,
        "already_exists",
        &format!("build {hash} is already in progress"),
    )
}

/// GitHub's answer, passed on.
fn unknown_version(version: &str) -> Option<String> {
    (version == UNKNOWN_VERSION).then(|| format!("downloading template: expected 3xx redirect from https://github.com/roadrunner-server/roadrunner/archive/refs/tags/{version}.zip, got 404"))
}

fn no_windows(allowed: bool, platform: &Platform) -> Option<String> {
    let windows = platform.os.eq_ignore_ascii_case("windows");
    (windows && !allowed)
        .then(|| "building plugins: velox v3 does not support Windows targets".to_owned())
}

fn unknown_tag(plugins: &[Plugin]) -> Option<String> {
    let plugin = plugins.iter().find(|plugin| plugin.tag == UNKNOWN_TAG)?;
    let module = &plugin.module_name;
    let stderr = format!("go: module {module}: not a known dependency\n");
    Some(format!(
        "building plugins: verifyResolvedVersions: go list -m {module}: go failed: exit status 1\n--- stderr (last {} bytes) ---\n{stderr}",
        stderr.len(),
    ))
}

/// This machine's platform in Go's terms.
fn host() -> Platform {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    Platform {
        os: os.to_owned(),
        arch: arch.to_owned(),
    }
}
