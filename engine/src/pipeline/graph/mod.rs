//! The graph of tasks: a node for each task of a package that is asked for or needed, edges from `depends_on`. Built
//! without recursion, so that its depth has no limit but memory. Pure.

mod cycle;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use crate::{
    Error, Result,
    config::suggest,
    pipeline::{
        file::{Dependency, FILE_NAME, Pipeline, Task},
        workspace::Workspace,
    },
};

/// A task of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// `package#task`; `task` in a workspace without packages.
    pub id: String,
    /// Number of the package.
    pub package: usize,
    /// Name of the task.
    pub name: String,
    /// Its definition.
    pub task: &'a Task,
    /// Numbers of the nodes that run before it, sorted.
    pub dependencies: Vec<usize>,
    /// Numbers of the nodes that wait for it, sorted.
    pub dependents: Vec<usize>,
    /// Nodes of the longest chain that waits for it: those with most run first.
    pub height: usize,
}

/// All tasks of a run, each after its dependencies.
#[derive(Debug, Default)]
pub struct Graph<'a> {
    /// The nodes.
    pub nodes: Vec<Node<'a>>,
}

/// A task that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The package's name or path; `None`: all selected packages that have the task.
    pub package: Option<String>,
    /// The task.
    pub task: String,
}

impl Request {
    /// Parses `task` or `package#task`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('#') {
            Some((package, task)) => Self {
                package: Some(package.to_owned()),
                task: task.to_owned(),
            },
            None => Self {
                package: None,
                task: text.to_owned(),
            },
        }
    }
}

impl<'a> Graph<'a> {
    /// Builds the graph of the requests. `selected` are names or paths of packages; none stands for all.
    ///
    /// # Errors
    /// A request or a dependency names no task or no package; the tasks depend on each other.
    pub fn build(
        pipeline: &'a Pipeline,
        workspace: &Workspace,
        requests: &[Request],
        selected: &[String],
    ) -> Result<Self> {
        let mut builder = Builder {
            pipeline,
            workspace,
            numbers: BTreeMap::new(),
            nodes: Vec::new(),
        };
        let selected: Vec<usize> = match selected {
            [] => (0..workspace.packages.len()).collect(),
            names => names
                .iter()
                .map(|name| package(workspace, name, "--package"))
                .collect::<Result<_>>()?,
        };
        for request in requests {
            builder.add_request(request, &selected)?;
        }
        let mut next = 0;
        while next < builder.nodes.len() {
            builder.connect(next)?;
            next += 1;
        }
        sort(builder.nodes)
    }
}

struct Builder<'a, 'w> {
    pipeline: &'a Pipeline,
    workspace: &'w Workspace,
    numbers: BTreeMap<(usize, String), usize>,
    nodes: Vec<Node<'a>>,
}

impl Builder<'_, '_> {
    fn add_request(&mut self, request: &Request, selected: &[usize]) -> Result<()> {
        let name = &request.task;
        if !self.pipeline.has_task(name) {
            let meant = suggest::closest(name, self.pipeline.task_names());
            let meant = meant.map(|meant| format!("; did you mean {meant}?"));
            let mut known: Vec<&str> = self.pipeline.task_names().collect();
            known.dedup();
            return Err(Error::Config(format!(
                "task {name:?}: not in pipeline, which has {}{}",
                known.join(", "),
                meant.unwrap_or_default()
            )));
        }
        if let Some(wanted) = &request.package {
            let number = package(self.workspace, wanted, "task")?;
            return match self.add(number, name) {
                Some(_) => Ok(()),
                None => Err(Error::Config(format!(
                    "package {wanted:?}: has no task {name:?}"
                ))),
            };
        }
        let mut found = false;
        for number in selected {
            found |= self.add(*number, name).is_some();
        }
        match found {
            true => Ok(()),
            false => Err(Error::Config(format!(
                "task {name:?}: none of the selected packages has it"
            ))),
        }
    }

    /// The node of a task; `None` if the package has no such task.
    fn add(&mut self, package: usize, name: &str) -> Option<usize> {
        if let Some(number) = self.numbers.get(&(package, name.to_owned())) {
            return Some(*number);
        }
        let known = self.workspace.packages.get(package)?;
        let task = self
            .pipeline
            .task(name, known.names.iter().map(String::as_str))?;
        let id = match known.name.as_str() {
            "" => name.to_owned(),
            package => format!("{package}#{name}"),
        };
        let number = self.nodes.len();
        self.nodes.push(Node {
            id,
            package,
            name: name.to_owned(),
            task,
            dependencies: Vec::new(),
            dependents: Vec::new(),
            height: 0,
        });
        self.numbers.insert((package, name.to_owned()), number);
        Some(number)
    }

