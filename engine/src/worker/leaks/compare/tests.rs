//! Sequences of requests, and the leaks after each check.

use proptest::prelude::*;

use super::*;
use crate::worker::leaks::{GcState, LoadedCode};

fn key(kind: LeakKind) -> Subject {
    Subject {
        kind,
        owner: 7,
        slot: 3,
    }
}

fn array(elements: u64, text: u64) -> ValueSize {
    ValueSize {
        shape: ValueShape::Array,
        count: elements,
        elements,
        text,
        bytes: 0,
    }
}

/// The numbers of the checks, from 0, that report one subject of these sizes.
fn reported_checks(kind: LeakKind, sizes: &[ValueSize]) -> Vec<usize> {
    let mut detector = LeakDetector::default();
    let mut checks = Vec::new();
    for (check, size) in sizes.iter().enumerate() {
        detector.begin_check(EngineState::default());
        detector.record_size(key(kind), *size);
        if !detector.detect().is_empty() {
            checks.push(check);
        }
    }
    checks
}

fn arrays(sizes: impl IntoIterator<Item = u64>) -> Vec<ValueSize> {
    sizes.into_iter().map(|size| array(size, 0)).collect()
}

#[test]
fn steady_growth_is_reported_within_ten_checks() {
    let first = |kind| reported_checks(kind, &arrays(1..11)).first().copied();
    for kind in [
        LeakKind::StaticProperty,
        LeakKind::Property,
        LeakKind::Local,
        LeakKind::Resource,
    ] {
        assert_eq!(first(kind), Some(6), "{kind:?}");
    }
    assert_eq!(first(LeakKind::Object), Some(7));
    for kind in [
        LeakKind::ShutdownFunction,
        LeakKind::ErrorHandler,
        LeakKind::Constant,
    ] {
        assert_eq!(first(kind), Some(2), "{kind:?}");
    }
    for kind in [LeakKind::Class, LeakKind::File] {
        assert_eq!(first(kind), Some(8), "{kind:?}");
    }
}

#[test]
fn replaced_values_are_no_leak() {
    let sizes = (0..1000).map(|check| 4 + check % 6);
    let paths: Vec<ValueSize> = (0..1000).map(|check| array(3, 4 + check % 20)).collect();
    for sizes in [arrays(sizes), arrays([9; 1000]), paths] {
        assert!(reported_checks(LeakKind::Property, &sizes).is_empty());
    }
}

#[test]
fn a_leak_is_reported_until_it_shrinks_or_stops() {
    let emptied = arrays((1..12).chain([1, 2, 3]));
    assert_eq!(
        reported_checks(LeakKind::Property, &emptied),
        [6, 7, 8, 9, 10]
    );
    let stopped = arrays((1..8).chain([7; 100]));
    assert_eq!(
        reported_checks(LeakKind::Property, &stopped).last(),
        Some(&(6 + 64))
    );
}

#[test]
fn rare_growth_is_reported_in_the_end() {
    let rare = arrays((0..400).map(|check| 1 + check / 12));
    let first = reported_checks(LeakKind::StaticProperty, &rare)
        .first()
        .copied();
    assert!(
        first.is_some_and(|check| (200..=300).contains(&check)),
        "{first:?}"
    );
}

#[test]
fn growth_after_shrinking_needs_more_checks() {
    let sizes = arrays([5, 3].into_iter().chain(4..60));
    let first = reported_checks(LeakKind::StaticProperty, &sizes)
        .first()
        .copied();
    assert!(first.is_some_and(|check| check >= 26), "{first:?}");
}

#[test]
fn growth_with_new_code_is_no_leak() {
    let mut detector = LeakDetector::default();
    let mut size = 1;
    for check in 0..1000u32 {
        let is_new = check % 9 == 0 || check < 8;
        size += u64::from(is_new);
        detector.begin_check(EngineState {
            has_new_code: is_new,
            ..EngineState::default()
        });
        detector.record_size(key(LeakKind::StaticProperty), array(size, 0));
        assert_eq!(detector.detect(), [], "check {check}");
    }
}

#[test]
fn loading_in_each_request_hides_no_leak() {
    let mut detector = LeakDetector::default();
    let mut kinds = Vec::new();
    for check in 1..=20 {
        let files = |files| LoadedCode {
            files,
            ..LoadedCode::default()
        };
        detector.begin_check(EngineState {
            loaded: files(check),
            generated: files(u32::from(check > 1)),
            ..EngineState::default()
        });
        detector.record_size(key(LeakKind::StaticProperty), array(check.into(), 0));
        kinds = detector
            .detect()
            .iter()
            .map(|leak| leak.subject.kind)
            .collect();
    }
    assert_eq!(kinds, [LeakKind::StaticProperty, LeakKind::File]);
}

