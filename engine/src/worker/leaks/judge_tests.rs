//! Sequences of requests, and what is told after each.

use super::*;
use crate::worker::leaks::Shape;

fn array(count: u64) -> Print {
    Print {
        shape: Shape::Array,
        count,
        hash: count + 1,
        bytes: 56 + 16 * count,
        ..Print::default()
    }
}

fn key(kind: Kind) -> Key {
    Key {
        kind,
        of: 7,
        slot: 3 << 32,
    }
}

fn picture(things: &[(Key, Print)]) -> Picture {
    Picture {
        prints: things.iter().copied().collect(),
        objects: [(7, 3)].into(),
        ..Picture::default()
    }
}

/// One thing that is these sizes, one after the other: how often it is told.
fn sizes(kind: Kind, sizes: &[u64]) -> Vec<u32> {
    let mut past = Past::default();
    past.objects.insert((7, 3));
    sizes
        .windows(2)
        .map(|pair| {
            let [was, is] = pair else { return 0 };
            let told = judge(
                &picture(&[(key(kind), array(*was))]),
                &picture(&[(key(kind), array(*is))]),
                &mut past,
                Circumstances::default(),
            );
            told.len() as u32
        })
        .collect()
}

#[test]
fn what_is_filled_once_is_lazy_loading_and_what_grows_again_is_told() {
    assert_eq!(sizes(Kind::StaticProperty, &[0, 1, 1, 1]), [0, 0, 0]);
    assert_eq!(sizes(Kind::StaticProperty, &[0, 1, 2, 3]), [0, 1, 1]);
    assert_eq!(sizes(Kind::Global, &[3, 4]), [1]);
    assert_eq!(sizes(Kind::Property, &[3, 4, 5, 5]), [0, 1, 0]);
}

#[test]
fn a_variable_of_the_loop_is_told_only_where_it_never_shrinks() {
    assert_eq!(
        sizes(Kind::Local, &[1, 2, 3, 4, 5, 6, 7]),
        [0, 0, 0, 0, 1, 1]
    );
    assert_eq!(
        sizes(Kind::Local, &[4, 2, 3, 4, 5, 6, 7, 8, 9]),
        [0, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn what_is_set_back_between_requests_was_not_left_behind() {
    let mut past = Past::default();
    past.objects.insert((7, 3));
    for _ in 0..10 {
        let told = judge(
            &picture(&[(key(Kind::Property), array(1))]),
            &picture(&[(key(Kind::Property), array(2))]),
            &mut past,
            Circumstances::default(),
        );
        assert_eq!(told, []);
    }
}

#[test]
fn the_properties_of_a_new_object_are_part_of_what_holds_it() {
    let mut before = picture(&[]);
    before.objects.clear();
    let after = picture(&[(key(Kind::Property), array(2))]);
    let mut past = Past::default();
    for _ in 0..3 {
        assert_eq!(
            judge(&before, &after, &mut past, Circumstances::default()),
            []
        );
    }
}

#[test]
fn loading_is_told_where_it_does_not_end() {
    let loaded = |files, constants| {
        let mut picture = Picture::default();
        picture.loaded.files = files;
        picture.loaded.constants = constants;
        picture
    };
    let mut past = Past::default();
    let mut kinds = |was, is| -> Vec<Kind> {
        judge(&was, &is, &mut past, Circumstances::default())
            .iter()
            .map(|verdict| verdict.key.kind)
            .collect()
    };
    for at in 0..4 {
        assert_eq!(kinds(loaded(at, at), loaded(at + 1, at + 1)), []);
    }
    assert_eq!(kinds(loaded(4, 4), loaded(5, 4)), [Kind::File]);
    assert_eq!(kinds(loaded(5, 4), loaded(5, 4)), []);
    assert_eq!(kinds(loaded(5, 4), loaded(5, 5)), [Kind::Constant]);
}

#[test]
fn a_second_resource_of_a_kind_that_stays_is_told() {
    let open = |numbers: &[u64]| Picture {
        resources: numbers.iter().map(|number| (*number, 9)).collect(),
        ..Picture::default()
    };
    let mut past = Past::default();
    let mut told = |was: &[u64], is: &[u64]| {
        judge(&open(was), &open(is), &mut past, Circumstances::default()).len()
    };
    assert_eq!(told(&[1], &[1, 2]), 0);
    assert_eq!(told(&[1, 2], &[1, 2]), 0);
    assert_eq!(told(&[1, 2], &[1, 2, 3, 4]), 2);
}

#[test]
fn objects_that_the_collector_may_still_take_are_no_leak() {
    let many = |count| Picture {
        others: [(5, count)].into(),
        ..Picture::default()
    };
    let mut past = Past::default();
    let garbage = Circumstances::default();
    for count in 1..50 {
        assert_eq!(
            judge(&many(count), &many(count + 1), &mut past, garbage),
            []
        );
    }
    let told: Vec<usize> = (1..6)
        .map(|run| {
            let now = Circumstances {
                runs: run,
                no_garbage: false,
            };
            let count = run as u32 * 10;
            judge(&many(count), &many(count + 1), &mut past, now).len()
        })
        .collect();
    assert_eq!(told, [0, 0, 0, 1, 1]);
}

#[test]
fn memory_is_told_where_every_request_keeps_some_and_none_of_it_is_garbage() {
    let used = |memory| Picture {
        memory,
        ..Picture::default()
    };
    for (no_garbage, expected) in [(true, 5), (false, 0)] {
        let mut past = Past::default();
        let told: usize = (0..20)
            .map(|at| {
                let now = Circumstances {
                    runs: 0,
                    no_garbage,
                };
                judge(&used(at * 100), &used(at * 100 + 100), &mut past, now).len()
            })
            .sum();
        assert_eq!(told, expected);
    }
}
