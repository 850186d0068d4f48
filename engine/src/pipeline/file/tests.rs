//! Files as users write them, and their problems.

use super::*;

fn env(name: &str) -> Option<String> {
    (name == "VC_AUTH_TOKEN").then(|| "s3cret".to_owned())
}

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = parse(text, &env);
    problems.iter().map(ToString::to_string).collect()
}

/// The example of VelocityCache's documentation, with the keys that it does not show.
const DOCUMENTED: &str = r#"
version: 1
project_id: "my-project"
remote:
  enabled: true
  url: "http://localhost:8080"
  token: "${VC_AUTH_TOKEN}" # Supports env var expansion
packages: ["apps/*", "!apps/old"]

pipeline:
  build:
    command: "npm run build $TARGET"
    inputs:
      - "src/**"
      - "package.json"
    outputs:
      - "dist/**"
    depends_on:
      - "^build" # Topological dependency
    env_keys: [NODE_ENV]
"#;

#[test]
fn documented_file_is_read_as_it_is() {
    let (pipeline, problems) = parse(DOCUMENTED, &env);
    assert_eq!(problems, []);
    let pipeline = pipeline.unwrap();
    assert_eq!(pipeline.project_id, "my-project");
    assert_eq!(pipeline.packages.len(), 2);
    let task = &pipeline.tasks["build"];
    assert_eq!(task.command.as_deref(), Some("npm run build $TARGET"));
    assert_eq!(task.inputs.as_ref().unwrap()[0].text, "src/**");
    assert_eq!(task.outputs, ["dist"]);
    assert_eq!(task.depends_on, [Dependency::Upstream("build".into())]);
    assert_eq!(task.env_keys, ["NODE_ENV"]);
    let Remote::On { url, token } = &pipeline.remote else {
        unreachable!("{:?}", pipeline.remote)
    };
    assert_eq!(url.as_url().as_str(), "http://localhost:8080/");
    assert_eq!(token.as_ref().unwrap().expose(), "s3cret");
    assert!(!format!("{pipeline:?}").contains("s3cret"));
}

#[test]
fn remote_that_cannot_be_used_is_no_error() {
    let remote = |text: &str| {
        let text = format!("remote: {text}\npipeline: {{a: {{command: x}}}}");
        let (pipeline, problems) = parse(&text, &env);
        match pipeline
            .unwrap_or_else(|| unreachable!("{problems:?}"))
            .remote
        {
            Remote::On { url, token } => format!("{} {}", url.as_url(), token.is_some()),
            Remote::Off => "off".to_owned(),
            Remote::Unusable(why) => why,
        }
    };
    assert_eq!(remote("{}"), "off");
    assert_eq!(remote("{enabled: false, url: '${NONE}'}"), "off");
    assert_eq!(
        remote("{enabled: true, url: 'https://h/c/'}"),
        "https://h/c false"
    );
    assert_eq!(
        remote("{enabled: true, url: 'http://h', token: '${NONE:-}'}"),
        "http://h/ false"
    );
    for (text, words) in [
        ("{enabled: true}", "line 1: remote.url: not set"),
        ("{url: 'http://h'}", "line 1: remote.enabled: not set"),
        (
            "{enabled: true, url: '${NONE:-}'}",
            "line 1: remote.url: empty",
        ),
        ("{enabled: true, url: 'ftp://h'}", "remote.url: scheme"),
        (
            "{enabled: true, url: 'http://h', token: '${NONE}'}",
            "remote.token: the environment variable NONE is not set",
        ),
    ] {
        let found = remote(text);
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn each_problem_has_its_line() {
    let text = "\
version: 2
projectid: x
packages: [../out]
pipeline:
  build:
    command: make
    inputs: [src/**, 'a[']
    outputs:
      - dist
      - ../up
    depends_on: ['^bild']
    env_keys: [A-B]
  '^bad': {command: x}
  empty: {outputs: [x]}
  list: [1]
  words: {command: [echo, x], outputs: [y]}
";
    let expected = [
        "line 1: version: found \"2\" (another version); expected 1",
        "line 2: projectid: an unknown key, which has no effect; did you mean project_id?",
        "line 3: packages: found \"../out\" (outside the workspace)",
        "line 7: pipeline.build.inputs: found \"a[\" (an invalid pattern",
        "line 10: pipeline.build.outputs: found \"../up\" (a path outside the package)",
        "line 11: pipeline.build.depends_on: found \"^bild\" (no such task); expected a task of pipeline, such as build",
        "line 12: pipeline.build.env_keys: found \"A-B\" (no name of a variable)",
        "line 13: pipeline: found \"^bad\" (no name of a task)",
        "line 14: pipeline.empty: found no command; expected a command",
        "line 14: pipeline.empty: found outputs without a command",
        "line 15: pipeline.list: found a list; expected a section with keys",
        "line 16: pipeline.words.command: found a list; expected a text",
    ];
    let found = problems(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn file_without_tasks_is_an_error() {
    for (text, words) in [
        ("", "an empty file"),
        ("version: 1", "pipeline: found no such section"),
        ("a: [", "invalid YAML"),
        ("- a", "the file: found a list"),
        (
            "pipeline: {a: {command: x}, a: {command: y}}",
            "invalid YAML",
        ),
    ] {
        let (pipeline, problems) = parse(text, &env);
        assert!(pipeline.is_none(), "{text}");
        assert!(
            problems
                .iter()
                .any(|problem| problem.message.contains(words)),
            "{problems:?}"
        );
    }
}

#[test]
fn task_of_a_package_stands_for_the_common_one() {
    let text =
        "pipeline: {build: {command: a}, 'web#build': {command: b}, '@s/x#only': {command: c}}";
    let pipeline = parse(text, &env).0.unwrap();
    let command = |name: &str, package: &'static str| {
        let task = pipeline.task(name, [package].into_iter());
        task.and_then(|task| task.command.clone())
    };
    assert_eq!(command("build", "web").as_deref(), Some("b"));
    assert_eq!(command("build", "lib").as_deref(), Some("a"));
    assert_eq!(command("only", "@s/x").as_deref(), Some("c"));
    assert_eq!(command("only", "web"), None);
    assert!(pipeline.has_task("only") && !pipeline.has_task("none"));
}

#[test]
fn output_inside_that_of_another_task_is_reported() {
    let text = "pipeline:
  build: {command: a, outputs: [dist]}
  docs: {command: b, outputs: [dist/docs, dist2]}
  'web#build': {command: c, outputs: [dist/web]}
  'web#x': {command: d, outputs: [dist]}
";
    let found = problems(text);
    assert_eq!(
        found,
        [
            "line 3: pipeline.docs.outputs: \"dist/docs\" is inside \"dist\" of build, whose hits remove it",
            "line 3: pipeline.docs.outputs: \"dist/docs\" is inside \"dist\" of web#x, whose hits remove it",
            "line 4: pipeline.web#build.outputs: \"dist/web\" is inside \"dist\" of web#x, whose hits remove it",
            "line 5: pipeline.web#x.outputs: \"dist\" is inside \"dist\" of build, whose hits remove it",
        ]
    );
    assert!(parse(text, &env).0.is_some());
}
