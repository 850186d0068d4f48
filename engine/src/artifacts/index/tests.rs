//! The index against a model of it, against its own writers at once, and against broken bytes.

use super::*;
use crate::artifacts::record::tests::sample;

#[test]
fn what_was_stored_is_found_by_another_opening() {
    let dir = tempfile::tempdir().unwrap();
    let one = Index::open(dir.path(), 1, 100).unwrap();
    let two = Index::open(dir.path(), 1, 100).unwrap();
    let writer = one.writer(PATIENCE).unwrap();
    for seed in 0..100 {
        assert_eq!(writer.store(&sample(seed)), Stored::Done);
    }
    assert_eq!(writer.store(&sample(100)), Stored::Full);
    for seed in 0..100 {
        assert_eq!(two.get(sample(seed).key), Some(sample(seed)));
    }
    assert_eq!(two.get(sample(100).key), None);
    assert_eq!(two.len(), 100);
}
