//! Runs that signals end: the commands end with them, and the store has nothing half.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::checkout::{Checkout, stderr};

const SLOW: &str = "
pipeline:
  build:
    command: 'mkdir -p dist; echo half > dist/a; echo $$ > pid; echo run >> ../runs; trap \"echo trapped > ../trapped; exit 1\" INT TERM; sleep 300 & wait; echo whole > dist/a'
    inputs: [src]
    outputs: [dist]
  stubborn:
    command: 'trap \"\" INT TERM; echo $$ > pid; while :; do sleep 0.2; done'
    inputs: [src]
  quick:
    command: 'mkdir -p many; i=0; while [ $i -lt 200 ]; do echo $i > many/$i; i=$((i+1)); done; echo run >> ../runs'
    inputs: [src]
    outputs: [many]
";

pub fn eventually(mut happened: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(30);
    while !happened() {
        assert!(Instant::now() < late, "not within 30 seconds");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs; a zombie does not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn pid(checkout: &Checkout) -> String {
    let file = checkout.path("pid");
    eventually(|| fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n')));
    fs::read_to_string(&file).unwrap().trim().to_owned()
}

#[test]
fn signal_ends_the_commands_and_sets_the_exit_code() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let checkout = Checkout::new(&[("velocity.yml", SLOW)]);
        let child = checkout
            .start(&["build"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let shell = pid(&checkout);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("1 stopped in"),
            "{}",
            stderr(&output)
        );
        assert!(!is_running(&shell) && checkout.dir.path().join("trapped").exists());
        // The outputs so far are no result.
        let plan = checkout.run(&["build", "--dry-run"]);
        assert!(plan.stdout.starts_with(b"run "));
    }
}

#[test]
fn second_signal_kills_commands_that_ignore_the_first() {
    let checkout = Checkout::new(&[("velocity.yml", SLOW)]);
    let mut child = checkout
        .start(&["stubborn"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shell = pid(&checkout);
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!is_running(&shell));
}

#[cfg(target_os = "linux")]
#[test]
fn killed_run_leaves_no_shell_and_no_result() {
    let checkout = Checkout::new(&[("velocity.yml", SLOW)]);
    let mut child = checkout
        .start(&["build"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shell = pid(&checkout);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    eventually(|| !is_running(&shell));
    let plan = checkout.run(&["build", "--dry-run"]);
    assert!(plan.stdout.starts_with(b"run "));
}

#[test]
fn run_killed_at_any_time_stores_all_or_nothing() {
    let whole = Checkout::new(&[("velocity.yml", SLOW)]);
    let start = Instant::now();
    whole.run(&["quick"]);
    let usual = start.elapsed();
    let expected = whole.tree("many");
    let mut stored = 0;
    for step in 0..30u32 {
        let checkout = Checkout::new(&[("velocity.yml", SLOW)]);
        let mut child = checkout
            .start(&["quick"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(usual * step / 25);
        let _ = child.kill();
        child.wait().unwrap();
        let before = checkout.runs();
        let _ = fs::remove_dir_all(checkout.path("many"));
        let output = checkout.run(&["quick"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(checkout.tree("many"), expected);
        stored += usize::from(checkout.runs() == before);
    }
    // Some were killed after they had stored, and some before.
    assert!(stored < 30, "{stored}");
}
