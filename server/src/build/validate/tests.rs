//! Each rule with accepted and rejected values.

use super::*;
use pillion_engine::velox::{Exclude, Platform, Plugin, Replace};

fn valid() -> BuildRequest {
    BuildRequest {
        request_id: "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11".into(),
        rr_version: "v2025.1.9".into(),
        plugins: vec![plugin("github.com/roadrunner-server/http/v5", "v5.3.0")],
        ..BuildRequest::default()
    }
}

fn plugin(module: &str, tag: &str) -> Plugin {
    Plugin {
        module_name: module.into(),
        tag: tag.into(),
    }
}

fn platform(os: &str, arch: &str) -> Platform {
    Platform {
        os: os.into(),
        arch: arch.into(),
    }
}

fn violations(request: &BuildRequest) -> Vec<String> {
    let found = check(request, Policy::default());
    found.iter().map(ToString::to_string).collect()
}

/// The one violation of the valid request after a change.
fn violation_after(change: impl FnOnce(&mut BuildRequest)) -> String {
    let mut request = valid();
    change(&mut request);
    let violations = violations(&request);
    assert_eq!(violations.len(), 1, "{violations:?}");
    violations.concat()
}

#[test]
fn a_valid_request_has_no_violations() {
    assert_eq!(violations(&valid()), Vec::<String>::new());
}

#[test]
fn all_violations_are_reported_in_field_order() {
    let mut request = valid();
    request.request_id = "nope".into();
    request.rr_version = String::new();
    request.target_platform = platform("Linux", "");
    request.plugins.push(plugin("", "v1.0.0"));
    request.replaces.push(Replace::default());
    request.excludes.push(Exclude {
        module: "a.b/c".into(),
        version: "main".into(),
    });
    let fields: Vec<String> = violations(&request)
        .iter()
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "request_id",
            "rr_version",
            "target_platform.os",
            "plugins[1].module_name",
            "replaces[0].new",
            "replaces[0].old",
            "excludes[0].version"
        ]
    );
}

#[test]
fn module_paths_follow_gos_grammar() {
    for path in [
        "github.com/roadrunner-server/http/v5",
        "github.com/temporalio/roadrunner-temporal/v5",
        "gopkg.in/yaml.v3",
        "gopkg.in/check.v1-unstable",
        "example.com",
        "git.sr.ht/~user/plugin",
        "dev.azure.com/Org_1/a.b/c-d",
    ] {
        let mut request = valid();
        request.plugins = vec![plugin(path, "latest")];
        assert_eq!(violations(&request), Vec::<String>::new(), "{path}");
    }
    for path in [
        "http",
        "GitHub.com/a/b",
        "-x.com/a",
        "github.com//a",
        "github.com/a/",
        "/github.com/a",
        "github.com/a/../b",
        "github.com/.a",
        "github.com/a.",
        "github.com/a b",
        "github.com/a\nb",
        "github.com/a\"b",
        "github.com/a`b",
        "github.com/ä",
        "github.com/a@v1",
        "github.com/a/v1",
        "github.com/a/v05",
        "github.com/a/v2.1",
        "github.com/con",
        "github.com/AUX.x",
        "github.com/a~1",
        "gopkg.in/yaml",
        "gopkg.in/yaml.v03",
        "$(id).com/a",
        "a.com/;rm",
    ] {
        let line = violation_after(|request| request.plugins = vec![plugin(path, "latest")]);
        assert!(line.starts_with("plugins[0].module_name: "), "{line}");
    }
    let long = format!("github.com/{}", "a".repeat(300));
    violation_after(|request| request.plugins = vec![plugin(&long, "latest")]);
}

