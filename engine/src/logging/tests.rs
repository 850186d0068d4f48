//! The state with its targets, each test with a state of its own and a pipe for standard error. What
//! only the whole process can show (the facade, forks) stands in `engine/tests/logging.rs`.

use std::{
    fs,
    io::{PipeReader, PipeWriter, Read as _, pipe},
    os::fd::AsRawFd as _,
    path::Path,
    time::{Duration, Instant},
};

use log::{Level, LevelFilter, Record};

use super::{state::State, *};
use crate::config::{LogFormat, LogTarget};

const SOON: Duration = Duration::from_secs(5);

/// A state whose standard error is a pipe.
fn state(target: LogTarget) -> (&'static State, PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    let settings = LogSettings {
        target,
        level: LevelFilter::Info,
        format: LogFormat::Logfmt,
    };
    let state = State::new(settings, writer.as_raw_fd(), 0);
    (Box::leak(Box::new(state)), reader, writer)
}

fn say(state: &State, event: &str, number: u64) {
    let fields = [("number", number)];
    state.accept(
        &Record::builder()
            .level(Level::Info)
            .target("pillion::test")
            .key_values(&fields)
            .args(format_args!("{event}"))
            .build(),
    );
}

/// All that was written to standard error.
fn all(mut reader: PipeReader, writer: PipeWriter) -> String {
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines()
        .filter_map(|line| line.split("number=").nth(1)?.parse().ok())
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn without_a_writer_a_line_is_there_when_the_call_returns() {
    let (state, reader, writer) = state(LogTarget::Stderr);
    say(state, "first", 1);
    let text = all(reader, writer);
    assert!(text.contains("level=info event=first pid="), "{text}");
}

#[test]
fn a_writer_writes_all_lines_in_order_and_stopping_it_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "").unwrap();
    let (state, ..) = state(LogTarget::File(path.clone()));
    state.start_writer();
    state.start_writer();
    for number in 0..500 {
        say(state, "line", number);
    }
    let start = Instant::now();
    assert!(state.stop_writer(SOON));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    say(state, "after", 500);
    assert_eq!(numbers(&read(&path)), (0..=500).collect::<Vec<_>>());
    assert!(!state.stop_writer(SOON), "there is none any more");
}

#[test]
fn flush_returns_when_the_lines_are_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (state, ..) = state(LogTarget::File(path.clone()));
    state.start_writer();
    for number in 0..100 {
        say(state, "line", number);
    }
    assert!(state.flush(SOON));
    assert_eq!(numbers(&read(&path)).len(), 100);
    state.stop_writer(SOON);
}

#[test]
fn a_rotated_file_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let old = dir.path().join("log.1");
    let (state, ..) = state(LogTarget::File(path.clone()));
    state.start_writer();
    say(state, "before", 1);
    assert!(state.flush(SOON));
    fs::rename(&path, &old).unwrap();
    say(state, "after", 2);
    assert!(state.flush(SOON));
    state.stop_writer(SOON);
    assert_eq!(
        (numbers(&read(&old)), numbers(&read(&path))),
        (vec![1], vec![2])
    );
}

