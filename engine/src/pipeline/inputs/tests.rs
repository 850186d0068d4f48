//! Keys of small workspaces: which changes of a checkout change them.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
};

use super::*;
use crate::pipeline::{file::parse, graph::Request};

const PIPELINE: &str = "
version: 1
project_id: shop
pipeline:
  build:
    command: make
    inputs: [src/**, '!**/*.md', ../../shared.json]
    outputs: [dist/**, lib/*.js]
    depends_on: [^build]
    env_keys: [MODE]
  lint: {command: lint}
";

/// A checkout of two packages; `app` needs `lib`.
struct Checkout {
    dir: tempfile::TempDir,
    pipeline: String,
    mode: Option<&'static str>,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self {
            dir: tempfile::tempdir().unwrap(),
            pipeline: PIPELINE.to_owned(),
            mode: Some("fast"),
        };
        for (path, text) in [
            (".gitignore", "*.log\n"),
            ("shared.json", "{}"),
            (
                "packages/app/package.json",
                r#"{"name":"app","dependencies":{"lib":"*"}}"#,
            ),
            ("packages/app/src/a.ts", "a"),
            ("packages/app/src/b/c.ts", "c"),
            ("packages/lib/package.json", r#"{"name":"lib"}"#),
            ("packages/lib/src/l.ts", "l"),
        ] {
            checkout.write(path, text);
        }
        symlink("a.ts", checkout.dir.path().join("packages/app/src/link")).unwrap();
        checkout
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Keys or reasons of the tasks, by id.
    fn keys(&self) -> BTreeMap<String, Result<String, String>> {
        self.keys_and_notes().0
    }

    fn keys_and_notes(&self) -> (BTreeMap<String, Result<String, String>>, Vec<String>) {
        let (pipeline, problems) = parse(&self.pipeline, &|_| None);
        let pipeline = pipeline.unwrap_or_else(|| unreachable!("{problems:?}"));
        let workspace = Workspace::read(self.dir.path(), &pipeline.packages).unwrap();
        let requests = ["build", "lint"].map(Request::parse);
        let graph = Graph::build(&pipeline, &workspace, &requests, &[]).unwrap();
        let sources = Sources {
            pipeline: &pipeline,
            workspace: &workspace,
            outputs: &Outputs::of(&pipeline, &workspace),
            variable: &|name| (name == "MODE").then_some(self.mode?.into()),
            threads: 2,
        };
        let found = sources.identities(&graph);
        for (node, identity) in graph.nodes.iter().zip(&found.list) {
            let is_current = identity
                .as_ref()
                .is_ok_and(|identity| sources.is_current(node, identity));
            assert_eq!(is_current, identity.is_ok(), "{}", node.id);
        }
        let nodes = graph.nodes.iter().zip(found.list);
        let keys = nodes.map(|(node, identity)| {
            (
                node.id.clone(),
                identity.map(|identity| identity.key.to_string()),
            )
        });
        (keys.collect(), found.notes)
    }

    /// The tasks with another key after a change.
    fn changed_by(change: impl FnOnce(&mut Self)) -> Vec<String> {
        let mut checkout = Self::new();
        let before = checkout.keys();
        change(&mut checkout);
        let after = checkout.keys();
        assert_eq!(before.len(), after.len());
        let ids = before
            .into_iter()
            .filter(|(id, key)| after.get(id) != Some(key));
        ids.map(|(id, _)| id).collect()
    }
}

#[test]
fn each_input_changes_the_keys_of_its_tasks() {
    type Change = fn(&mut Checkout);
    let changes: &[(&str, Change, &[&str])] = &[
        (
            "a file of both tasks",
            |c| c.write("packages/app/src/a.ts", "b"),
            &["app#build", "app#lint"],
        ),
        (
            "a new file",
            |c| c.write("packages/app/src/new.ts", ""),
            &["app#build", "app#lint"],
        ),
        (
            "a file less",
            |c| fs::remove_file(c.path("packages/app/src/b/c.ts")).unwrap(),
            &["app#build", "app#lint"],
        ),
        (
            "another name",
            |c| {
                fs::rename(
                    c.path("packages/app/src/a.ts"),
                    c.path("packages/app/src/d.ts"),
                )
                .unwrap()
            },
            &["app#build", "app#lint"],
        ),
        (
            "another case",
            |c| {
                fs::rename(
                    c.path("packages/app/src/a.ts"),
                    c.path("packages/app/src/A.ts"),
                )
                .unwrap()
            },
            &["app#build", "app#lint"],
        ),
        (
            "a program",
            |c| {
                fs::set_permissions(
                    c.path("packages/app/src/a.ts"),
                    Permissions::from_mode(0o755),
                )
                .unwrap()
            },
            &["app#build", "app#lint"],
        ),
        (
            "a link's target",
            |c| {
                fs::remove_file(c.path("packages/app/src/link")).unwrap();
                symlink("b/c.ts", c.path("packages/app/src/link")).unwrap();
            },
            &["app#build", "app#lint"],
        ),
        (
            "a file in place of a link",
            |c| {
                fs::remove_file(c.path("packages/app/src/link")).unwrap();
                c.write("packages/app/src/link", "a.ts");
            },
            &["app#build", "app#lint"],
        ),
        (
            "a file of a dependency",
            |c| c.write("packages/lib/src/l.ts", "m"),
            &["app#build", "lib#build", "lib#lint"],
        ),
        (
            "a file above the package",
            |c| c.write("shared.json", "[]"),
            &["app#build", "lib#build"],
        ),
        (
            "a file outside the inputs of build",
            |c| c.write("packages/app/README.md", ""),
            &["app#lint"],
        ),
        (
            "a file that a pattern takes out",
            |c| c.write("packages/app/src/x.md", ""),
            &["app#lint"],
        ),
        (
            "a variable",
            |c| c.mode = Some("slow"),
            &["app#build", "lib#build"],
        ),
        (
            "no variable",
            |c| c.mode = None,
            &["app#build", "lib#build"],
        ),
        (
            "an empty variable",
            |c| c.mode = Some(""),
            &["app#build", "lib#build"],
        ),
        (
            "a command",
            |c| c.pipeline = PIPELINE.replace("command: lint", "command: lint -v"),
            &["app#lint", "lib#lint"],
        ),
        (
            "outputs",
            |c| c.pipeline = PIPELINE.replace("dist/**", "out"),
            &["app#build", "lib#build"],
        ),
        (
            "a project",
            |c| c.pipeline = PIPELINE.replace("shop", "blog"),
            &["app#build", "app#lint", "lib#build", "lib#lint"],
        ),
    ];
    for (name, change, expected) in changes {
        assert_eq!(Checkout::changed_by(change), *expected, "{name}");
    }
}

#[test]
fn nothing_else_changes_a_key() {
    type Change = fn(&mut Checkout);
    let changes: &[(&str, Change)] = &[
        ("nothing", |_| ()),
        ("an ignored file", |c| c.write("packages/app/src/x.log", "")),
        ("an output", |c| c.write("packages/app/dist/x.js", "")),
        ("an output with a wildcard", |c| {
            c.write("packages/lib/lib/x.js", "")
        }),
        ("a file of no package", |c| c.write("README.md", "")),
        ("a modification time", |c| {
            c.write("packages/app/src/a.ts", "a")
        }),
        ("a mode for others", |c| {
            fs::set_permissions(
                c.path("packages/app/src/a.ts"),
                Permissions::from_mode(0o640),
            )
            .unwrap()
        }),
        ("an empty directory", |c| {
            fs::create_dir(c.path("packages/app/src/empty")).unwrap()
        }),
        ("another notation of the same outputs", |c| {
            c.pipeline = PIPELINE.replace("[dist/**, lib/*.js]", "[lib/*.js, ./dist, dist/]")
        }),
        ("remote", |c| {
            c.pipeline
                .push_str("remote: {enabled: true, url: 'http://h'}\n")
        }),
        ("a comment", |c| c.pipeline.push_str("# comment\n")),
        ("a task that is not asked for", |c| {
            c.pipeline.push_str("  test: {command: test}\n")
        }),
    ];
    for (name, change) in changes {
        assert_eq!(Checkout::changed_by(change), Vec::<String>::new(), "{name}");
    }
    assert_eq!(Checkout::new().keys(), Checkout::new().keys());
}

#[test]
fn file_that_cannot_be_read_leaves_tasks_without_key() {
    let checkout = Checkout::new();
    let odd = checkout
        .path("packages/lib/src")
        .join(OsStr::from_bytes(b"\xff"));
    fs::write(odd, "").unwrap();
    let keys = checkout.keys();
    let why = keys["lib#build"].clone().unwrap_err();
    assert!(why.contains("not UTF-8"), "{why}");
    assert_eq!(keys["app#build"], Err("lib#build can't be cached".into()));
    assert!(keys["app#lint"].is_ok());
}

#[test]
fn record_is_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let records = record::Records::new(dir.path().join("records"));
    let root = Path::new("/checkout");
    assert_eq!(records.read(root, "app#build"), None);
    let mut parts = Parts {
        tool: parts::TOOL.into(),
        platform: Parts::platform(),
        project: String::new(),
        package: "packages/app".into(),
        task: "build".into(),
        command: "make".into(),
        outputs: Vec::new(),
        variables: BTreeMap::new(),
        files: BTreeMap::new(),
        dependencies: BTreeMap::new(),
    };
    for command in ["make", "make all"] {
        parts.command = command.into();
        records.write(root, "app#build", &parts).unwrap();
        assert_eq!(records.read(root, "app#build").as_ref(), Some(&parts));
    }
    assert_eq!(records.read(root, "app#test"), None);
    assert_eq!(records.read(Path::new("/other"), "app#build"), None);
    assert_eq!(fs::read_dir(dir.path().join("records")).unwrap().count(), 1);
}

#[test]
fn pattern_without_a_file_in_any_package_is_noted_once() {
    for (inputs, expected) in [
        (
            "[src/**, srcs/**, '!none']",
            &["lint: inputs has \"srcs/**\", which selects no file"][..],
        ),
        // One package has it.
        ("[src/**, src/l.ts]", &[]),
        (
            "[none]",
            &[
                "app#lint: inputs match no file",
                "lib#lint: inputs match no file",
            ],
        ),
        (
            "[package.json, SRC/**]",
            &[
                "app#lint: inputs has \"SRC/**\", which matches nothing: packages/app/src differs in case",
                "lib#lint: inputs has \"SRC/**\", which matches nothing: packages/lib/src differs in case",
            ],
        ),
    ] {
        let mut checkout = Checkout::new();
        checkout.pipeline = PIPELINE.replace(
            "lint: {command: lint}",
            &format!("lint: {{command: lint, inputs: {inputs}}}"),
        );
        let (_, mut notes) = checkout.keys_and_notes();
        notes.sort();
        assert_eq!(notes, expected, "{inputs}");
    }
}
