//! Cycles between files: none between files of different folders, and none of more than three files in one folder. A
//! re-export belongs to the file that defines the item, so a `mod.rs` counts with its own definitions only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::source_tree::{SourceTree, Sources};

/// The crates, each by the folder of its sources and its root.
const CRATES: &[(&str, &str)] = &[
    ("engine/src", "lib.rs"),
    ("server/src", "lib.rs"),
    ("src", "lib.rs"),
    ("cli/src", "main.rs"),
    ("testing/fakes/src", "lib.rs"),
    ("testing/chaos/src", "lib.rs"),
];

const MAX_FILES_OF_A_CYCLE: usize = 3;

#[test]
fn files_of_different_folders_form_no_cycle() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut wrong = Vec::new();
    for (folder, root) in CRATES {
        let tree = SourceTree::read(&sources_in(&workspace.join(folder)), root);
        let lines = wrong_cycles(&tree).into_iter();
        wrong.extend(lines.map(|line| format!("{folder}: {line}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// All Rust files below `source`, by their path in it.
fn sources_in(source: &Path) -> Sources {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file.strip_prefix(source).unwrap().to_owned(), text)
    };
    crate::rust_files(source).into_iter().map(read).collect()
}

/// Descriptions of the cycles that break the rule.
fn wrong_cycles(tree: &SourceTree) -> Vec<String> {
    let edges = tree.edges();
    let cycles = components(&edges).into_iter().filter(is_wrong);
    cycles.map(|cycle| describe(&cycle, &edges)).collect()
}

fn is_wrong(cycle: &BTreeSet<PathBuf>) -> bool {
    let folders: BTreeSet<_> = cycle.iter().map(|file| file.parent()).collect();
    folders.len() > 1 || cycle.len() > MAX_FILES_OF_A_CYCLE
}

/// Sets of files of which each reaches each other.
fn components<T>(edges: &BTreeMap<PathBuf, BTreeMap<PathBuf, T>>) -> BTreeSet<BTreeSet<PathBuf>> {
    let reached: BTreeMap<_, _> = edges
        .keys()
        .map(|file| (file, reachable(file, edges)))
        .collect();
    let own = |file: &PathBuf| -> BTreeSet<PathBuf> {
        let is_back = |other: &&PathBuf| reached.get(other).is_some_and(|back| back.contains(file));
        reached[file].iter().filter(is_back).cloned().collect()
    };
    let found = edges.keys().map(own);
    found.filter(|component| component.len() > 1).collect()
}

fn reachable<T>(from: &Path, edges: &BTreeMap<PathBuf, BTreeMap<PathBuf, T>>) -> BTreeSet<PathBuf> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for target in edges
            .get(file)
            .into_iter()
            .flatten()
            .map(|(target, _)| target)
        {
            if found.insert(target.clone()) {
                next.push(target);
            }
        }
    }
    found
}

fn describe(
    cycle: &BTreeSet<PathBuf>,
    edges: &BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>,
) -> String {
    let mut text = format!("cycle of {} files", cycle.len());
    for file in cycle {
        for (target, names) in edges[file]
            .iter()
            .filter(|(target, _)| cycle.contains(*target))
        {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let (file, target) = (file.display(), target.display());
            text += &format!("\n  {file} → {target}: {}", names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> SourceTree {
        let sources = files
            .iter()
            .map(|(path, text)| (path.into(), (*text).to_owned()));
        SourceTree::read(&sources.collect(), "lib.rs")
    }

    fn edges(tree: &SourceTree) -> Vec<String> {
        let edges = tree.edges();
        let lines = edges.iter().flat_map(|(from, targets)| {
            targets
                .iter()
                .map(move |(to, names)| format!("{} {} {names:?}", from.display(), to.display()))
        });
        lines.collect()
    }

    #[test]
    fn items_resolve_to_the_file_that_defines_them() {
        let tree = tree(&[
            ("lib.rs", "mod a; mod b; pub use a::Re as Exported;"),
            ("a/mod.rs", "mod low; mod high; pub use low::Re; use low::Passed;\nstruct Own;"),
            ("a/low.rs", "pub struct Re; pub struct Passed; pub const fn f() {} pub enum E { One } pub struct S;"),
            (
                "a/high.rs",
                "use super::{Own, Passed}; // super::gone\n
                fn g(x: crate::Exported) { x.f(); S { ..super::low::S::default() }; super::low::f::<u8>(); log!(\"{}\", super::low::E::One) }
                #[cfg(test)] mod tests { use crate::b::Far; }",
            ),
            ("b.rs", "use crate::a::*; use std::fmt; pub struct Far(Re); mod c { use super::super::a::low::f; }"),
        ]);
        assert_eq!(
            edges(&tree),
            [
                r#"a/high.rs a/low.rs {"Exported", "One", "Passed", "default", "f"}"#,
                r#"a/high.rs a/mod.rs {"Own"}"#,
                r#"b.rs a/low.rs {"Re", "f"}"#,
            ]
        );
        assert!(wrong_cycles(&tree).is_empty());
    }

    #[test]
    fn cycles_are_found_unless_small_and_in_one_folder() {
        let small = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "struct B(super::a::A);"),
        ];
        assert!(wrong_cycles(&tree(&small)).is_empty());
        let across = tree(&[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "pub mod x;"),
            ("a/x.rs", "use crate::b::B; pub struct X;"),
            ("b.rs", "pub struct B(crate::a::x::X);"),
        ]);
        let lines = wrong_cycles(&across);
        assert_eq!(
            lines,
            ["cycle of 2 files\n  a/x.rs → b.rs: B\n  b.rs → a/x.rs: X"]
        );
        let below = tree(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod x; pub struct Own(x::deep::Deep);"),
            ("a/x/mod.rs", "pub mod deep;"),
            ("a/x/deep.rs", "pub struct Deep; impl super::super::Own {}"),
        ]);
        assert_eq!(wrong_cycles(&below).len(), 1);
        let ring: Vec<_> = ["a", "b", "c", "d"]
            .iter()
            .zip(["b", "c", "d", "a"])
            .map(|(own, next)| {
                (
                    format!("{own}.rs"),
                    format!("use super::{next}::f as g; pub fn f() {{ g() }}"),
                )
            })
            .collect();
        let mut files = vec![("lib.rs", "mod a; mod b; mod c; mod d;")];
        files.extend(
            ring.iter()
                .map(|(path, text)| (path.as_str(), text.as_str())),
        );
        assert!(wrong_cycles(&tree(&files))[0].starts_with("cycle of 4 files"));
    }
}
