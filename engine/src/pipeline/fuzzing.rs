//! Entry points of the fuzz targets `archive` and `velocity`, with the invariants of restored entries and of
//! `velocity.yml`.
#![allow(clippy::panic, reason = "a broken invariant is a failing input")]

use std::path::PathBuf;

use super::{
    archive::fuzzing,
    file::{Pattern, Remote, parse, pattern},
    graph::{Graph, Request},
    workspace::{Package, Workspace},
};

const SECRET: &str = "s3cr3t-t0ken";

/// Reads a text as a file, builds the graph of all its tasks in two packages, and reads it as a pattern.
pub fn velocity(text: &str) {
    let env = |name: &str| (name == "TOKEN").then(|| SECRET.to_owned());
    let (pipeline, problems) = parse(text, &env);
    assert!(problems.len() <= 100);
    assert_eq!(
        pipeline.is_none(),
        problems.iter().any(|problem| problem.is_error)
    );
    for problem in &problems {
        assert!(problem.message.len() <= 4 << 10);
    }
    if let Ok(pattern) = Pattern::parse(text) {
        assert_eq!(Pattern::parse(&pattern.written()).as_ref(), Ok(&pattern));
        assert!(!pattern.text.starts_with('/'));
    }
    let Some(pipeline) = pipeline else {
        return;
    };
    if let Remote::On { token, .. } = &pipeline.remote {
        let shown = format!("{:?}{:?}", pipeline.remote, token);
        assert!(!shown.contains(SECRET));
    }
    for output in pipeline.tasks.values().flat_map(|task| &task.outputs) {
        assert!(
            !output.starts_with(['/', '!'])
                && output
                    .split('/')
                    .all(|name| !["", ".", ".."].contains(&name))
        );
        assert!(pattern::has_wildcard(output) || PathBuf::from(output).is_relative());
    }
    let package = |name: &str, dependencies: &[usize]| Package {
        name: name.to_owned(),
        names: vec![name.to_owned()],
        path: PathBuf::from(name),
        dependencies: dependencies.to_vec(),
    };
    let workspace = Workspace {
        packages: vec![package("a", &[1]), package("b", &[])],
        ..Workspace::default()
    };
    let requests: Vec<Request> = pipeline
        .tasks
        .keys()
        .map(|name| Request::parse(name))
        .collect();
    let Ok(graph) = Graph::build(&pipeline, &workspace, &requests, &[]) else {
        return;
    };
    for (number, node) in graph.nodes.iter().enumerate() {
        assert!(node.dependencies.iter().all(|before| *before < number));
        assert!(node.dependents.iter().all(|after| *after > number));
    }
}

/// Reads bytes as the tar inside an archive, and as an archive.
pub fn archive(bytes: &[u8]) {
    if let Ok(frame) = zstd::encode_all(bytes, 1) {
        fuzzing::read(&frame);
    }
    fuzzing::read(bytes);
}
