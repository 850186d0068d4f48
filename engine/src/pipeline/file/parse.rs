//! The whole file: sections to values, and references between tasks. Pure.

use std::path::Path;

use super::{Dependency, Pattern, Pipeline, Problem, Task, pattern, reader::Reader, remote};
use crate::config::{
    ReadEnv, suggest,
    yaml::{self, Content, Node},
};

const KEYS: [&str; 5] = ["version", "project_id", "remote", "packages", "pipeline"];
const TASK_KEYS: [&str; 5] = ["command", "inputs", "outputs", "depends_on", "env_keys"];
/// Bytes of the name of a task, with its package.
const MAX_NAME_LEN: usize = 256;
/// Bytes of `project_id`.
const MAX_PROJECT_LEN: usize = 256;

/// Parses the file. Returns its content, unless a problem is an error, and all problems.
#[must_use]
pub fn parse(text: &str, env: ReadEnv<'_>) -> (Option<Pipeline>, Vec<Problem>) {
    let document = match yaml::document(text) {
        Ok(document) => document,
        Err(error) => {
            let problem = Problem {
                line: error.line,
                message: format!("invalid YAML ({})", error.message),
                is_error: true,
            };
            return (None, vec![problem]);
        }
    };
    let mut reader = Reader::default();
    let mut references = Vec::new();
    let pipeline = read(&mut reader, &mut references, &document, env);
    check_references(&mut reader, &pipeline, &references);
    check_overlaps(&mut reader, &pipeline);
    let problems = reader.finish();
    let is_usable = !problems.iter().any(|problem| problem.is_error);
    (is_usable.then_some(pipeline), problems)
}

/// An entry of `depends_on`, with its key and its line.
type Reference = (String, u64, Dependency);

fn read(
    reader: &mut Reader,
    references: &mut Vec<Reference>,
    document: &Node,
    env: ReadEnv<'_>,
) -> Pipeline {
    let mut pipeline = Pipeline::default();
    if document.content == Content::Null {
        reader.error("pipeline", 1, "an empty file", "at least one task");
        return pipeline;
    }
    let mut has_tasks = false;
    for (key, line, node) in reader.map("the file", document) {
        match key.as_str() {
            "version" => {
                let version = reader.text("version", node).unwrap_or("1");
                if version != "1" {
                    let expected = "1, the only version that this program reads";
                    reader.invalid("version", *line, version, "another version", expected);
                }
            }
            "project_id" => {
                let project = reader.text("project_id", node).unwrap_or_default();
                if project.len() > MAX_PROJECT_LEN {
                    reader.error("project_id", *line, "a long text", "at most 256 bytes");
                }
                pipeline.project_id = project.to_owned();
            }
            "remote" => pipeline.remote = remote::read(reader, node, env),
            "packages" => pipeline.packages = packages(reader, node),
            "pipeline" => {
                has_tasks = true;
                for (name, line, node) in reader.map("pipeline", node) {
                    if let Some(task) = task(reader, references, name, *line, node) {
                        pipeline.tasks.insert(name.clone(), task);
                    }
                }
            }
            _ => reader.unknown("", key, *line, &KEYS),
        }
    }
    if !has_tasks {
        let line = document.line.max(1);
        reader.error("pipeline", line, "no such section", "at least one task");
    }
    pipeline
}

fn packages(reader: &mut Reader, node: &Node) -> Vec<(Pattern, u64)> {
    let items = reader.list("packages", node).unwrap_or_default();
    let parse = |(text, line): (&str, u64)| match Pattern::parse(text) {
        Ok(pattern) if !pattern.text.starts_with("..") => Some((pattern, line)),
        Ok(_) => {
            let why = "outside the workspace";
            reader.invalid(
                "packages",
                line,
                text,
                why,
                "directories below that of this file",
            );
            None
        }
        Err(why) => {
            reader.invalid("packages", line, text, &why, "a pattern such as packages/*");
            None
        }
    };
    items.into_iter().filter_map(parse).collect()
}

