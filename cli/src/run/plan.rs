//! The plan of `--dry-run`: each task with its key and the place of its result, as text or JSON.

use pillion_engine::pipeline::{
    graph::{Graph, Node},
    inputs::Identity,
    run::{Results, Run},
};
use serde_json::{Value, json};

use crate::units::printable;

/// The place of a task's result.
fn place(results: &Results, is_forced: bool, identity: &Identity) -> &'static str {
    match () {
        () if is_forced => "run",
        () if results.is_local(&identity.key) => "local",
        () if results.is_remote(&identity.key) => "remote",
        () => "run",
    }
}

/// The tasks that a run would restore or start, one line each.
pub(super) fn text(run: &Run<'_>) -> String {
    let mut out = String::new();
    for (node, identity) in run.graph.nodes.iter().zip(&run.identities.list) {
        let (place, key) = match identity {
            _ if node.task.command.is_none() => ("group", String::new()),
            Ok(identity) => {
                let key = identity.key.as_str().get(..16).unwrap_or_default();
                (place(run.results, run.is_forced, identity), key.to_owned())
            }
            Err(_) => ("run", "not cached".into()),
        };
        let command = node.task.command.as_deref().unwrap_or_default();
        let command = command.lines().next().unwrap_or_default();
        let line = format!("{place:<6}  {key:<16}  {}  {command}", node.id);
        out.push_str(printable(line.trim_end()).as_str());
        out.push('\n');
        for line in reasons(run, node, identity) {
            out.push_str(&format!("        {}\n", printable(&line)));
        }
    }
    out
}

/// Reasons for a command to run, where they are asked for or a task can't be cached.
fn reasons(run: &Run<'_>, node: &Node<'_>, identity: &Result<Identity, String>) -> Vec<String> {
    match identity {
        Err(why) => vec![why.clone()],
        Ok(identity) => {
            let earlier = run
                .records
                .and_then(|records| records.read(&run.sources.workspace.root, &node.id));
            earlier
                .map(|earlier| identity.parts.differences(&earlier))
                .unwrap_or_default()
        }
    }
}

/// The same for programs, with all parts of each key.
pub(super) fn json(run: &Run<'_>) -> Value {
    let ids = |graph: &Graph<'_>, numbers: &[usize]| -> Vec<String> {
        let nodes = numbers.iter().filter_map(|number| graph.nodes.get(*number));
        nodes.map(|node| node.id.clone()).collect()
    };
    let task = |(node, identity): (&Node<'_>, &Result<Identity, String>)| {
        json!({
            "id": node.id,
            "command": node.task.command,
            "depends_on": ids(run.graph, &node.dependencies),
            "place": identity.as_ref().ok().map(|identity| place(run.results, run.is_forced, identity)),
            "key": identity.as_ref().ok().map(|identity| identity.key.as_str()),
            "parts": identity.as_ref().ok().map(|identity| &identity.parts),
            "not_cached": identity.as_ref().err(),
            "differences": reasons(run, node, identity),
        })
    };
    let nodes = run.graph.nodes.iter().zip(&run.identities.list);
    json!({
        "version": 1,
        "remote": run.results.remote().json(),
        "tasks": nodes.map(task).collect::<Vec<_>>(),
    })
}