#[test]
fn a_file_that_takes_no_lines_is_told_once_and_standard_error_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    let (state, reader, writer) = state(LogTarget::File(dir.path().join("missing/log")));
    say(state, "line", 1);
    state.start_writer();
    say(state, "line", 2);
    say(state, "line", 3);
    state.stop_writer(SOON);
    let text = all(reader, writer);
    assert_eq!(text.matches("log file takes no lines").count(), 1, "{text}");
    assert!(text.contains("missing/log"), "{text}");
    assert_eq!(numbers(&text), [1, 2, 3]);
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_never_time() {
    let (state, reader, writer) = state(LogTarget::Stderr);
    state.start_writer();
    let start = Instant::now();
    for number in 0..20_000 {
        say(state, "line", number);
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(!state.flush(Duration::from_millis(50)));
    let start = Instant::now();
    assert!(state.stop_writer(SOON));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    // Direct lines don't wait for the full pipe either.
    let start = Instant::now();
    say(state, "line", 20_000);
    assert!(start.elapsed() < Duration::from_secs(1));
    let text = all(reader, writer);
    let written = numbers(&text);
    assert!(
        written.len() > 100 && written.len() < 5_000,
        "{}",
        written.len()
    );
    assert!(written.is_sorted(), "and what is written stays in order");
}

#[test]
fn what_was_lost_is_told_when_somebody_reads_again() {
    let (state, mut reader, writer) = state(LogTarget::Stderr);
    for number in 0..2_000 {
        say(state, "line", number);
    }
    let mut buffer = vec![0; 1 << 20];
    let full = reader.read(&mut buffer).unwrap();
    let before = numbers(std::str::from_utf8(&buffer[..full]).unwrap()).len();
    say(state, "line", 2_000);
    let text = all(reader, writer);
    let lost = format!(
        "event=\"log lines dropped\" pid={} count={}\n",
        std::process::id(),
        2_000 - before
    );
    assert!(
        text.contains(&lost) && text.contains("level=warn"),
        "{before} {text}"
    );
    assert_eq!(numbers(&text), [2_000]);
}

#[test]
fn a_reader_that_has_gone_raises_no_signal_and_stops_nobody() {
    let (state, reader, writer) = state(LogTarget::Stderr);
    drop(reader);
    say(state, "line", 1);
    state.start_writer();
    say(state, "line", 2);
    let start = Instant::now();
    assert!(state.flush(SOON));
    assert!(state.stop_writer(SOON));
    assert!(start.elapsed() < Duration::from_secs(1));
    drop(writer);
}

#[test]
fn lines_for_php_wait_until_php_takes_them() {
    let (state, reader, writer) = state(LogTarget::Php);
    state.start_writer();
    for number in 0..3 {
        say(state, "line", number);
    }
    assert!(state.flush(SOON));
    let first = state.drain_php(2);
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].level, Level::Info);
    assert!(first[0].text.ends_with("number=0"), "{:?}", first[0]);
    assert_eq!(state.drain_php(10).len(), 1);
    assert!(state.drain_php(10).is_empty());
    assert_eq!(all(reader, writer), "");
}

#[test]
fn php_that_never_takes_lines_loses_the_newest_and_is_told() {
    let (state, ..) = state(LogTarget::Php);
    for number in 0..3_000 {
        say(state, "line", number);
    }
    let lines = state.drain_php(10_000);
    assert_eq!(lines[0].level, Level::Warn);
    assert!(
        lines[0].text.contains("log lines dropped"),
        "{:?}",
        lines[0]
    );
    assert!(
        lines[0]
            .text
            .ends_with(&format!("count={}", 3_000 - (lines.len() - 1)))
    );
    assert!(lines[1].text.ends_with("number=0"));
}

#[test]
fn waiting_lines_are_bounded_in_bytes_too() {
    let (state, ..) = state(LogTarget::Php);
    let long = "x".repeat(1_400);
    for _ in 0..1_000 {
        let fields = [("a", &long), ("b", &long)];
        let record = Record::builder()
            .target("pillion")
            .key_values(&fields)
            .args(format_args!("e"))
            .build();
        state.accept(&record);
    }
    let bytes: usize = state
        .drain_php(10_000)
        .iter()
        .map(|line| line.text.len())
        .sum();
    assert!(bytes > 900_000 && bytes <= 1 << 20, "{bytes}");
}

#[test]
fn the_writers_thread_takes_no_signal_but_faults() {
    let (state, ..) = state(LogTarget::Stderr);
    state.start_writer();
    assert!(state.flush(SOON));
    let masks: Vec<u64> = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| {
            let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let line = |name: &str| {
                status
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::trim)
            };
            (line("Name:")? == "pillion-log")
                .then(|| u64::from_str_radix(line("SigBlk:")?, 16).ok())?
        })
        .collect();
    assert!(!masks.is_empty());
    let bit = |signal: i32| 1_u64 << (signal - 1);
    for mask in masks {
        for signal in [
            libc::SIGTERM,
            libc::SIGALRM,
            libc::SIGPROF,
            libc::SIGCHLD,
            libc::SIGUSR1,
        ] {
            assert_ne!(mask & bit(signal), 0, "{signal}");
        }
        assert_eq!(mask & bit(libc::SIGSEGV), 0);
    }
    state.stop_writer(SOON);
}
