//! Builds that succeed: arguments of `go`, responses, the cache.

use std::fs;

use serde_json::json;

use crate::test_server::{ID, TestServer, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_cached() {
    let server = TestServer::new().await;
    let first = server.build(&request(&json!({}))).await;
    let path = first.path();
    assert!(path.starts_with(server.dir.path().join("velox")) && path.ends_with("rr"));
    assert_eq!(
        first.json()["logs"],
        "go: downloading a.b/c v1.0.0\na.b/c\n"
    );
    let binary = fs::read_to_string(&path).unwrap();
    assert!(binary.contains("github.com/roadrunner-server/http/v5 v5.3.0"));
    assert_eq!(server.work_dirs(), 0);

    let calls = server.read_control("calls");
    let again = server
        .build(&request(&json!({"request_id": ID.replace('0', "1")})))
        .await;
    assert_eq!(again.path(), path);
    assert_eq!(
        again.body,
        format!(
            r#"{{"path":"{}","logs":"cached output, logs are available only on the first build"}}"#,
            path.display()
        )
    );
    assert_eq!(server.read_control("calls"), calls, "nothing was run");

    let forced = server
        .build(&request(&json!({"force_rebuild": true})))
        .await;
    assert_eq!(forced.path(), path);
    assert_eq!(forced.json()["logs"], first.json()["logs"]);
    assert_ne!(server.read_control("calls"), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn go_gets_reproducible_arguments_and_no_secrets() {
    let server = TestServer::new().await;
    server
        .build(&request(
            &json!({"target_platform": {"os": "windows", "arch": "amd64"}}),
        ))
        .await
        .path();
    let calls = server.read_control("calls");
    let lines: Vec<&str> = calls.lines().collect();
    let environment = server.read_control("env-build");
    let variable = |name: &str| {
        let found = environment
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        found.map(str::to_owned)
    };
    let out = format!("{}/rr.exe", variable("PWD").unwrap());
    assert_eq!(
        lines,
        [
            "env -json GOVERSION GOTOOLCHAIN",
            "tool dist list",
            "mod tidy",
            "list -m -json github.com/roadrunner-server/http/v5",
            &format!("build -v -trimpath -buildvcs=false -ldflags -s -w -buildid= -o {out} ."),
        ]
    );
    for (name, value) in [
        ("CGO_ENABLED", "0"),
        ("GOOS", "windows"),
        ("GOARCH", "amd64"),
        ("GOFLAGS", "-mod=mod"),
        ("GOWORK", "off"),
    ] {
        assert_eq!(variable(name).as_deref(), Some(value), "{name}");
    }
    assert!(variable("TMPDIR").unwrap().contains("/velox/work/"));
    assert!(!environment.contains("s3cret"));

    server
        .build(&request(&json!({"race": true, "debug": true})))
        .await
        .path();
    let last = server
        .read_control("calls")
        .lines()
        .last()
        .unwrap()
        .to_owned();
    assert!(
        last.contains("-gcflags all=-N -l -tags debug -ldflags -buildid= -race -o "),
        "{last}"
    );
    assert!(server.read_control("env-build").contains("CGO_ENABLED=1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_resolved_to_its_current_version() {
    let server = TestServer::new().await;
    let plugins = json!([{"module_name": "github.com/roadrunner-server/http/v5", "tag": "master"}]);
    let answer = server.build(&request(&json!({"plugins": plugins}))).await;
    let binary = fs::read_to_string(answer.path()).unwrap();
    assert!(
        binary.contains("http/v5 v5.0.0-20250101000000-abcdefabcdef"),
        "{binary}"
    );
    assert!(
        server
            .read_control("calls")
            .contains("list -m -json github.com/roadrunner-server/http/v5@master\n")
    );
    server.on(
        "list",
        "echo 'go: module a.b/c: no matching versions' >&2; exit 1",
    );
    let forced = json!({"plugins": plugins, "force_rebuild": true});
    let message = server.build(&request(&forced)).await.message();
    assert!(
        message.starts_with(
            "building plugins: go list -m github.com/roadrunner-server/http/v5@master: go failed"
        ),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_release_is_looked_up_at_the_proxy() {
    let server = TestServer::new().await;
    let unknown = request(&json!({"rr_version": "v2031.1.0"}));
    server.on("list", "echo 'go: 404 Not Found' >&2; exit 1");
    let message = server.build(&unknown).await.message();
    assert!(
        message.starts_with("downloading template: expected 3xx redirect ")
            && message.ends_with("got 404"),
        "{message}"
    );
    assert!(
        server
            .read_control("calls")
            .contains("list -m -json github.com/roadrunner-server/roadrunner/v2031@v2031.1.0\n")
    );

    let go_mod = server.control("rr.mod");
    let parts = [
        "config/v7 v7.0.1",
        "endure/v3 v3.0.0",
        "informer/v7 v7.0.2",
        "resetter/v7 v7.0.3",
    ];
    let lines: String = parts
        .iter()
        .map(|part| format!("\tgithub.com/roadrunner-server/{part}\n"))
        .collect();
    fs::write(
        &go_mod,
        format!("module m\n\ngo 1.26.2\n\nrequire (\n{lines})\n"),
    )
    .unwrap();
    server.on("list", &format!("case \"$4\" in *@*) printf '{{\"Version\":\"v2031.1.0\",\"GoMod\":\"{}\"}}'; exit;; esac", go_mod.display()));
    let binary = fs::read_to_string(server.build(&unknown).await.path()).unwrap();
    for part in parts {
        assert!(binary.contains(part), "{part}");
    }
    assert!(binary.contains("const version = \"2031.1.0\""));
}
