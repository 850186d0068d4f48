//! The description of a cycle: its path, from the task that comes first in the alphabet. Pure.

use std::collections::BTreeMap;

use super::Node;
use crate::pipeline::file::FILE_NAME;

/// Describes one cycle among the nodes that still wait for `waiting` others.
pub(super) fn describe(nodes: &[Node<'_>], waiting: &[usize]) -> String {
    let is_stuck = |number: &usize| waiting.get(*number).is_some_and(|count| *count > 0);
    // A node that waits has a dependency that waits, so this path meets itself.
    let mut path = Vec::new();
    let mut places = BTreeMap::new();
    let mut next = (0..nodes.len()).find(is_stuck);
    let mut start = 0;
    while let Some(number) = next {
        if let Some(place) = places.insert(number, path.len()) {
            start = place;
            break;
        }
        path.push(number);
        let dependencies = nodes.get(number).map(|node| node.dependencies.as_slice());
        next = dependencies.into_iter().flatten().copied().find(is_stuck);
    }
    let cycle = path.get(start..).unwrap_or_default();
    let mut cycle: Vec<&Node<'_>> = cycle
        .iter()
        .filter_map(|number| nodes.get(*number))
        .collect();
    let first = cycle.iter().enumerate().min_by_key(|(_, node)| &node.id);
    let first = first.map_or(0, |(place, _)| place);
    cycle.rotate_left(first);
    let line = cycle.first().map_or(1, |node| node.task.line);
    cycle.extend(cycle.first().copied());
    let ids: Vec<&str> = cycle.iter().map(|node| node.id.as_str()).collect();
    format!(
        "{FILE_NAME}:{line}: found tasks that depend on each other: {}; expected no cycle",
        ids.join(" → ")
    )
}