fn task(
    reader: &mut Reader,
    references: &mut Vec<Reference>,
    name: &str,
    line: u64,
    node: &Node,
) -> Option<Task> {
    let own = name.rsplit_once('#').map_or(name, |(_, own)| own);
    if !is_task_name(own) || name.len() > MAX_NAME_LEN || name.starts_with('#') {
        let expected = "a name such as build, or package#build for one package";
        reader.invalid("pipeline", line, name, "no name of a task", expected);
        return None;
    }
    let mut task = Task {
        line,
        command: None,
        inputs: None,
        outputs: Vec::new(),
        depends_on: Vec::new(),
        env_keys: Vec::new(),
    };
    let section = format!("pipeline.{name}");
    // Whether it is known that there is no command.
    let mut is_read = matches!(node.content, Content::Map(_) | Content::Null);
    for (key, line, node) in reader.map(&section, node) {
        let at = format!("{section}.{key}");
        match key.as_str() {
            "command" => {
                is_read = matches!(node.content, Content::Text(_) | Content::Null);
                let command = reader.text(&at, node).map(str::trim).unwrap_or_default();
                if command.contains('\0') {
                    reader.error(&at, *line, "a zero byte", "a command of the shell");
                }
                task.command = Some(command.to_owned()).filter(|text| !text.is_empty());
            }
            "inputs" => {
                let parse = |text: &str| Pattern::parse(text);
                let inputs = items(reader, &at, node, "a pattern such as src/**", parse);
                task.inputs = inputs.map(values);
            }
            "outputs" => {
                let expected = "a path inside the package, such as dist/**";
                let outputs = items(reader, &at, node, expected, pattern::output);
                task.outputs = outputs.map(values).unwrap_or_default();
            }
            "depends_on" => {
                let expected = "task, ^task or package#task";
                let entries = items(reader, &at, node, expected, dependency);
                let entries = entries.unwrap_or_default();
                references.extend(
                    entries
                        .iter()
                        .map(|(entry, line)| (at.clone(), *line, entry.clone())),
                );
                task.depends_on = values(entries);
            }
            "env_keys" => {
                let entries = items(reader, &at, node, "the name of a variable", variable);
                task.env_keys = entries.map(values).unwrap_or_default();
            }
            _ => reader.unknown(&section, key, *line, &TASK_KEYS),
        }
    }
    let has_none = is_read && task.command.is_none();
    if has_none && task.depends_on.is_empty() {
        let found = "no command";
        reader.error(
            &section,
            line,
            found,
            "a command, or tasks that it depends on",
        );
    }
    if has_none && !task.outputs.is_empty() {
        reader.error(&section, line, "outputs without a command", "a command");
    }
    sort(&mut task.outputs);
    sort(&mut task.depends_on);
    sort(&mut task.env_keys);
    Some(task)
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort();
    list.dedup();
}

/// The items of a list with their lines; those that can't be parsed are problems.
fn items<T>(
    reader: &mut Reader,
    key: &str,
    node: &Node,
    expected: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<(T, u64)>> {
    let texts = reader.list(key, node)?;
    let parse = |(text, line): (&str, u64)| match parse(text) {
        Ok(item) => Some((item, line)),
        Err(why) => {
            reader.invalid(key, line, text, &why, expected);
            None
        }
    };
    Some(texts.into_iter().filter_map(parse).collect())
}

fn values<T>(items: Vec<(T, u64)>) -> Vec<T> {
    items.into_iter().map(|(item, _)| item).collect()
}

fn dependency(text: &str) -> Result<Dependency, String> {
    let text = text.trim();
    let invalid = || "no name of a task".to_owned();
    let name = |name: &str| {
        is_task_name(name)
            .then(|| name.to_owned())
            .ok_or_else(invalid)
    };
    if let Some(task) = text.strip_prefix('^') {
        return name(task).map(Dependency::Upstream);
    }
    match text.rsplit_once('#') {
        Some(("", _)) => Err(invalid()),
        Some((package, task)) => Ok(Dependency::Of(package.to_owned(), name(task)?)),
        None => name(text).map(Dependency::Same),
    }
}

fn variable(text: &str) -> Result<String, String> {
    let is_first = |c: char| c == '_' || c.is_ascii_alphabetic();
    let is_name =
        text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit());
    match is_name {
        true => Ok(text.to_owned()),
        false => Err("no name of a variable".into()),
    }
}

/// Letters, digits and some punctuation, so that a name needs no quotes in a shell and shows nothing else in a log.
fn is_task_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || "_-.:/@".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_allowed)
}

fn check_references(reader: &mut Reader, pipeline: &Pipeline, references: &[Reference]) {
    for (key, line, dependency) in references {
        let (written, wanted) = match dependency {
            Dependency::Same(task) => (task.clone(), task),
            Dependency::Upstream(task) => (format!("^{task}"), task),
            Dependency::Of(package, task) => (format!("{package}#{task}"), task),
        };
        if !pipeline.has_task(wanted) {
            let meant = suggest::closest(wanted, pipeline.task_names());
            let meant = meant.map(|meant| format!(", such as {meant}"));
            let expected = format!("a task of pipeline{}", meant.unwrap_or_default());
            reader.invalid(key, *line, &written, "no such task", &expected);
        }
    }
}

/// Reports an output inside that of another task: a hit of that task would remove it.
fn check_overlaps(reader: &mut Reader, pipeline: &Pipeline) {
    let tasks = pipeline.tasks.iter();
    let outputs =
        tasks.flat_map(|(name, task)| task.outputs.iter().map(move |path| (name, task.line, path)));
    let mut outputs: Vec<_> = outputs
        .filter(|(_, _, path)| !pattern::has_wildcard(path))
        .collect();
    outputs.sort_by_key(|(_, _, path)| Path::new(path.as_str()));
    for (at, (name, _, path)) in outputs.iter().enumerate() {
        let below = outputs.iter().skip(at + 1);
        let below =
            below.take_while(|(_, _, other)| Path::new(other.as_str()).starts_with(path.as_str()));
        for (other, line, inner) in below {
            if may_share_a_package(name, other) {
                let key = format!("pipeline.{other}.outputs");
                reader.warn(
                    &key,
                    *line,
                    &format!("{inner:?} is inside {path:?} of {name}, whose hits remove it"),
                );
            }
        }
    }
}

/// Whether two different tasks may be of one package.
fn may_share_a_package(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|name| match name.rsplit_once('#') {
        Some((package, own)) => (Some(package), own),
        None => (None, name),
    });
    let is_one_package = one.0.is_none() || other.0.is_none() || one.0 == other.0;
    one.1 != other.1 && is_one_package
}
