//! The logger with its targets, each test with its own logger and a pipe for standard error. Tests of the whole process
//! (the facade, forks) are in `engine/tests/logging.rs`.

use std::{
    fs,
    io::{PipeReader, PipeWriter, Read as _, pipe},
    os::fd::AsRawFd as _,
    path::Path,
    time::{Duration, Instant},
};

use log::{Level, LevelFilter, Record};

use super::{logger::Logger, *};
use crate::config::{LogFormat, LogTarget};

const TIMEOUT: Duration = Duration::from_secs(5);

/// A logger with a pipe for standard error.
fn logger(target: LogTarget) -> (&'static Logger, PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    let settings = LogSettings {
        target,
        level: LevelFilter::Info,
        format: LogFormat::Logfmt,
    };
    let logger = Logger::new(settings, writer.as_raw_fd(), 0);
    (Box::leak(Box::new(logger)), reader, writer)
}

fn log_line(logger: &Logger, event: &str, number: u64) {
    let fields = [("number", number)];
    logger.log(
        &Record::builder()
            .level(Level::Info)
            .target("pillion::test")
            .key_values(&fields)
            .args(format_args!("{event}"))
            .build(),
    );
}

/// Returns the content of standard error.
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
fn line_is_written_at_once_without_a_writer() {
    let (logger, reader, writer) = logger(LogTarget::Stderr);
    log_line(logger, "first", 1);
    let text = all(reader, writer);
    assert!(text.contains("level=info event=first pid="), "{text}");
}

#[test]
fn writer_keeps_the_order_and_drains_on_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "").unwrap();
    let (logger, ..) = logger(LogTarget::File(path.clone()));
    logger.start_writer();
    logger.start_writer();
    for number in 0..500 {
        log_line(logger, "line", number);
    }
    let start = Instant::now();
    assert!(logger.stop_writer(TIMEOUT));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    log_line(logger, "after", 500);
    assert_eq!(numbers(&read(&path)), (0..=500).collect::<Vec<_>>());
    assert!(!logger.stop_writer(TIMEOUT), "there is none any more");
}

#[test]
fn rotated_file_is_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let old = dir.path().join("log.1");
    let (logger, ..) = logger(LogTarget::File(path.clone()));
    logger.start_writer();
    log_line(logger, "before", 1);
    assert!(logger.flush(TIMEOUT));
    fs::rename(&path, &old).unwrap();
    log_line(logger, "after", 2);
    assert!(logger.flush(TIMEOUT));
    logger.stop_writer(TIMEOUT);
    assert_eq!(
        (numbers(&read(&old)), numbers(&read(&path))),
        (vec![1], vec![2])
    );
}

#[test]
fn failing_file_is_reported_once_and_stderr_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let (logger, reader, writer) = logger(LogTarget::File(dir.path().join("missing/log")));
    log_line(logger, "line", 1);
    logger.start_writer();
    log_line(logger, "line", 2);
    log_line(logger, "line", 3);
    logger.stop_writer(TIMEOUT);
    let text = all(reader, writer);
    assert_eq!(text.matches("log file not writable").count(), 1, "{text}");
    assert!(text.contains("missing/log"), "{text}");
    assert_eq!(numbers(&text), [1, 2, 3]);
}

#[test]
fn stalled_reader_costs_lines_but_no_time() {
    let (logger, reader, writer) = logger(LogTarget::Stderr);
    logger.start_writer();
    let start = Instant::now();
    for number in 0..20_000 {
        log_line(logger, "line", number);
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(!logger.flush(Duration::from_millis(50)));
    let start = Instant::now();
    assert!(logger.stop_writer(TIMEOUT));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    // Direct lines don't wait for the full pipe either.
    let start = Instant::now();
    log_line(logger, "line", 20_000);
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
fn dropped_lines_are_reported_once_stderr_is_read() {
    let (logger, mut reader, writer) = logger(LogTarget::Stderr);
    for number in 0..2_000 {
        log_line(logger, "line", number);
    }
    let mut buffer = vec![0; 1 << 20];
    let full = reader.read(&mut buffer).unwrap();
    let before = numbers(std::str::from_utf8(&buffer[..full]).unwrap()).len();
    log_line(logger, "line", 2_000);
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
fn closed_pipe_raises_no_signal() {
    let (logger, reader, writer) = logger(LogTarget::Stderr);
    drop(reader);
    log_line(logger, "line", 1);
    logger.start_writer();
    log_line(logger, "line", 2);
    let start = Instant::now();
    assert!(logger.flush(TIMEOUT));
    assert!(logger.stop_writer(TIMEOUT));
    assert!(start.elapsed() < Duration::from_secs(1));
    drop(writer);
}

#[test]
fn lines_for_php_are_queued_until_drained() {
    let (logger, reader, writer) = logger(LogTarget::Php);
    logger.start_writer();
    for number in 0..3 {
        log_line(logger, "line", number);
    }
    assert!(logger.flush(TIMEOUT));
    let first = logger.drain_php(2);
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].level, Level::Info);
    assert!(first[0].text.ends_with("number=0"), "{:?}", first[0]);
    assert_eq!(logger.drain_php(10).len(), 1);
    assert!(logger.drain_php(10).is_empty());
    assert_eq!(all(reader, writer), "");
}

#[test]
fn full_php_queue_drops_the_newest_and_reports_it() {
    let (logger, ..) = logger(LogTarget::Php);
    for number in 0..3_000 {
        log_line(logger, "line", number);
    }
    let lines = logger.drain_php(10_000);
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
fn queue_is_bounded_in_bytes() {
    let (logger, ..) = logger(LogTarget::Php);
    let long = "x".repeat(1_400);
    for _ in 0..1_000 {
        let fields = [("a", &long), ("b", &long)];
        let record = Record::builder()
            .target("pillion")
            .key_values(&fields)
            .args(format_args!("e"))
            .build();
        logger.log(&record);
    }
    let bytes: usize = logger
        .drain_php(10_000)
        .iter()
        .map(|line| line.text.len())
        .sum();
    assert!(bytes > 900_000 && bytes <= 1 << 20, "{bytes}");
}

#[test]
fn writer_thread_blocks_all_but_fault_signals() {
    let (logger, ..) = logger(LogTarget::Stderr);
    logger.start_writer();
    assert!(logger.flush(TIMEOUT));
    crate::signals::tests::assert_blocked("pillion-log");
    logger.stop_writer(TIMEOUT);
}