#[test]
fn code_that_existed_before_is_never_a_leak() {
    let mut detector = LeakDetector::default();
    for check in 1..=100 {
        detector.begin_check(EngineState {
            loaded: LoadedCode {
                files: check,
                classes: check,
                ..LoadedCode::default()
            },
            ..EngineState::default()
        });
        assert_eq!(detector.detect(), []);
    }
}

#[test]
fn a_replaced_object_has_a_new_history() {
    let mut detector = LeakDetector::default();
    for check in 0..100 {
        detector.begin_check(EngineState::default());
        if check % 2 == 0 {
            detector.record_size(key(LeakKind::Property), array(check, 0));
        }
        assert_eq!(detector.detect(), []);
    }
}

#[test]
fn a_longer_string_is_a_leak_only_if_appended_to() {
    let texts = |next: &dyn Fn(usize) -> String| {
        let mut detector = LeakDetector::default();
        (0..30)
            .filter(|check| {
                detector.begin_check(EngineState::default());
                detector.record_text(key(LeakKind::StaticProperty), next(*check).as_bytes(), 0);
                !detector.detect().is_empty()
            })
            .count()
    };
    assert_eq!(texts(&|check| "line\n".repeat(check + 1)), 24);
    assert_eq!(texts(&|check| format!("/{check}/{}", "x".repeat(check))), 0);
    // One that restarts after a check without it.
    let mut detector = LeakDetector::default();
    let named = (0..30usize).filter(|check| {
        detector.begin_check(EngineState::default());
        if *check != 3 {
            let text = "line\n".repeat(check.saturating_sub(3) + 1);
            detector.record_text(key(LeakKind::Property), text.as_bytes(), 0);
        }
        !detector.detect().is_empty()
    });
    assert_eq!(named.min(), Some(10));
}

#[test]
fn a_setting_that_changes_again_is_reported() {
    let mut detector = LeakDetector::default();
    let mut check = |values: &[(u64, u64)], has_new_code| {
        detector.begin_check(EngineState {
            has_new_code,
            ..EngineState::default()
        });
        for (of, hash) in values {
            let key = Subject {
                owner: *of,
                ..Subject::single(LeakKind::Ini)
            };
            detector.record_setting(key, *hash);
        }
        detector.detect().len()
    };
    assert_eq!(check(&[(1, 5)], false), 0);
    assert_eq!(check(&[(1, 6), (2, 5)], false), 0);
    assert_eq!(check(&[(1, 7), (2, 6)], true), 0);
    assert_eq!(check(&[(1, 8), (2, 6)], false), 1);
    assert_eq!(check(&[(1, 8), (2, 7)], false), 2);
}

#[test]
fn memory_is_a_leak_if_none_of_it_is_garbage() {
    for (no_garbage, min_growth, expected) in [(true, 100, 12), (false, 100, 0), (true, 10, 0)] {
        let mut detector = LeakDetector::default();
        let checks = (0..20).filter(|check| {
            detector.begin_check(EngineState {
                gc: GcState {
                    has_no_garbage: no_garbage,
                    ..GcState::default()
                },
                memory: check * min_growth,
                ..EngineState::default()
            });
            !detector.detect().is_empty()
        });
        assert_eq!(checks.count(), expected, "{no_garbage} {min_growth}");
    }
}

#[test]
fn an_open_session_is_reported_at_each_check() {
    let mut detector = LeakDetector::default();
    detector.begin_check(EngineState::default());
    detector.record_open_session();
    assert_eq!(detector.detect().first().map(|leak| leak.times), Some(1));
    detector.begin_check(EngineState::default());
    assert_eq!(detector.detect(), []);
}

proptest! {
    #[test]
    fn repeating_sizes_are_no_leak(
        mut sizes in proptest::collection::vec(1u64..1000, 2..12),
        seed in 0usize..12,
    ) {
        // The first one is the largest: nothing is ever larger than all before.
        let peak = sizes.iter().max().copied().unwrap_or(0);
        sizes.insert(0, peak);
        let again = arrays((0..1000).map(|check| sizes[(check * (seed * 2 + 1)) % sizes.len()]));
        prop_assert_eq!(reported_checks(LeakKind::Property, &again), Vec::<usize>::new());
    }

    #[test]
    fn endless_growth_is_always_reported(steps in proptest::collection::vec(1u64..50, 10..40)) {
        let mut size = 0;
        let sizes = arrays(steps.iter().map(|step| { size += step; size }));
        let checks = reported_checks(LeakKind::StaticProperty, &sizes);
        prop_assert_eq!(checks.first(), Some(&6));
    }
}
