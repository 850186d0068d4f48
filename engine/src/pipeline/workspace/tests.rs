//! Packages and dependencies of the four package managers.

use std::{fs, path::Path};

use super::*;

fn workspace(files: &[(&str, &str)], listed: &[&str]) -> Result<Workspace> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let listed: Vec<_> = listed
        .iter()
        .map(|text| (Pattern::parse(text).unwrap(), 1))
        .collect();
    Workspace::read(dir.path(), &listed)
}

/// Names with the names of their dependencies.
fn shape(workspace: &Workspace) -> Vec<String> {
    let name = |number: &usize| workspace.packages[*number].name.clone();
    let line = |package: &Package| {
        let needs: Vec<_> = package.dependencies.iter().map(name).collect();
        format!("{}: {}", package.name, needs.join(" "))
    };
    workspace.packages.iter().map(line).collect()
}

const LIB: (&str, &str) = (
    "packages/lib/package.json",
    r#"{"name":"lib","version":"1.2.0"}"#,
);

#[test]
fn npm_members_depend_on_each_other_by_name() {
    let found = workspace(
        &[
            ("package.json", r#"{"name":"top","workspaces":["packages/*","./tools/gen"]}"#),
            LIB,
            ("packages/app/package.json", r#"{"name":"app","dependencies":{"lib":"^1.0.0","react":"18"}}"#),
            ("packages/app/node_modules/packages/x/package.json", r#"{"name":"x"}"#),
            ("tools/gen/package.json", r#"{"name":"gen","devDependencies":{"app":"*"},"peerDependencies":{"lib":"npm:other@1"}}"#),
            ("tools/other/package.json", r#"{"name":"other"}"#),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(shape(&found), ["app: lib", "lib: ", "gen: app"]);
}

#[test]
fn pnpm_members_use_the_workspace_protocol() {
    let found = workspace(
        &[
            (
                "pnpm-workspace.yaml",
                "packages:\n  - 'packages/**'\n  - '!**/fixtures/**'\n",
            ),
            ("package.json", r#"{"name":"top"}"#),
            LIB,
            (
                "packages/a/b/package.json",
                r#"{"name":"@s/b","dependencies":{"alias":"workspace:lib@*"}}"#,
            ),
            ("packages/a/fixtures/c/package.json", r#"{"name":"c"}"#),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(shape(&found), ["@s/b: lib", "lib: "]);
    let error = workspace(
        &[
            LIB,
            (
                "packages/app/package.json",
                r#"{"name":"app","dependencies":{"gone":"workspace:*"}}"#,
            ),
        ],
        &[],
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("packages/app/package.json: gone: found \"workspace:*\""),
        "{message}"
    );
}

#[test]
fn yarn_members_may_be_a_map_and_portals() {
    let found = workspace(
        &[
            (
                "package.json",
                r#"{"workspaces":{"packages":["packages/*"],"nohoist":["**"]}}"#,
            ),
            LIB,
            (
                "packages/app/package.json",
                r#"{"name":"app","dependencies":{"x":"portal:../lib"}}"#,
            ),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(shape(&found), ["app: lib", "lib: "]);
}

#[test]
fn composer_members_are_path_repositories() {
    let found = workspace(
        &[
            (
                "composer.json",
                r#"{"repositories":{"0":{"type":"path","url":"src/*"},"1":{"type":"vcs","url":"https://h"},"2":{"type":"path","url":"../x"}}}"#,
            ),
            ("src/core/composer.json", r#"{"name":"acme/core","require":[]}"#),
            ("src/web/composer.json", r#"{"name":"acme/web","require":{"acme/core":"*","php":">=8.2"}}"#),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(shape(&found), ["acme/core: ", "acme/web: acme/core"]);
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
}

#[test]
fn listed_packages_come_before_those_of_manifests() {
    let files = [
        ("package.json", r#"{"workspaces":["packages/*"]}"#),
        LIB,
        ("services/api/go.mod", "module api"),
        ("services/web/package.json", "{}"),
    ];
    let found = workspace(&files, &["services/*/package.json", "services/api"]).unwrap();
    assert_eq!(shape(&found), ["services/api: ", "services/web: "]);
    assert_eq!(found.find("./services/api/"), Some(0));
    assert_eq!(found.find("services/gone"), None);
    let found = workspace(&files, &["services/*", "service/*", "!tools/*"]).unwrap();
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
    assert!(found.warnings[0].ends_with("packages: \"service/*\" matches no directory"));
}

#[test]
fn workspace_without_packages_is_one() {
    let found = workspace(&[("src/main.go", "")], &[]).unwrap();
    assert_eq!(
        (found.packages.len(), found.packages[0].path.as_path()),
        (1, Path::new(""))
    );
}

#[test]
fn invalid_manifests_are_named() {
    let broken = workspace(&[("packages/a/package.json", "{\n x")], &[])
        .unwrap_err()
        .to_string();
    assert!(
        broken.contains("packages/a/package.json") && broken.contains("line 2"),
        "{broken}"
    );
    let twice = [LIB, ("libs/b/package.json", r#"{"name":"lib"}"#)];
    let twice = workspace(&twice, &[]).unwrap_err().to_string();
    assert!(
        twice.contains("libs/b") && twice.contains("packages/lib"),
        "{twice}"
    );
}