#[test]
fn tags_are_versions_branches_or_commits_of_their_path() {
    for tag in [
        "v5.3.0",
        "v5.0.0-beta.1",
        "v5.3.1-0.20250101000000-abcdefabcdef",
        "latest",
        "master",
        "feature/x-1",
        "0123abc",
        "v5",
        "main_2",
    ] {
        let mut request = valid();
        request.plugins[0].tag = tag.into();
        assert_eq!(violations(&request), Vec::<String>::new(), "{tag}");
    }
    for tag in [
        "-x",
        "--flag",
        "v5.3.0 ",
        "a b",
        "a\nb",
        "a@b",
        "<v5",
        ">=v5.1.0",
        "a..b",
        "/a",
        "a//b",
        "none",
        "\"",
        "$(id)",
        "v4.9.0",
        "v6.0.0-rc.1",
    ] {
        let line = violation_after(|request| request.plugins[0].tag = tag.into());
        assert!(line.starts_with("plugins[0].tag: "), "{line}");
    }
}

#[test]
fn a_module_twice_is_accepted_with_one_tag_only() {
    let mut request = valid();
    request.plugins.push(request.plugins[0].clone());
    assert_eq!(violations(&request), Vec::<String>::new());
    request.plugins[1].tag = "v5.2.0".into();
    assert_eq!(
        violations(&request),
        [
            "plugins[1].module_name: github.com/roadrunner-server/http/v5 is requested twice, as v5.3.0 and as v5.2.0"
        ]
    );
}

#[test]
fn platforms_have_gos_form() {
    for (os, arch) in [
        ("linux", "amd64"),
        ("windows", "386"),
        ("", ""),
        ("js", "wasm"),
    ] {
        let mut request = valid();
        request.target_platform = platform(os, arch);
        assert_eq!(violations(&request), Vec::<String>::new());
    }
    for word in ["Linux", "li nux", "linux\n", "../x", "-x", "a=b"] {
        assert!(
            violation_after(|request| request.target_platform = platform("", word))
                .starts_with("target_platform.arch: ")
        );
    }
}

#[test]
fn replaces_name_directories_only_if_allowed() {
    let with = |new: &str, old: &str, policy: Policy| {
        let mut request = valid();
        request.replaces = vec![Replace {
            new: new.into(),
            old: old.into(),
        }];
        check(&request, policy).len()
    };
    let (strict, local) = (
        Policy::default(),
        Policy {
            local_replaces: true,
        },
    );
    assert_eq!(with("github.com/c/d@v1.0.0", "github.com/a/b", strict), 0);
    assert_eq!(
        with("github.com/c/d@main", "github.com/a/b/v2@v2.0.1", strict),
        0
    );
    assert_eq!(with("/srv/plugin", "github.com/a/b", local), 0);
    for (new, old, policy) in [
        ("/srv/plugin", "github.com/a/b", strict),
        ("../plugin", "github.com/a/b", local),
        ("./plugin", "github.com/a/b", strict),
        ("/srv/a\"b", "github.com/a/b", local),
        ("/srv/a\nb", "github.com/a/b", local),
        ("github.com/c/d", "github.com/a/b", strict),
        ("github.com/c/d@", "github.com/a/b", strict),
        ("github.com/c/d@v1.0.0", "github.com/a/b@main", strict),
        ("github.com/c/d@v1.0.0", "github.com/a/b@v2.0.0", strict),
        ("github.com/c/d@v1.0.0 => x", "github.com/a/b", strict),
        ("github.com/c/d@v1.0.0", "github.com/a/b\nreplace x", strict),
    ] {
        assert_eq!(with(new, old, policy), 1, "{new} {old}");
    }
}

#[test]
fn too_long_lists_are_one_violation() {
    let line = violation_after(|request| request.plugins = vec![plugin("", ""); MAX_ENTRIES + 1]);
    assert!(line.starts_with("plugins: found 257 entries"), "{line}");
}

proptest::proptest! {
    #[test]
    fn a_request_of_any_texts_is_checked_without_a_panic(
        texts in proptest::collection::vec("\\PC{0,12}", 8)
    ) {
        let mut request = valid();
        request.request_id.clone_from(&texts[0]);
        request.rr_version.clone_from(&texts[1]);
        request.plugins = vec![plugin(&texts[2], &texts[3])];
        request.replaces = vec![Replace { new: texts[4].clone(), old: texts[5].clone() }];
        request.excludes = vec![Exclude { module: texts[6].clone(), version: texts[7].clone() }];
        check(&request, Policy { local_replaces: true });
    }
}
