//! The shared state in several processes.

use std::time::Duration;

use super::*;
use crate::{
    metrics::sentry as metrics,
    sentry::protocol::category::{Category, DiscardReason},
};
use proptest::prelude::*;

#[test]
fn rate_limit_holds_for_all_processes_and_later_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (
        SharedState::open(Some(dir.path())).unwrap(),
        SharedState::open(Some(dir.path())).unwrap(),
    );
    let (here, there) = (one.project(7).unwrap(), other.project(7).unwrap());
    one.set_rate_limit(here, Some(Category::Error), Duration::from_secs(2700));
    one.set_rate_limit(here, Some(Category::Error), Duration::from_secs(60));
    let left = other.rate_limit(there, Some(Category::Error)).unwrap();
    assert!(left > Duration::from_secs(2600), "{left:?}");
    assert_eq!(other.rate_limit(there, Some(Category::Span)), None);
    assert_eq!(
        other.rate_limit(other.project(8).unwrap(), Some(Category::Error)),
        None
    );
    one.set_rate_limit(here, None, Duration::from_secs(10));
    assert!(other.rate_limit(there, Some(Category::Span)).is_some());
    assert_eq!(other.rate_limits(there).len(), 2);
}

#[test]
fn losses_are_taken_once() {
    let shared = SharedState::open(None).unwrap();
    let slot = shared.project(1).unwrap();
    assert!(!shared.has_losses(slot));
    shared.lose(slot, (DiscardReason::QueueOverflow, Category::Error, 2));
    shared.lose(slot, (DiscardReason::QueueOverflow, Category::Error, 1));
    shared.lose(slot, (DiscardReason::NetworkError, Category::Internal, 1));
    assert!(shared.has_losses(slot));
    assert_eq!(
        shared.take_losses(slot),
        [
            (DiscardReason::QueueOverflow, Category::Error, 3),
            (DiscardReason::NetworkError, Category::Internal, 1)
        ]
    );
    assert!(shared.take_losses(slot).is_empty());
}

#[test]
fn metrics_have_every_reason_and_category() {
    for reason in DiscardReason::ALL {
        for category in Category::ALL {
            let before = metrics::LOST_ITEMS.get_for(&[reason.name(), category.name()]);
            let shared = SharedState::open(None).unwrap();
            shared.lose(shared.project(1).unwrap(), (reason, *category, 3));
            let after = metrics::LOST_ITEMS.get_for(&[reason.name(), category.name()]);
            assert!(after >= before + 3, "{} {}", reason.name(), category.name());
            let other = metrics::LOST_ITEMS.get_for(&["no such", category.name()]);
            assert_eq!(other, 0, "{} is unknown", reason.name());
        }
    }
    assert_eq!(
        metrics::LOST_ITEMS.get_for(&["queue_overflow", "no such"]),
        0
    );
}

#[test]
fn full_segment_has_no_slot_for_a_new_project() {
    let shared = SharedState::open(None).unwrap();
    assert!((1..=MAX_PROJECTS as u64).all(|hash| shared.project(hash).is_some()));
    assert_eq!(shared.project(9999), None);
    assert!(shared.project(3).is_some(), "it has one");
}

#[test]
fn projects_beyond_the_first_segment_share_limits_too() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(SharedState::open(Some(dir.path())).unwrap());
    let (one, other) = (open(), open());
    let dsns: Vec<_> = (0..MAX_PROJECTS * 2 + 5)
        .map(|n| format!("https://k@host/{n}"))
        .collect();
    for (n, dsn) in dsns.iter().enumerate() {
        let (shared, slot) = SharedState::project_of(&one, dsn.as_bytes());
        let duration = Duration::from_secs(10_000 + 1000 * n as u64);
        shared.set_rate_limit(slot, Some(Category::Error), duration);
    }
    for (n, dsn) in dsns.iter().enumerate() {
        let (shared, slot) = SharedState::project_of(&other, dsn.as_bytes());
        let left = shared.rate_limit(slot, Some(Category::Error)).unwrap();
        assert_eq!(left.as_secs().div_ceil(1000), 10 + n as u64, "{dsn}");
    }
}

proptest! {
    #[test]
    fn rate_limits_match_a_model(
        limits in proptest::collection::vec((proptest::option::of(0..5usize), 0..1000u64), 0..30),
    ) {
        let shared = SharedState::open(None).unwrap();
        let slot = shared.project(1).unwrap();
        let mut model = std::collections::HashMap::new();
        for (category, seconds) in limits {
            let category = category.map(|index| Category::ALL[index]);
            shared.set_rate_limit(slot, category, Duration::from_secs(seconds));
            let longest: &mut u64 = model.entry(category).or_default();
            *longest = seconds.max(*longest);
        }
        for category in Category::ALL.iter().take(6).copied() {
            let own = model.get(&Some(category)).copied().unwrap_or(0);
            let expected = own.max(model.get(&None).copied().unwrap_or(0));
            let left = shared.rate_limit(slot, Some(category)).unwrap_or_default().as_secs_f64();
            prop_assert!((left - expected as f64).abs() < 5.0, "{left} {expected}");
        }
    }
}