    fn connect(&mut self, number: usize) -> Result<()> {
        let Some(node) = self.nodes.get(number) else {
            return Ok(());
        };
        let (own, task) = (node.package, node.task);
        let place = format!("{FILE_NAME}:{}: {}", task.line, node.id);
        let mut dependencies = Vec::new();
        for dependency in &task.depends_on {
            match dependency {
                Dependency::Same(name) => match self.add(own, name) {
                    Some(needed) => dependencies.push(needed),
                    None => {
                        return Err(Error::Config(format!(
                            "{place}: depends_on has {name:?}, which this package does not have"
                        )));
                    }
                },
                Dependency::Upstream(name) => {
                    let needed = self.workspace.packages.get(own);
                    let needed = needed.map(|package| package.dependencies.clone());
                    let needed = needed.unwrap_or_default();
                    dependencies.extend(needed.iter().filter_map(|needed| self.add(*needed, name)));
                }
                Dependency::Of(wanted, name) => {
                    let needed = package(self.workspace, wanted, &format!("{place}.depends_on"))?;
                    match self.add(needed, name) {
                        Some(needed) => dependencies.push(needed),
                        None => {
                            return Err(Error::Config(format!(
                                "{place}: depends_on has {wanted}#{name}, which does not exist"
                            )));
                        }
                    }
                }
            }
        }
        dependencies.sort_unstable();
        dependencies.dedup();
        if let Some(node) = self.nodes.get_mut(number) {
            node.dependencies = dependencies;
        }
        Ok(())
    }
}

fn package(workspace: &Workspace, name: &str, place: &str) -> Result<usize> {
    workspace.find(name).ok_or_else(|| {
        let known = workspace.packages.iter().flat_map(|package| &package.names);
        let meant = suggest::closest(name, known.map(String::as_str));
        let meant = meant.map(|meant| format!("; did you mean {meant}?"));
        Error::Config(format!(
            "{place}: found the package {name:?}; expected one of the workspace{}",
            meant.unwrap_or_default()
        ))
    })
}

/// Puts each node after its dependencies, in one order for equal graphs, and connects both directions.
fn sort(nodes: Vec<Node<'_>>) -> Result<Graph<'_>> {
    let mut dependents = vec![Vec::new(); nodes.len()];
    for (number, node) in nodes.iter().enumerate() {
        for dependency in &node.dependencies {
            if let Some(list) = dependents.get_mut(*dependency) {
                list.push(number);
            }
        }
    }
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.dependencies.len()).collect();
    let key = |number: usize| Reverse((nodes.get(number).map(|node| node.id.clone()), number));
    let free = (0..nodes.len()).filter(|number| waiting.get(*number) == Some(&0));
    let mut ready: BinaryHeap<_> = free.map(key).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse((_, number))) = ready.pop() {
        order.push(number);
        for dependent in dependents.get(number).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.push(key(*dependent));
                }
            }
        }
    }
    if order.len() < nodes.len() {
        return Err(Error::Config(cycle::describe(&nodes, &waiting)));
    }
    let mut places = vec![0; nodes.len()];
    for (place, number) in order.iter().enumerate() {
        if let Some(entry) = places.get_mut(*number) {
            *entry = place;
        }
    }
    let moved = |list: &[usize]| {
        let mut list: Vec<usize> = list
            .iter()
            .filter_map(|old| places.get(*old).copied())
            .collect();
        list.sort_unstable();
        list
    };
    let mut sorted: Vec<Node<'_>> = order
        .iter()
        .filter_map(|old| {
            let node = nodes.get(*old)?;
            Some(Node {
                dependencies: moved(&node.dependencies),
                dependents: moved(dependents.get(*old)?),
                ..node.clone()
            })
        })
        .collect();
    for number in (0..sorted.len()).rev() {
        let above = sorted.get(number).map(|node| node.dependents.clone());
        let heights = above.unwrap_or_default();
        let heights = heights.iter().filter_map(|next| sorted.get(*next));
        let height = heights.map(|next| next.height + 1).max().unwrap_or(0);
        if let Some(node) = sorted.get_mut(number) {
            node.height = height;
        }
    }
    Ok(Graph { nodes: sorted })
}
