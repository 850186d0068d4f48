//! Sequences of requests, and what is named after each look.

use proptest::prelude::*;

use super::*;
use crate::worker::leaks::Loaded;

fn key(kind: Kind) -> Key {
    Key {
        kind,
        of: 7,
        slot: 3,
    }
}

fn array(elements: u64, text: u64) -> Size {
    Size {
        shape: Shape::Array,
        count: elements,
        elements,
        text,
        bytes: 0,
    }
}

/// The looks after which one thing of these sizes is named, counted from 0.
fn named(kind: Kind, sizes: &[Size]) -> Vec<usize> {
    let mut judge = Judge::default();
    let mut looks = Vec::new();
    for (look, size) in sizes.iter().enumerate() {
        judge.begin(Circumstances::default());
        judge.sized(key(kind), *size);
        if !judge.end().is_empty() {
            looks.push(look);
        }
    }
    looks
}

fn arrays(sizes: impl IntoIterator<Item = u64>) -> Vec<Size> {
    sizes.into_iter().map(|size| array(size, 0)).collect()
}

#[test]
fn a_thing_that_grows_each_time_is_named_within_ten() {
    let first = |kind| named(kind, &arrays(1..11)).first().copied();
    for kind in [
        Kind::StaticProperty,
        Kind::Property,
        Kind::Local,
        Kind::Resource,
    ] {
        assert_eq!(first(kind), Some(6), "{kind:?}");
    }
    assert_eq!(first(Kind::Object), Some(7));
    for kind in [Kind::ShutdownFunction, Kind::ErrorHandler, Kind::Constant] {
        assert_eq!(first(kind), Some(2), "{kind:?}");
    }
    for kind in [Kind::Class, Kind::File] {
        assert_eq!(first(kind), Some(8), "{kind:?}");
    }
}

#[test]
fn what_is_replaced_is_no_leak() {
    let sizes = (0..1000).map(|look| 4 + look % 6);
    let paths: Vec<Size> = (0..1000).map(|look| array(3, 4 + look % 20)).collect();
    for sizes in [arrays(sizes), arrays([9; 1000]), paths] {
        assert!(named(Kind::Property, &sizes).is_empty());
    }
}

#[test]
fn a_leak_is_named_until_it_is_smaller_or_has_long_stopped() {
    let emptied = arrays((1..12).chain([1, 2, 3]));
    assert_eq!(named(Kind::Property, &emptied), [6, 7, 8, 9, 10]);
    let stopped = arrays((1..8).chain([7; 100]));
    assert_eq!(named(Kind::Property, &stopped).last(), Some(&(6 + 64)));
}

#[test]
fn a_leak_of_one_page_of_many_is_named_in_the_end() {
    let rare = arrays((0..400).map(|look| 1 + look / 12));
    let first = named(Kind::StaticProperty, &rare).first().copied();
    assert!(
        first.is_some_and(|look| (200..=300).contains(&look)),
        "{first:?}"
    );
}

#[test]
fn a_thing_that_was_smaller_once_needs_much_more() {
    let sizes = arrays([5, 3].into_iter().chain(4..60));
    let first = named(Kind::StaticProperty, &sizes).first().copied();
    assert!(first.is_some_and(|look| look >= 26), "{first:?}");
}

#[test]
fn caches_that_are_filled_with_new_code_are_no_leak() {
    let mut judge = Judge::default();
    let mut size = 1;
    for look in 0..1000u32 {
        let is_new = look % 9 == 0 || look < 8;
        size += u64::from(is_new);
        judge.begin(Circumstances {
            has_new_code: is_new,
            ..Circumstances::default()
        });
        judge.sized(key(Kind::StaticProperty), array(size, 0));
        assert_eq!(judge.end(), [], "look {look}");
    }
}

#[test]
fn a_loop_that_loads_each_time_hides_nothing() {
    let mut judge = Judge::default();
    let mut kinds = Vec::new();
    for look in 1..=20 {
        let files = |files| Loaded {
            files,
            ..Loaded::default()
        };
        judge.begin(Circumstances {
            loaded: files(look),
            generated: files(u32::from(look > 1)),
            ..Circumstances::default()
        });
        judge.sized(key(Kind::StaticProperty), array(look.into(), 0));
        kinds = judge.end().iter().map(|verdict| verdict.key.kind).collect();
    }
    assert_eq!(kinds, [Kind::StaticProperty, Kind::File]);
}

