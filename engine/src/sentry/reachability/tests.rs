use super::*;
use crate::config::Settings;

fn destination(dir: &std::path::Path, name: &str) -> Destination {
    Destination::named(&Arc::new(SharedState::open(Some(dir)).unwrap()), name)
}

#[test]
fn unreachable_destination_is_probed_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::default().sentry;
    let (one, other) = (destination(dir.path(), "a"), destination(dir.path(), "a"));
    assert!(!other.is_down() && other.next_probe_in(MAX_PAUSE).is_none());
    assert!(one.record_failure(false, &settings));
    assert!(!other.record_failure(false, &settings), "known already");
    assert!(other.is_down() && !destination(dir.path(), "b").is_down());
    let left = other.next_probe_in(MAX_PAUSE).unwrap();
    assert!(left <= Duration::from_secs(1), "{left:?}");
    assert!(other.next_probe_in(Duration::from_millis(7)).unwrap() <= Duration::from_millis(7));

    let probe = one.try_probe(Duration::from_secs(100)).unwrap();
    assert!(other.try_probe(Duration::from_secs(100)).is_none());
    drop(probe);
    let _expired = other.try_probe(Duration::ZERO).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    assert!(
        one.try_probe(Duration::from_secs(100)).is_some(),
        "its lease is over"
    );

    assert!(other.record_answer() && !one.record_answer());
    assert!(!one.is_down() && one.last_answer_ms() > 0);
}

#[test]
fn pause_between_probes_grows_to_a_minute() {
    let settings = Settings::default().sentry;
    for (failures, max) in [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (400, 60.0)] {
        let pause = pause(&settings, failures, max_pause(&settings)).as_secs_f64();
        assert!(pause >= max / 2.0 && pause <= max, "{failures}: {pause}");
    }
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(7200),
        ..settings
    };
    assert_eq!(max_pause(&patient), Duration::from_secs(3600));
}

#[test]
fn destinations_beyond_one_segment_are_shared_too() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::default().sentry;
    let (one, other) = (
        Arc::new(SharedState::open(Some(dir.path())).unwrap()),
        Arc::new(SharedState::open(Some(dir.path())).unwrap()),
    );
    for n in 0..MAX_DESTINATIONS * 2 + 3 {
        assert!(
            Destination::named(&one, &n.to_string()).record_failure(false, &settings),
            "{n}"
        );
    }
    assert!(
        (0..MAX_DESTINATIONS * 2 + 3).all(|n| Destination::named(&other, &n.to_string()).is_down())
    );
}
