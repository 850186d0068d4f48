//! Builds that succeed: what `go` is told, what the client is told, what is kept.

use std::fs;

use serde_json::json;

use crate::bench::{Bench, ID, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_made_once_and_then_kept() {
    let bench = Bench::new().await;
    let first = bench.build(&request(&json!({}))).await;
    let path = first.path();
    assert!(path.starts_with(bench.dir.path().join("velox")) && path.ends_with("rr"));
    assert_eq!(
        first.json()["logs"],
        "go: downloading a.b/c v1.0.0\na.b/c\n"
    );
    let binary = fs::read_to_string(&path).unwrap();
    assert!(binary.contains("github.com/roadrunner-server/http/v5 v5.3.0"));
    assert_eq!(bench.rooms(), 0);

    let calls = bench.told("calls");
    let again = bench
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
    assert_eq!(bench.told("calls"), calls, "nothing was run");

    let forced = bench.build(&request(&json!({"force_rebuild": true}))).await;
    assert_eq!(forced.path(), path);
    assert_eq!(forced.json()["logs"], first.json()["logs"]);
    assert_ne!(bench.told("calls"), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn go_is_told_exactly_what_makes_a_build_reproducible_and_sees_nothing_of_the_servers_secrets()
 {
    let bench = Bench::new().await;
    bench
        .build(&request(
            &json!({"target_platform": {"os": "windows", "arch": "amd64"}}),
        ))
        .await
        .path();
    let calls = bench.told("calls");
    let lines: Vec<&str> = calls.lines().collect();
    let room = bench.told("env-build");
    let variable = |name: &str| {
        let found = room
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
    assert!(!room.contains("s3cret"));

    bench
        .build(&request(&json!({"race": true, "debug": true})))
        .await
        .path();
    let last = bench.told("calls").lines().last().unwrap().to_owned();
    assert!(
        last.contains("-gcflags all=-N -l -tags debug -ldflags -buildid= -race -o "),
        "{last}"
    );
    assert!(bench.told("env-build").contains("CGO_ENABLED=1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_pinned_to_what_it_names_now() {
    let bench = Bench::new().await;
    let plugins = json!([{"module_name": "github.com/roadrunner-server/http/v5", "tag": "master"}]);
    let answer = bench.build(&request(&json!({"plugins": plugins}))).await;
    let binary = fs::read_to_string(answer.path()).unwrap();
    assert!(
        binary.contains("http/v5 v5.0.0-20250101000000-abcdefabcdef"),
        "{binary}"
    );
    assert!(
        bench
            .told("calls")
            .contains("list -m -json github.com/roadrunner-server/http/v5@master\n")
    );
    bench.on(
        "list",
        "echo 'go: module a.b/c: no matching versions' >&2; exit 1",
    );
    let forced = json!({"plugins": plugins, "force_rebuild": true});
    let message = bench.build(&request(&forced)).await.message();
    assert!(
        message.starts_with(
            "building plugins: go list -m github.com/roadrunner-server/http/v5@master: go failed"
        ),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_release_is_asked_of_the_proxy_and_then_refused_as_the_real_server_refuses() {
    let bench = Bench::new().await;
    let unknown = request(&json!({"rr_version": "v2031.1.0"}));
    bench.on("list", "echo 'go: 404 Not Found' >&2; exit 1");
    let message = bench.build(&unknown).await.message();
    assert!(
        message.starts_with("downloading template: expected 3xx redirect ")
            && message.contains("got 404"),
        "{message}"
    );
    assert!(
        bench
            .told("calls")
            .contains("list -m -json github.com/roadrunner-server/roadrunner/v2031@v2031.1.0\n")
    );

    let go_mod = bench.control("rr.mod");
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
    bench.on("list", &format!("case \"$4\" in *@*) printf '{{\"Version\":\"v2031.1.0\",\"GoMod\":\"{}\"}}'; exit;; esac", go_mod.display()));
    let binary = fs::read_to_string(bench.build(&unknown).await.path()).unwrap();
    for part in parts {
        assert!(binary.contains(part), "{part}");
    }
    assert!(binary.contains("const version = \"2031.1.0\""));
}
