//! Runs the command of a task: `/bin/sh -c` in the directory of its package, in a process group of its own, with one
//! pipe for both outputs, so that their order stays. On the thread of the task.
//!
//! Processes that a command leaves behind are killed: they could change outputs while those are stored. If this process
//! itself is killed, the kernel kills the shell on Linux, and nothing is stored.

use std::{
    io::{self, PipeReader, Read as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, WaitId, WaitIdOptions, waitid},
};

use super::stop::Stop;

/// Bytes that are read at once.
const BLOCK: usize = 16 << 10;
/// Interval at which a shell that has closed nothing is examined for its end.
const EXIT_INTERVAL: Duration = Duration::from_millis(100);
/// Time for the output of processes that outlive their shell.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The end of a command that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It ended with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It could not be started.
    Start(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Start(why) => write!(f, "not started: {why}"),
        }
    }
}

/// Runs a command to its end, and hands out its output in pieces.
///
/// # Errors
/// It fails.
pub(super) fn run(
    command: &str,
    directory: &Path,
    stop: &Stop,
    output: &mut dyn FnMut(&[u8]),
) -> Result<(), Failure> {
    let start = |error: io::Error| Failure::Start(error.to_string());
    let (mut child, mut pipe) = spawn(command, directory).map_err(start)?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(group) = group else {
        return Err(Failure::Start("no process id".into()));
    };
    stop.add(group);
    read_output(&mut pipe, group, output);
    wait_for_exit(group);
    stop.end(group);
    // The output of killed processes.
    read_rest(&mut pipe, output);
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(match (status.code(), status.signal()) {
            (Some(code), _) => Failure::Code(code),
            (None, signal) => Failure::Signal(signal.unwrap_or_default()),
        }),
        Err(error) => Err(start(error)),
    }
}

fn spawn(command: &str, directory: &Path) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(command)
        .current_dir(directory)
        .env("PWD", directory)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory of this
    // process. It ties the shell to the thread that forks it, which waits for the shell.
    unsafe {
        use rustix::process::{Signal, set_parent_process_death_signal};

        shell.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
    Ok((shell.spawn()?, reader))
}

/// Reads until all writers have closed the pipe, or the shell has ended and only processes that it left behind remain.
fn read_output(pipe: &mut PipeReader, shell: Pid, output: &mut dyn FnMut(&[u8])) {
    let mut ended: Option<Instant> = None;
    loop {
        match is_readable(pipe, EXIT_INTERVAL) {
            true => {
                if !read_block(pipe, output) {
                    return;
                }
            }
            false if ended.is_none() && has_exited(shell) => ended = Some(Instant::now()),
            false => {}
        }
        if ended.is_some_and(|ended| ended.elapsed() >= DRAIN_TIMEOUT) {
            return;
        }
    }
}

/// Reads the bytes that are in the pipe already. A process that has left the group may keep it open.
fn read_rest(pipe: &mut PipeReader, output: &mut dyn FnMut(&[u8])) {
    let start = Instant::now();
    while start.elapsed() < DRAIN_TIMEOUT && is_readable(pipe, Duration::ZERO) {
        if !read_block(pipe, output) {
            return;
        }
    }
}

/// Reads a block; `false` at the end.
fn read_block(pipe: &mut PipeReader, output: &mut dyn FnMut(&[u8])) -> bool {
    let mut block = [0; BLOCK];
    loop {
        return match pipe.read(&mut block) {
            Ok(0) => false,
            Ok(length) => {
                output(block.get(..length).unwrap_or_default());
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => false,
        };
    }
}

fn is_readable(pipe: &PipeReader, timeout: Duration) -> bool {
    let timeout = Timespec::try_from(timeout).ok();
    let mut waited = [PollFd::new(pipe, PollFlags::IN)];
    // An interrupted call counts as one that has timed out.
    poll(&mut waited, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}

/// Whether the process has ended; it remains a zombie.
fn has_exited(shell: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(shell), options), Ok(None))
}

/// Waits for the end of the process, which remains a zombie. A stop ends the process.
fn wait_for_exit(shell: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(
        waitid(WaitId::Pid(shell), options),
        Err(rustix::io::Errno::INTR)
    ) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_of(command: &str) -> (Result<(), Failure>, String) {
        let dir = tempfile::tempdir().unwrap();
        let mut output = Vec::new();
        let ended = run(command, dir.path(), &Stop::default(), &mut |bytes| {
            output.extend(bytes)
        });
        (ended, String::from_utf8(output).unwrap())
    }

    #[test]
    fn both_outputs_come_in_order() {
        let (ended, output) = output_of("for i in 1 2 3; do echo $i; echo e$i >&2; done");
        assert_eq!((ended, output.as_str()), (Ok(()), "1\ne1\n2\ne2\n3\ne3\n"));
    }

    #[test]
    fn failures_name_code_and_signal() {
        assert_eq!(output_of("exit 3").0, Err(Failure::Code(3)));
        assert_eq!(output_of("kill -9 $$").0, Err(Failure::Signal(9)));
        let dir = tempfile::tempdir().unwrap();
        let missing = run(
            "true",
            &dir.path().join("gone"),
            &Stop::default(),
            &mut |_| (),
        );
        assert!(matches!(missing, Err(Failure::Start(_))));
    }

    #[test]
    fn process_left_behind_is_killed() {
        let start = Instant::now();
        let (ended, output) = output_of("sleep 300 & echo $!");
        assert_eq!(ended, Ok(()));
        assert!(start.elapsed() < Duration::from_secs(60));
        let is_running = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", output.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while is_running() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn command_without_output_is_awaited() {
        let (ended, _) = output_of("exec >&- 2>&-; sleep 0.3; exit 4");
        assert_eq!(ended, Err(Failure::Code(4)));
    }
}
