//! Outcomes of flights, from the leader to its followers.

use super::*;

#[test]
fn followers_get_the_output_of_the_leader() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut followers = [follow(&flights, ID, false), follow(&flights, ID, false)];
    leader.add_request_ids(&["a".into()]).unwrap();
    followers[0]
        .add_request_ids(&["b".into(), "a".into()])
        .unwrap();
    leader
        .publish_progress(json!({"state": "building"}))
        .unwrap();
    let Poll::Active(Some(progress)) = followers[0].poll().unwrap() else {
        panic!()
    };
    assert_eq!(progress["state"], "building");
    assert_eq!(flights.active()[0]["request_ids"], json!(["a", "b"]));
    leader.complete(&Ok(output())).unwrap();
    for follower in &mut followers {
        let Poll::Completed(outcome) = follower.poll().unwrap() else {
            panic!()
        };
        assert_eq!(outcome.result.unwrap(), output());
        assert_eq!(outcome.request_ids, ["a", "b"]);
    }
    assert!(flights.active().is_empty());
    assert_eq!(flights.completed().len(), 1);
    // A later request starts a new flight.
    lead(&flights, ID, false);
}

#[test]
fn failure_with_a_long_log_reaches_followers() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut follower = follow(&flights, ID, false);
    // Colours in a compiler's output: each such letter takes six in JSON.
    let logs = "\u{1b}".repeat(3 << 20);
    let failure = BuildFailure {
        message: "velox server returned: building plugins: exit status 1".into(),
        logs,
        http_status: 500,
    };
    leader.complete(&Err(Error::BuildFailed(failure))).unwrap();
    let Poll::Completed(outcome) = follower.poll().unwrap() else {
        panic!("the failing build would run again")
    };
    let Err(Error::BuildFailed(failure)) = outcome.result else {
        panic!()
    };
    assert_eq!((failure.http_status, failure.logs.len()), (500, 1 << 20));
}

#[test]
fn ended_build_has_its_configuration_and_duration() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let started = crate::host::clock::unix_ms() as f64 / 1000.0 - 30.0;
    let plugins = ["a.b/http/v5@v5.2.7"];
    leader
        .publish_progress(json!({
            "rr_version": "v2025.1.2", "os": "linux", "arch": "arm64", "plugins": plugins, "started": started,
            "lines": ["compiling"],
        }))
        .unwrap();
    leader.complete(&Err(Error::Remote("x".into()))).unwrap();
    let ended = flights.ended(std::time::SystemTime::now());
    let summary = ended[0].outcome.summary.clone().unwrap();
    assert_eq!(summary.plugins, plugins);
    assert_eq!(
        (&*summary.rr_version, &*summary.arch),
        ("v2025.1.2", "arm64")
    );
    assert!(
        (30.0..90.0).contains(&summary.seconds),
        "{}",
        summary.seconds
    );
}

#[test]
fn every_error_kind_reaches_followers() {
    let errors = [
        Error::BuildFailed(BuildFailure {
            message: "velox server returned: no".into(),
            logs: "line".into(),
            http_status: 500,
        }),
        Error::InvalidRequest(vec![crate::error::Violation {
            field: "plugins[0].tag".into(),
            message: "no".into(),
        }]),
        Error::Config("c".into()),
        Error::Timeout("t".into()),
        Error::Cancelled("x".into()),
        Error::QueueFull("q".into()),
        Error::Remote("r".into()),
        Error::State("s".into()),
        Error::Internal("i".into()),
    ];
    for error in errors {
        let (_dir, flights) = flights();
        let leader = lead(&flights, ID, false);
        let mut follower = follow(&flights, ID, false);
        leader.complete(&Err(error.clone())).unwrap();
        let Poll::Completed(outcome) = follower.poll().unwrap() else {
            panic!()
        };
        assert_eq!(
            format!("{:?}", outcome.result),
            format!("{:?}", Err::<BuildOutput, _>(error))
        );
    }
}

#[test]
fn outcome_is_found_after_the_slot_has_a_new_leader() {
    let (_dir, flights) = flights();
    let leader = lead(&flights, ID, false);
    let mut follower = follow(&flights, ID, false);
    leader.complete(&Ok(output())).unwrap();
    let again = lead(&flights, ID, false);
    assert!(matches!(follower.poll().unwrap(), Poll::Completed(_)));
    assert_eq!(again.slot.number, 0);
}

#[test]
fn expired_outcomes_are_removed() {
    let (_dir, flights) = flights();
    lead(&flights, ID, false).complete(&Ok(output())).unwrap();
    flights.sweep(SystemTime::now());
    assert_eq!(flights.completed().len(), 1);
    flights.sweep(SystemTime::now() + Duration::from_secs(61));
    assert_eq!(flights.completed().len(), 0);
}
