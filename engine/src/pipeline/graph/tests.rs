//! Graphs of small pipelines.

use std::path::PathBuf;

use super::*;
use crate::pipeline::{file::parse, workspace::Package};

fn pipeline(text: &str) -> Pipeline {
    let (pipeline, problems) = parse(text, &|_| None);
    pipeline.unwrap_or_else(|| unreachable!("{problems:?}"))
}

/// Packages by name, each with the numbers of its dependencies.
fn workspace(packages: &[(&str, &[usize])]) -> Workspace {
    let package = |(name, dependencies): &(&str, &[usize])| Package {
        name: (*name).to_owned(),
        names: vec![(*name).to_owned()],
        path: PathBuf::from(format!("packages/{name}")),
        dependencies: dependencies.to_vec(),
    };
    Workspace {
        packages: packages.iter().map(package).collect(),
        ..Workspace::default()
    }
}

fn build(text: &str, packages: &[(&str, &[usize])], requests: &[&str]) -> Result<Vec<String>> {
    let pipeline = pipeline(text);
    let requests: Vec<_> = requests.iter().map(|text| Request::parse(text)).collect();
    let graph = Graph::build(&pipeline, &workspace(packages), &requests, &[])?;
    let line = |node: &Node<'_>| {
        let before = node
            .dependencies
            .iter()
            .map(|number| graph.nodes[*number].id.as_str());
        format!(
            "{} {}: {}",
            node.height,
            node.id,
            before.collect::<Vec<_>>().join(" ")
        )
    };
    Ok(graph.nodes.iter().map(line).collect())
}

const PIPELINE: &str = "
pipeline:
  build: {command: make, depends_on: [^build, gen]}
  gen: {command: gen}
  test: {command: test, depends_on: [build]}
  app#e2e: {command: e2e, depends_on: [test, 'lib#test']}
";

#[test]
fn task_follows_those_of_its_dependencies() {
    let lines = build(PIPELINE, &[("app", &[1]), ("lib", &[])], &["app#test"]).unwrap();
    assert_eq!(
        lines,
        [
            "2 app#gen: ",
            "3 lib#gen: ",
            "2 lib#build: lib#gen",
            "1 app#build: app#gen lib#build",
            "0 app#test: app#build",
        ]
    );
}

#[test]
fn task_of_one_package_exists_there_only() {
    let packages: &[(&str, &[usize])] = &[("app", &[]), ("lib", &[])];
    let lines = build(PIPELINE, packages, &["e2e"]).unwrap();
    assert!(
        lines
            .last()
            .unwrap()
            .ends_with("app#e2e: app#test lib#test"),
        "{lines:?}"
    );
    let error = build(PIPELINE, packages, &["lib#e2e"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("package \"lib\": has no task \"e2e\""),
        "{error}"
    );
}

#[test]
fn cycle_is_named_with_its_path() {
    let text = "{pipeline: {a: {command: x, depends_on: [c]}, b: {command: x, depends_on: [a]}, c: {command: x, depends_on: [b]}, d: {command: x, depends_on: [a]}}}";
    let error = build(text, &[("p", &[])], &["d"]).unwrap_err().to_string();
    let start = "velocity.yml:1: found tasks that depend on each other: p#a → p#c → p#b → p#a;";
    assert!(error.starts_with(start), "{error}");
    let text = "{pipeline: {build: {command: x, depends_on: [^build]}}}";
    let error = build(text, &[("p", &[1]), ("q", &[0])], &["build"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("p#build → q#build → p#build"), "{error}");
    let text = "{pipeline: {a: {command: x, depends_on: [a]}}}";
    let error = build(text, &[("p", &[])], &["a"]).unwrap_err().to_string();
    assert!(error.contains("p#a → p#a"), "{error}");
}

#[test]
fn mistyped_name_has_a_suggestion() {
    for (request, words) in [
        ("bild", "did you mean build?"),
        ("ap#build", "did you mean app?"),
    ] {
        let error = build(PIPELINE, &[("app", &[])], &[request])
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn chain_of_ten_thousand_packages_is_sorted() {
    let names: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    let next: Vec<[usize; 1]> = (1..=10_000).map(|number| [number]).collect();
    let packages: Vec<(&str, &[usize])> = names
        .iter()
        .zip(&next)
        .map(|(name, next)| {
            (
                name.as_str(),
                if next[0] < 10_000 { &next[..] } else { &[] },
            )
        })
        .collect();
    let text = "{pipeline: {build: {command: x, depends_on: [^build]}}}";
    let lines = build(text, &packages, &["p0#build"]).unwrap();
    assert_eq!(lines.len(), 10_000);
    assert_eq!(lines[0], "9999 p9999#build: ");
}
