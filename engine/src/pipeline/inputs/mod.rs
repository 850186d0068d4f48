//! The keys of tasks: from command, files, variables, outputs, platform and the keys of the tasks before, all known
//! before anything runs. A task with a file that can't be read has no key: it runs and is not
//! cached. Blocking thread.
//!
//! # Layout
//!
//! * `select` which files; [`outputs`] which ones are none; `content` their hashes; [`parts`] the key.
//! * [`record`] the parts of the last run, for comparison.

mod content;
pub mod outputs;
pub mod parts;
pub mod record;
mod select;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use content::Marks;
use outputs::Outputs;
use parts::Parts;
use select::{Selection, Unused, case_notes};

use crate::{
    pipeline::{
        file::Pipeline,
        graph::{Graph, Node},
        workspace::{Package, Tree, Workspace},
    },
    remote::protocol::Key,
};

/// Reads a variable of the environment that commands get.
pub type ReadVariable<'a> = &'a (dyn Fn(&str) -> Option<OsString> + Sync);

/// The identity of a task's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key.
    pub key: Key,
    /// Its parts.
    pub parts: Parts,
}

/// The identities of all nodes of a graph, and remarks on their files.
#[derive(Debug, Default)]
pub struct Identities {
    /// In the order of nodes; the reason of a task that can't be cached.
    pub list: Vec<Result<Identity, String>>,
    /// Remarks, each with the task.
    pub notes: Vec<String>,
}

/// All that identities are made of.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The file.
    pub pipeline: &'a Pipeline,
    /// Packages and files.
    pub workspace: &'a Workspace,
    /// Outputs of all tasks.
    pub outputs: &'a Outputs,
    /// The environment of commands.
    pub variable: ReadVariable<'a>,
    /// Threads that hash files.
    pub threads: usize,
}