#[test]
fn code_that_was_there_before_is_never_a_leak() {
    let mut judge = Judge::default();
    for look in 1..=100 {
        judge.begin(Circumstances {
            loaded: Loaded {
                files: look,
                classes: look,
                ..Loaded::default()
            },
            ..Circumstances::default()
        });
        assert_eq!(judge.end(), []);
    }
}

#[test]
fn an_object_in_the_place_of_another_one_is_a_new_one() {
    let mut judge = Judge::default();
    for look in 0..100 {
        judge.begin(Circumstances::default());
        if look % 2 == 0 {
            judge.sized(key(Kind::Property), array(look, 0));
        }
        assert_eq!(judge.end(), []);
    }
}

#[test]
fn a_text_that_is_longer_is_a_leak_where_it_was_added_to() {
    let texts = |next: &dyn Fn(usize) -> String| {
        let mut judge = Judge::default();
        (0..30)
            .filter(|look| {
                judge.begin(Circumstances::default());
                judge.text(key(Kind::StaticProperty), next(*look).as_bytes(), 0);
                !judge.end().is_empty()
            })
            .count()
    };
    assert_eq!(texts(&|look| "line\n".repeat(look + 1)), 24);
    assert_eq!(texts(&|look| format!("/{look}/{}", "x".repeat(look))), 0);
    // One that begins anew after a look without it.
    let mut judge = Judge::default();
    let named = (0..30usize).filter(|look| {
        judge.begin(Circumstances::default());
        if *look != 3 {
            let text = "line\n".repeat(look.saturating_sub(3) + 1);
            judge.text(key(Kind::Property), text.as_bytes(), 0);
        }
        !judge.end().is_empty()
    });
    assert_eq!(named.min(), Some(10));
}

#[test]
fn a_setting_that_changes_again_is_named() {
    let mut judge = Judge::default();
    let mut look = |values: &[(u64, u64)], has_new_code| {
        judge.begin(Circumstances {
            has_new_code,
            ..Circumstances::default()
        });
        for (of, hash) in values {
            let key = Key {
                of: *of,
                ..Key::only(Kind::Ini)
            };
            judge.setting(key, *hash);
        }
        judge.end().len()
    };
    assert_eq!(look(&[(1, 5)], false), 0);
    assert_eq!(look(&[(1, 6), (2, 5)], false), 0);
    assert_eq!(look(&[(1, 7), (2, 6)], true), 0);
    assert_eq!(look(&[(1, 8), (2, 6)], false), 1);
    assert_eq!(look(&[(1, 8), (2, 7)], false), 2);
}

#[test]
fn memory_is_a_leak_where_none_of_it_is_garbage() {
    for (no_garbage, least, expected) in [(true, 100, 12), (false, 100, 0), (true, 10, 0)] {
        let mut judge = Judge::default();
        let looks = (0..20).filter(|look| {
            judge.begin(Circumstances {
                no_garbage,
                memory: look * least,
                ..Circumstances::default()
            });
            !judge.end().is_empty()
        });
        assert_eq!(looks.count(), expected, "{no_garbage} {least}");
    }
}

#[test]
fn an_open_session_is_named_each_time() {
    let mut judge = Judge::default();
    judge.begin(Circumstances::default());
    judge.session();
    assert_eq!(judge.end().first().map(|verdict| verdict.times), Some(1));
    judge.begin(Circumstances::default());
    assert_eq!(judge.end(), []);
}

proptest! {
    #[test]
    fn sizes_in_any_order_that_come_again_are_no_leak(
        mut sizes in proptest::collection::vec(1u64..1000, 2..12),
        seed in 0usize..12,
    ) {
        // The first one is the largest: nothing is ever larger than all before.
        let most = sizes.iter().max().copied().unwrap_or(0);
        sizes.insert(0, most);
        let again = arrays((0..1000).map(|look| sizes[(look * (seed * 2 + 1)) % sizes.len()]));
        prop_assert_eq!(named(Kind::Property, &again), Vec::<usize>::new());
    }

    #[test]
    fn growth_without_an_end_is_always_named(steps in proptest::collection::vec(1u64..50, 10..40)) {
        let mut size = 0;
        let sizes = arrays(steps.iter().map(|step| { size += step; size }));
        let looks = named(Kind::StaticProperty, &sizes);
        prop_assert_eq!(looks.first(), Some(&6));
    }
}
