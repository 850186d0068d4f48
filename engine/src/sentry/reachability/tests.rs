//! The state of a destination, as two processes see it.

use super::*;
use crate::config::Settings;

fn route(dir: &std::path::Path, name: &str) -> Destination {
    Destination::named(&Arc::new(SharedState::open(Some(dir)).unwrap()), name)
}

#[test]
fn all_processes_know_and_one_of_them_probes() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::default().sentry;
    let (one, other) = (route(dir.path(), "a"), route(dir.path(), "a"));
    assert!(!other.is_down() && other.probe_in(LONGEST_PAUSE).is_none());
    assert!(one.fail(false, &settings));
    assert!(!other.fail(false, &settings), "it is no news");
    assert!(other.is_down() && !route(dir.path(), "b").is_down());
    let left = other.probe_in(LONGEST_PAUSE).unwrap();
    assert!(left <= Duration::from_secs(1), "{left:?}");
    assert!(other.probe_in(Duration::from_millis(7)).unwrap() <= Duration::from_millis(7));

    let probe = one.probe(Duration::from_secs(100)).unwrap();
    assert!(other.probe(Duration::from_secs(100)).is_none());
    drop(probe);
    let _expired = other.probe(Duration::ZERO).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    assert!(
        one.probe(Duration::from_secs(100)).is_some(),
        "its process is dead"
    );

    assert!(other.answer() && !one.answer());
    assert!(!one.is_down() && one.last_answer_ms() > 0);
}

#[test]
fn pauses_between_probes_grow_to_a_minute() {
    let settings = Settings::default().sentry;
    for (failures, longest) in [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (400, 60.0)] {
        let pause = pause(&settings, failures, ceiling(&settings)).as_secs_f64();
        assert!(
            pause >= longest / 2.0 && pause <= longest,
            "{failures}: {pause}"
        );
    }
    let patient = SentrySettings {
        initial_backoff: Duration::from_secs(3600),
        max_backoff: Duration::from_secs(7200),
        ..settings
    };
    assert_eq!(ceiling(&patient), Duration::from_secs(3600));
}

#[test]
fn more_destinations_than_a_board_has_rows_are_shared_too() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::default().sentry;
    let (one, other) = (
        Arc::new(SharedState::open(Some(dir.path())).unwrap()),
        Arc::new(SharedState::open(Some(dir.path())).unwrap()),
    );
    for n in 0..MAX_DESTINATIONS * 2 + 3 {
        assert!(
            Destination::named(&one, &n.to_string()).fail(false, &settings),
            "{n}"
        );
    }
    assert!(
        (0..MAX_DESTINATIONS * 2 + 3).all(|n| Destination::named(&other, &n.to_string()).is_down())
    );
}
