//! Sharing a build task, and its end.

use super::*;

const ID: FlightId = FlightId { key: 1, digest: 2 };

fn join(inflight: &Arc<Inflight>, forced: bool, id: &str) -> (Subscriber, Option<BuildTask>) {
    inflight.subscribe(ID, forced, id, &Progress::default())
}

#[test]
fn subscribers_of_one_configuration_share_a_task() {
    let inflight = Arc::new(Inflight::default());
    let (first, task) = join(&inflight, false, "a");
    let task = task.unwrap();
    let (second, none) = join(&inflight, false, "b");
    assert!(none.is_none());
    assert_eq!(task.take_new_request_ids(), ["a", "b"]);
    assert!(task.take_new_request_ids().is_empty());
    task.complete(Err(crate::Error::Remote("x".into())));
    for subscriber in [first, second] {
        assert!(matches!(subscriber.snapshots.borrow().result, Some(Err(_))));
    }
    assert!(join(&inflight, false, "c").1.is_some());
}

#[test]
fn task_retires_only_without_subscribers() {
    let inflight = Arc::new(Inflight::default());
    let (first, task) = join(&inflight, false, "a");
    let task = task.unwrap();
    let (second, _) = join(&inflight, false, "b");
    drop(first);
    assert!(!task.retire());
    drop(second);
    assert!(!task.has_subscribers());
    let (_third, none) = join(&inflight, false, "c");
    assert!(none.is_none() && !task.retire());
}

#[test]
fn late_unsubscription_does_not_count_for_the_next_task() {
    let inflight = Arc::new(Inflight::default());
    let (first, task) = join(&inflight, false, "a");
    let task = task.unwrap();
    task.complete(Err(crate::Error::Remote("x".into())));
    let (_second, next) = join(&inflight, false, "b");
    drop(first);
    assert!(!next.unwrap().retire());
    drop(task);
    assert_eq!(inflight.list().len(), 0);
}

#[test]
fn forced_task_serves_all_and_plain_task_not_the_forced() {
    let inflight = Arc::new(Inflight::default());
    let (_forced, task) = join(&inflight, true, "a");
    assert!(task.is_some());
    assert!(join(&inflight, false, "b").1.is_none());
    drop(task);
    let (_plain, task) = join(&inflight, false, "c");
    assert!(task.is_some());
    assert!(join(&inflight, true, "d").1.is_some());
}

#[test]
fn dropped_task_closes_its_channel() {
    let inflight = Arc::new(Inflight::default());
    let (subscriber, task) = join(&inflight, false, "a");
    drop(task);
    assert!(subscriber.snapshots.has_changed().is_err());
}
