//! Logging of a whole process: the `log` facade, changed settings, and forks.
//! One test, because a process has one facade.

use std::{fs, path::Path, time::Duration};

use log::LevelFilter;
use pillion_engine::{
    config::{LogFormat, LogSettings, LogTarget, Sources, resolve},
    logging,
};

const SOON: Duration = Duration::from_secs(5);
/// Children that are forked while threads log and change the settings.
const FORKS: usize = 100;

fn settings(path: &Path, level: LevelFilter) -> LogSettings {
    LogSettings {
        target: LogTarget::File(path.to_owned()),
        level,
        format: LogFormat::Json,
    }
}

/// Resolves the settings of a process that has none.
fn resolve_nothing() {
    let resolved = resolve(&Sources {
        ini: &|_| None,
        env: &|_| None,
        read_file: &|_| Ok(String::new()),
        cwd: Path::new("/"),
    });
    assert_eq!(resolved.settings.log.level, LevelFilter::Info);
}

/// Forks; the child runs `work` and exits with its result. The parent waits for at most 20 s.
fn in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs the code under test and ends with _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let good = work();
        // SAFETY: ends the child without running the test harness's own exit.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    for _ in 0..2_000 {
        let mut status = 0;
        // SAFETY: `child` is our child, `status` is ours.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return status == 0;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: as above.
    unsafe { libc::kill(child, libc::SIGKILL) };
    false
}

#[test]
fn the_facade_follows_its_settings_and_survives_forks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "").unwrap();
    let text = || fs::read_to_string(&path).unwrap();

    logging::install(&settings(&path, LevelFilter::Info));
    logging::install(&settings(&path, LevelFilter::Info));
    log::info!(target: "pillion::velox", request_id = "r-1", force_rebuild = false; "build request received");
    log::debug!(target: "pillion::velox", request_id = "r-2"; "too fine");
    log::info!(target: "hyper::client", header = "authorization: Bearer hunter2"; "request");
    log::warn!(target: "rustls", "odd certificate");
    let lines: Vec<serde_json::Value> = text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{}", text());
    assert_eq!(lines[0]["event"], "build request received");
    assert_eq!(lines[0]["request_id"], "r-1");
    assert_eq!(lines[0]["force_rebuild"], false);
    assert_eq!(lines[0]["pid"], std::process::id());
    assert_eq!(
        (&lines[1]["event"], &lines[1]["target"]),
        (&"odd certificate".into(), &"rustls".into())
    );

    // Many threads log through the queue while children are forked: a child that needed one of their locks
    // would hang, and one that wrote the parent's queue would write lines twice.
    logging::start_writer();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let failed = std::thread::scope(|scope| {
        for thread in 0..3 {
            let stop = &stop;
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    log::info!(target: "pillion::test", thread, number; "parent speaks");
                    std::thread::sleep(Duration::from_micros(20));
                }
            });
        }
        // One more starts and stops the writer, and so holds its lock most of the time.
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                logging::stop_writer(SOON);
                logging::start_writer();
            }
        });
        // And one applies settings all the time.
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                logging::install(&settings(&path, LevelFilter::Info));
                resolve_nothing();
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let failed = (0..FORKS).find(|fork| {
            !in_child(|| {
                logging::after_fork();
                resolve_nothing();
                logging::install(&settings(&path, LevelFilter::Info));
                log::info!(target: "pillion::test", fork; "child speaks");
                logging::start_writer();
                log::info!(target: "pillion::test", fork; "child speaks again");
                let flushed = logging::flush(SOON);
                logging::stop_writer(SOON);
                flushed
            })
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        failed
    });
    assert_eq!(failed, None, "the child of this fork hung or lost a line");
    assert!(logging::flush(SOON));
    let text_now = text();
    assert_eq!(text_now.matches("\"child speaks\"").count(), FORKS);
    assert_eq!(text_now.matches("\"child speaks again\"").count(), FORKS);
    let mut seen = std::collections::HashSet::new();
    for line in text_now
        .lines()
        .filter(|line| line.contains("parent speaks"))
    {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            seen.insert((line["thread"].as_u64(), line["number"].as_u64())),
            "{line}"
        );
    }

    // Other settings are applied while the writer runs; no queued line is lost.
    let other = dir.path().join("other");
    fs::write(&other, "").unwrap();
    log::info!(target: "pillion::test", "under way");
    logging::install(&settings(&other, LevelFilter::Warn));
    log::info!(target: "pillion::test", "not heard");
    log::error!(target: "pillion::test", "heard");
    assert!(logging::flush(SOON));
    logging::stop_writer(SOON);
    assert!(text().contains("under way"));
    let other = fs::read_to_string(&other).unwrap();
    assert!(
        other.contains("\"heard\"") && !other.contains("not heard"),
        "{other}"
    );

    logging::install(&LogSettings {
        target: LogTarget::Php,
        ..settings(&path, LevelFilter::Info)
    });
    log::info!(target: "pillion::test", "for php");
    assert_eq!(logging::drain_php(10).len(), 1);
    let nothing_of_the_parents = in_child(|| {
        logging::after_fork();
        logging::drain_php(10).is_empty()
    });
    assert!(nothing_of_the_parents);

    // Errors of the settings are in the same log.
    resolve(&Sources {
        ini: &|name| (name == "pillion.velox_build_timeout").then(|| "5 minutes".into()),
        env: &|_| None,
        read_file: &|_| Ok(String::new()),
        cwd: Path::new("/"),
    })
    .log_errors();
    let line = logging::drain_php(10);
    let line: serde_json::Value = serde_json::from_str(&line[0].text).unwrap();
    assert_eq!(
        (&line["level"], &line["event"]),
        (&"error".into(), &"configuration error".into())
    );
    assert_eq!(line["setting"], "pillion.velox_build_timeout (INI)");
    assert_eq!(line["found"], "\"5 minutes\" (not a duration)");
}