impl Sources<'_> {
    /// The identities of all nodes.
    #[must_use]
    pub fn identities(&self, graph: &Graph<'_>) -> Identities {
        let mut found = Identities::default();
        let selections: Vec<_> = graph
            .nodes
            .iter()
            .map(|node| self.selection(node))
            .collect();
        let tree = &self.workspace.tree;
        let mut all = BTreeMap::new();
        // Whether a pattern of a task selects a file in any package.
        let mut uses: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for (node, selection) in graph.nodes.iter().zip(&selections) {
            if let Ok(selection) = selection {
                let files = selection.files(tree, self.outputs);
                let mut note = |text: &str| found.notes.push(format!("{}: {text}", node.id));
                let unused = selection.unused(tree, &files);
                for Unused {
                    pattern,
                    in_other_case,
                } in &unused
                {
                    if let Some(other) = in_other_case {
                        let other = other.display();
                        note(&format!(
                            "inputs has {pattern:?}, which matches nothing: {other} differs in case"
                        ));
                    }
                }
                if files.is_empty() && has_patterns(node) {
                    note("inputs match no file");
                } else {
                    for pattern in selection.patterns() {
                        let is_unused = |one: &Unused<'_>| {
                            one.pattern == pattern && one.in_other_case.is_none()
                        };
                        *uses.entry((&node.name, pattern)).or_default() |=
                            !unused.iter().any(is_unused);
                    }
                }
                case_notes(&files).iter().for_each(|text| note(text));
                all.extend(files.into_iter().map(|file| (&file.path, file)));
            }
        }
        let unused = uses.iter().filter(|(_, is_used)| !**is_used);
        found.notes.extend(unused.map(|((task, pattern), _)| {
            format!("{task}: inputs has {pattern:?}, which selects no file")
        }));
        let all: Vec<_> = all.into_values().collect();
        let marks = content::marks(&self.workspace.root, &all, self.threads);
        for (node, selection) in graph.nodes.iter().zip(&selections) {
            let identity = match selection {
                Ok(selection) => self.identity(graph, node, selection, &marks, &found.list),
                Err(why) => Err(why.clone()),
            };
            found.list.push(identity);
        }
        found
    }

    /// Whether the files of a task still have the marks of its key: otherwise its result is that of other files.
    #[must_use]
    pub fn is_current(&self, node: &Node<'_>, identity: &Identity) -> bool {
        let Ok(selection) = self.selection(node) else {
            return false;
        };
        let root = &self.workspace.root;
        let Ok(tree) = Tree::read_paths(root, &selection.starts()) else {
            return false;
        };
        let marks = content::marks(root, &selection.files(&tree, self.outputs), 1);
        files_of(&selection, &tree, self.outputs, &marks).as_ref() == Ok(&identity.parts.files)
    }

    fn selection(&self, node: &Node<'_>) -> Result<Selection, String> {
        // A task without a command has no result of its own.
        let inputs = match node.task.command {
            Some(_) => node.task.inputs.as_deref(),
            None => Some(&[][..]),
        };
        Selection::new(&self.package(node).path, inputs)
    }

    fn package(&self, node: &Node<'_>) -> &Package {
        // A node is made for a package that exists.
        static NONE: LazyLock<Package> = LazyLock::new(|| Package {
            name: String::new(),
            names: Vec::new(),
            path: PathBuf::new(),
            dependencies: Vec::new(),
        });
        self.workspace.packages.get(node.package).unwrap_or(&NONE)
    }

    fn identity(
        &self,
        graph: &Graph<'_>,
        node: &Node<'_>,
        selection: &Selection,
        marks: &Marks,
        before: &[Result<Identity, String>],
    ) -> Result<Identity, String> {
        let mut dependencies = BTreeMap::new();
        for number in &node.dependencies {
            let (Some(other), Some(identity)) = (graph.nodes.get(*number), before.get(*number))
            else {
                continue;
            };
            let identity = identity
                .as_ref()
                .map_err(|_| format!("{} can't be cached", other.id))?;
            let path = text(&self.package(other).path)?;
            dependencies.insert(format!("{path}#{}", other.name), identity.key.to_string());
        }
        let variables = node.task.env_keys.iter().map(|name| {
            let value = (self.variable)(name);
            let value = value.map(|value| Parts::variable(value.as_encoded_bytes()));
            (name.clone(), value)
        });
        let parts = Parts {
            tool: parts::TOOL.to_owned(),
            platform: Parts::platform(),
            project: self.pipeline.project_id.clone(),
            package: text(&self.package(node).path)?.to_owned(),
            task: node.name.clone(),
            command: node.task.command.clone().unwrap_or_default(),
            outputs: node.task.outputs.clone(),
            variables: variables.collect(),
            files: files_of(selection, &self.workspace.tree, self.outputs, marks)?,
            dependencies,
        };
        let key = parts.key().ok_or("no key")?;
        Ok(Identity { key, parts })
    }
}

/// Whether a task names its inputs, and there are any.
fn has_patterns(node: &Node<'_>) -> bool {
    let inputs = node.task.inputs.as_ref();
    node.task.command.is_some() && inputs.is_some_and(|inputs| !inputs.is_empty())
}

/// The marks of the selected files.
fn files_of(
    selection: &Selection,
    tree: &Tree,
    outputs: &Outputs,
    marks: &Marks,
) -> Result<BTreeMap<String, String>, String> {
    let starts = selection.starts();
    let concerns = |path: &Path| {
        starts
            .iter()
            .any(|start| path.starts_with(start) || start.starts_with(path))
    };
    if let Some((path, why)) = tree.unreadable.iter().find(|(path, _)| concerns(path)) {
        return Err(format!("{}: {why}", path.display()));
    }
    let mut found = BTreeMap::new();
    for file in selection.files(tree, outputs) {
        let mark = match marks.get(&file.path) {
            Some(Ok(mark)) => mark.clone(),
            Some(Err(why)) => return Err(format!("{}: {why}", file.path.display())),
            None => return Err(format!("{}: not read", file.path.display())),
        };
        found.insert(text(&file.path)?.to_owned(), mark);
    }
    Ok(found)
}

/// A path in UTF-8, as keys and records have it.
fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{}: a name that is not UTF-8", path.display()))
}
