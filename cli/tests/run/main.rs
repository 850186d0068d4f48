//! `pillion run` as a process: arguments, outputs on the disk, messages, exit codes, signals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are test code too"
)]

mod checkout;
mod kills;
mod remote;
mod workspace;

use checkout::{Checkout, stderr, stdout};
use serde_json::Value;

/// One package, one task that counts its runs.
const ONE: &str = "
version: 1
pipeline:
  build:
    command: 'echo run >> ../runs; mkdir -p dist; cp src/a dist/a; ln -s a dist/link; chmod 700 dist/a; echo built'
    inputs: [src]
    outputs: [dist/**]
";

fn one() -> Checkout {
    Checkout::new(&[("velocity.yml", ONE), ("src/a", "first")])
}

#[test]
fn second_run_restores_the_outputs_exactly() {
    let checkout = one();
    let first = checkout.run(&["build"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert_eq!(stdout(&first), "built\n");
    assert!(
        stderr(&first).contains("1 task, 0 hits (0 local, 0 remote), 1 miss in"),
        "{}",
        stderr(&first)
    );
    let before = checkout.tree("dist");
    checkout.write("dist/a", "changed");
    checkout.write("dist/stale", "");
    std::fs::remove_file(checkout.path("dist/link")).unwrap();
    let second = checkout.run(&["build"]);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    assert!(
        stderr(&second).contains("1 hit (1 local, 0 remote)"),
        "{}",
        stderr(&second)
    );
    assert_eq!(checkout.tree("dist"), before);
    assert_eq!(checkout.runs(), 1);
    // Another checkout of this host shares the store.
    let other = Checkout::with_store_of(&checkout, &[("velocity.yml", ONE), ("src/a", "first")]);
    other.run(&["build"]);
    assert_eq!((other.tree("dist"), other.runs()), (before, 0));
}

#[test]
fn changed_input_runs_the_command_and_is_named() {
    let checkout = one();
    checkout.run(&["build"]);
    checkout.write("src/a", "second");
    let changed = checkout.run(&["build", "--explain"]);
    assert!(
        stderr(&changed).contains("build: src/a has changed\n"),
        "{}",
        stderr(&changed)
    );
    assert_eq!(checkout.read("dist/a"), "second");
    checkout.write("src/a", "first");
    checkout.run(&["build"]);
    assert_eq!(
        (checkout.read("dist/a").as_str(), checkout.runs()),
        ("first", 2)
    );
    let forced = checkout.run(&["build", "--force"]);
    assert_eq!((forced.status.code(), checkout.runs()), (Some(0), 3));
}

#[test]
fn failed_command_is_not_stored_and_stops_dependents() {
    let checkout = Checkout::new(&[(
        "velocity.yml",
        "pipeline:
  fail: {command: 'echo run >> ../runs; exit 7', outputs: [x]}
  after: {command: 'echo after', depends_on: [fail]}
  last: {command: 'echo last', depends_on: [after]}
  other: {command: 'echo other'}
",
    )]);
    for runs in 1..=2 {
        let output = checkout.run(&["last", "other", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["exit_code"], 1);
        assert_eq!(summary["summary"]["skipped"], 2);
        let task = |id: &str| {
            let tasks = summary["tasks"].as_array().unwrap();
            tasks.iter().find(|task| task["id"] == id).unwrap().clone()
        };
        assert_eq!(
            (&task("fail")["outcome"], &task("fail")["exit_code"]),
            (&"failed".into(), &7.into())
        );
        assert_eq!(task("last")["skipped_because_of"], "fail");
        assert!(["ran", "local"].contains(&task("other")["outcome"].as_str().unwrap()));
        assert_eq!(checkout.runs(), runs);
        assert!(
            !stdout(&output).contains("other\n"),
            "commands write to standard error"
        );
    }
}

#[test]
fn dry_run_changes_nothing() {
    let checkout = one();
    let plan = checkout.run(&["build", "--dry-run"]);
    assert!(stdout(&plan).starts_with("run     "), "{}", stdout(&plan));
    assert_eq!((plan.status.code(), checkout.runs()), (Some(0), 0));
    assert!(!checkout.path("dist").exists());
    checkout.run(&["build"]);
    let plan = checkout.run(&["build", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let task = &plan["tasks"][0];
    assert_eq!(
        (&task["place"], &task["parts"]["outputs"][0]),
        (&"local".into(), &"dist".into())
    );
    let mark = task["parts"]["files"]["src/a"].as_str().unwrap();
    assert!(mark.starts_with("file "), "{mark}");
}

#[test]
fn patterns_that_match_nothing_are_remarked() {
    let text = "packages: [., gone/*]\npipeline: {build: {command: 'true', inputs: ['sr/**'], outputs: [dist]}, 'b#build': {command: x}}";
    let checkout = Checkout::new(&[("velocity.yml", text), ("src/a", "a")]);
    let output = checkout.run(&["build"]);
    let messages = stderr(&output);
    assert_eq!(output.status.code(), Some(0));
    for words in [
        "velocity.yml:1: packages: \"gone/*\" matches no directory",
        ": inputs match no file",
        "velocity.yml:2: pipeline.b#build: there is no such package",
        "the command has made none of its outputs",
    ] {
        assert!(messages.contains(words), "{messages}");
    }
    // A command must not run in the root in place of the packages.
    let text = "packages: [gone/*]\npipeline: {build: {command: 'echo run >> ../runs'}}";
    let checkout = Checkout::new(&[("velocity.yml", text)]);
    let output = checkout.run(&["build"]);
    assert_eq!((output.status.code(), checkout.runs()), (Some(2), 0));
    let words = "velocity.yml:1: packages: found none";
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
}

#[test]
fn inputs_changed_by_the_command_are_not_stored() {
    let text = ONE.replace("echo built", "echo more >> src/a");
    let checkout = Checkout::new(&[("velocity.yml", &text), ("src/a", "first")]);
    for runs in 1..=2 {
        checkout.write("src/a", "first");
        let output = checkout.run(&["build"]);
        assert!(
            stderr(&output).contains("not stored: inputs have changed"),
            "{}",
            stderr(&output)
        );
        assert_eq!((output.status.code(), checkout.runs()), (Some(0), runs));
    }
}

#[test]
fn invalid_files_and_arguments_exit_with_2() {
    let checkout = Checkout::new(&[(
        "velocity.yml",
        "version: 1\npipeline:\n  build: {comand: x}\n",
    )]);
    let output = checkout.run(&["build"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("velocity.yml:3: pipeline.build.comand: an unknown key"),
        "{message}"
    );
    assert!(
        message.contains("did you mean pipeline.build.command?"),
        "{message}"
    );
    assert!(
        message.contains("velocity.yml:3: pipeline.build: found no command"),
        "{message}"
    );
    assert!(message.ends_with("velocity.yml: 1 error\n"), "{message}");
    let empty = Checkout::new(&[]);
    assert!(stderr(&empty.run(&["build"])).contains("velocity.yml: found none in"));
    let checkout = one();
    for (arguments, words) in [
        (&["bild"][..], "did you mean build?"),
        (
            &["build", "--package", "gone"],
            "--package: found the package \"gone\"",
        ),
        (&["build", "--concurrency", "0"], "--concurrency"),
        (&["build", "--store-size", "much"], "expected a size"),
        (&[], "<TASK>..."),
    ] {
        let output = checkout.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(checkout.runs(), 0);
}

#[test]
fn file_is_found_above_and_by_the_original_name() {
    let checkout = one();
    let link = checkout.dir.path().join("velocity-cli");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pillion"), &link).unwrap();
    let output = checkout
        .command(&link, &["run", "build"])
        .current_dir(checkout.path("src"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(checkout.read("dist/a"), "first");
}

#[test]
fn store_that_cannot_be_used_stops_no_task() {
    let checkout = one();
    let blocked = checkout.dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let output = checkout.run(&["build", "--store", blocked.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("nothing is stored or restored"),
        "{}",
        stderr(&output)
    );
    assert_eq!(checkout.read("dist/a"), "first");
}

#[test]
fn output_is_prefixed_or_grouped() {
    let checkout = Checkout::new(&[(
        "velocity.yml",
        "pipeline:
  a: {command: 'echo a1; sleep 0.5; echo a2; printf a3'}
  b: {command: 'sleep 0.2; echo b1'}
",
    )]);
    let arguments = ["a", "b", "--force", "--concurrency", "2", "--log"];
    let streamed = checkout.run(&[&arguments[..], &["stream"]].concat());
    assert_eq!(stdout(&streamed), "a: a1\nb: b1\na: a2\na: a3\n");
    let grouped = checkout.run(&[&arguments[..], &["grouped"]].concat());
    assert_eq!(stdout(&grouped), "b: b1\na: a1\na: a2\na: a3\n");
}

#[test]
fn hit_shows_the_output_of_its_command_again() {
    let checkout = Checkout::new(&[(
        "velocity.yml",
        "pipeline:
  a: {command: 'echo warning: deprecated >&2; printf end'}
  quiet: {command: 'true'}
",
    )]);
    let shown = "a: warning: deprecated\na: end\n";
    assert_eq!(stdout(&checkout.run(&["a", "quiet"])), shown);
    let second = checkout.run(&["a", "quiet"]);
    assert_eq!(stdout(&second), shown);
    let summary = stderr(&second);
    assert!(summary.contains("2 hits (2 local"), "{summary}");
    assert_eq!(stdout(&checkout.run(&["a", "quiet", "--no-replay"])), "");
}

#[test]
fn example_builds_and_is_restored() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pipeline");
    let checkout = Checkout::new(&[]);
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(example.join("."))
        .arg(checkout.path(""))
        .status();
    assert!(copied.unwrap().success());
    let first = checkout.run(&["test"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let page = checkout.read("packages/page/dist/index.html");
    assert!(
        page.ends_with("<p>engine\n<p>pillion\n<p>rider\n"),
        "{page}"
    );
    for package in ["page", "words"] {
        std::fs::remove_dir_all(checkout.path(&format!("packages/{package}/dist"))).unwrap();
    }
    let second = checkout.run(&["test"]);
    assert!(
        stderr(&second).contains("4 tasks, 4 hits (4 local, 0 remote)"),
        "{}",
        stderr(&second)
    );
    assert!(
        stderr(&second).contains("remote: not used"),
        "{}",
        stderr(&second)
    );
    assert_eq!(checkout.read("packages/page/dist/index.html"), page);
}
