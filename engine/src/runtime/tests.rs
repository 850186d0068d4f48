//! The table of `mod.rs`, row by row: with a counting factory and with real forks.

use std::{
    io,
    os::fd::AsRawFd,
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::*;
use crate::{Error, Result, host::fork, signals};

const KIND: &str = "test";

struct NoInterrupt;

impl Interrupt for NoInterrupt {
    fn pending(&self) -> bool {
        false
    }
    fn serve(&self) -> bool {
        true
    }
}

struct CountingFactory(Arc<AtomicUsize>);

impl RuntimeFactory for CountingFactory {
    fn build(&self) -> io::Result<tokio::runtime::Runtime> {
        self.0.fetch_add(1, Ordering::SeqCst);
        TokioFactory(RuntimeOptions {
            threads: 1,
            blocking_threads: 2,
        })
        .build()
    }
}

fn runtime() -> (Arc<Runtime<u32>>, Arc<AtomicUsize>) {
    let built = Arc::new(AtomicUsize::new(0));
    (
        Arc::new(Runtime::new(Box::new(CountingFactory(Arc::clone(&built))))),
        built,
    )
}

fn wait(completions: &CompletionQueue, job: &Job<u32>) -> Result<u32> {
    let waited = wait_until(
        completions.wake_fd(),
        Some(Duration::from_secs(10)),
        &NoInterrupt,
        &|| job.is_done(),
    );
    assert_eq!(waited, WaitOutcome::Done);
    job.outcome().cloned().unwrap()
}

#[test]
fn runtime_starts_once_with_the_first_job() {
    let (runtime, built) = runtime();
    assert_eq!(built.load(Ordering::SeqCst), 0);
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    for value in 0..3 {
        let job = runtime
            .spawn(KIND, Some(Arc::clone(&completions)), async move |_| {
                Ok(value)
            })
            .unwrap();
        assert_eq!(wait(&completions, &job).unwrap(), value);
    }
    assert_eq!(built.load(Ordering::SeqCst), 1);
    runtime.stop(Duration::from_secs(2));
}

#[test]
fn panic_fails_its_job_and_the_runtime_goes_on() {
    let (runtime, _) = runtime();
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let job = runtime
        .spawn(
            KIND,
            Some(Arc::clone(&completions)),
            async |_| -> Result<u32> { panic!("test panic {}", 7) },
        )
        .unwrap();
    assert!(matches!(wait(&completions, &job), Err(Error::Internal(m)) if m == "test panic 7"));
    assert_eq!(job.state(), JobState::Failed);
    let next = runtime
        .spawn(KIND, Some(Arc::clone(&completions)), async |_| Ok(1))
        .unwrap();
    assert_eq!(wait(&completions, &next).unwrap(), 1);
    runtime.stop(Duration::from_secs(2));
}

#[test]
fn job_goes_on_after_a_wait_timeout() {
    let (runtime, _) = runtime();
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let (go, gone) = tokio::sync::oneshot::channel();
    let job = runtime
        .spawn(KIND, Some(Arc::clone(&completions)), async move |_| {
            gone.await.unwrap();
            Ok(5)
        })
        .unwrap();
    let short = wait_until(
        completions.wake_fd(),
        Some(Duration::from_millis(10)),
        &NoInterrupt,
        &|| job.is_done(),
    );
    assert_eq!(short, WaitOutcome::TimedOut);
    assert!(!job.is_done());
    go.send(()).unwrap();
    assert_eq!(wait(&completions, &job).unwrap(), 5);
    runtime.stop(Duration::from_secs(2));
}

#[test]
fn cancel_succeeds_once_and_cancels_the_token() {
    let (runtime, _) = runtime();
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let cancelled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&cancelled);
    let job = runtime
        .spawn(KIND, Some(Arc::clone(&completions)), |context| async move {
            context.cancel.cancelled().await;
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(1)
        })
        .unwrap();
    assert!(job.cancel());
    assert!(!job.cancel());
    assert_eq!(job.state(), JobState::Cancelled);
    let deadline = Instant::now() + Duration::from_secs(5);
    while cancelled.load(Ordering::SeqCst) == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(cancelled.load(Ordering::SeqCst), 1);
    runtime.stop(Duration::from_secs(2));
}

#[test]
fn stop_aborts_jobs_at_once_and_refuses_later_ones() {
    let (runtime, _) = runtime();
    let job = runtime
        .spawn(KIND, None, async |_| {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(1)
        })
        .unwrap();
    let start = Instant::now();
    runtime.stop(Duration::from_secs(2));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(job.state(), JobState::Cancelled);
    assert!(runtime.jobs().is_empty());
    assert!(matches!(
        runtime.spawn(KIND, None, async |_| Ok(1)),
        Err(Error::State(_))
    ));
}

#[test]
fn job_count_is_bounded() {
    let (runtime, _) = runtime();
    let mut refused = None;
    for _ in 0..20_000 {
        let spawned = runtime.spawn(KIND, None, async |_| {
            std::future::pending::<()>().await;
            Ok(1)
        });
        if let Err(error) = spawned {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(Error::QueueFull(_))));
    assert_eq!(runtime.jobs().len(), 10_000);
    runtime.stop(Duration::from_secs(2));
}

#[test]
fn runtime_threads_block_all_but_fault_signals() {
    let (runtime, _) = runtime();
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let job = runtime
        .spawn(KIND, Some(Arc::clone(&completions)), async |_| {
            let blocking = tokio::task::spawn_blocking(signals::tests::assert_own_mask);
            signals::tests::assert_own_mask();
            blocking
                .await
                .map(|()| 1)
                .map_err(|_| Error::State("mask".into()))
        })
        .unwrap();
    assert_eq!(wait(&completions, &job).unwrap(), 1);
    runtime.stop(Duration::from_secs(2));
}

/// Waits, because the outcome is set a moment before the notifier's byte is sent.
fn turns_readable(stream: &impl AsRawFd) -> bool {
    let mut poll = libc::pollfd {
        fd: stream.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 5_000) == 1 }
}

/// Runs `child` in a forked process and returns its exit code.
fn in_child(child: impl FnOnce() -> bool) -> i32 {
    // Tokio's process-wide signal table (in test builds only) is created by the first runtime; a fork must not see it
    // half made by another test.
    static FIRST: Once = Once::new();
    FIRST.call_once(|| drop(CountingFactory(Arc::default()).build()));
    // SAFETY: the child runs the closure and ends with _exit; the code under test is made for it.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // The output that the harness has captured is lost with the child.
        if let Err(panic) = &ok {
            let text = format!(
                "in a forked child: {}\n",
                crate::threads::panic_message(&**panic)
            );
            // SAFETY: the text and its length.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        }
        let ok = ok.unwrap_or(false);
        // SAFETY: ends the child without the test harness's exit handlers.
        unsafe { libc::_exit(i32::from(!ok)) };
    }
    let mut status = 0;
    // SAFETY: our child.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -status
    }
}

#[test]
fn fork_leaves_the_parent_unchanged_and_child_starts_fresh() {
    static CELL: ProcessCell<Arc<Runtime<u32>>> = ProcessCell::new();
    fork::on_child(|| {
        CELL.forget();
        after_fork();
    });
    let make = || runtime().0;
    let parent = CELL.get_or_init(make);
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let stream = completions.open_notifier().unwrap();
    let (go, gone) = tokio::sync::oneshot::channel();
    let slow = parent
        .spawn(KIND, Some(Arc::clone(&completions)), async move |_| {
            gone.await.unwrap();
            Ok(1)
        })
        .unwrap();
    for round in 0..20 {
        let code = in_child(|| {
            assert!(CELL.get().is_none() && !completions.is_ours());
            assert!(matches!(slow.check_process(), Err(Error::State(_))));
            assert!(!slow.cancel());
            assert!(parent.spawn(KIND, None, async |_| Ok(1)).is_err());
            let own = Arc::new(CompletionQueue::new(Some(&completions)).unwrap());
            let job = CELL
                .get_or_init(make)
                .spawn(KIND, Some(Arc::clone(&own)), async move |_| Ok(round))
                .unwrap();
            assert_eq!(wait(&own, &job).unwrap(), round);
            // The stream that PHP opened before the fork reports the child's job.
            turns_readable(&stream)
        });
        assert_eq!(code, 0, "round {round}");
    }
    go.send(()).unwrap();
    assert_eq!(wait(&completions, &slow).unwrap(), 1);
    assert!(turns_readable(&stream), "a child stole the wake-up");
    parent.stop(Duration::from_secs(2));
}

#[test]
fn forked_child_is_not_blocked_by_locks_of_the_parent() {
    type Prepare = fn(&Arc<Runtime<u32>>, &Arc<CompletionQueue>);
    static CELL: ProcessCell<Arc<Runtime<u32>>> = ProcessCell::new();
    // Another test's hook may be installed too; the child empties its own cell.
    fork::install();
    let make = || runtime().0;
    let states: [(&str, Prepare); 4] = [
        ("not started", |_, _| {}),
        ("idle", |runtime, completions| {
            let job = runtime.spawn(KIND, Some(Arc::clone(completions)), async |_| Ok(1));
            assert_eq!(wait(completions, &job.unwrap()).unwrap(), 1);
        }),
        ("with jobs under way", |runtime, completions| {
            for _ in 0..50 {
                runtime
                    .spawn(KIND, Some(Arc::clone(completions)), async |_| {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                        Ok(1)
                    })
                    .unwrap();
            }
        }),
        ("with outcomes unread", |runtime, completions| {
            for _ in 0..50 {
                runtime
                    .spawn(KIND, Some(Arc::clone(completions)), async |_| Ok(1))
                    .unwrap();
            }
        }),
    ];
    for (state, prepare) in states {
        let parent = make();
        let completions = Arc::new(CompletionQueue::new(None).unwrap());
        let stream = completions.open_notifier().unwrap();
        prepare(&parent, &completions);
        for round in 0..30 {
            let (locked, is_locked) = std::sync::mpsc::channel();
            let (done, is_done) = std::sync::mpsc::channel::<()>();
            let code = std::thread::scope(|scope| {
                let (held, queue) = (&parent, &completions);
                scope.spawn(move || {
                    held.hold_locks(|| {
                        queue.hold_lock(|| {
                            locked.send(()).unwrap();
                            let _ = is_done.recv();
                        });
                    });
                });
                is_locked.recv().unwrap();
                let code = in_child(|| {
                    // Ends a hanging child, and fails the test.
                    // SAFETY: no pointers pass.
                    unsafe { libc::alarm(20) };
                    CELL.forget();
                    assert!(parent.spawn(KIND, None, async |_| Ok(1)).is_err());
                    let own = Arc::new(CompletionQueue::new(Some(&completions)).unwrap());
                    let job = CELL
                        .get_or_init(make)
                        .spawn(KIND, Some(Arc::clone(&own)), async move |_| Ok(round))
                        .unwrap();
                    assert_eq!(wait(&own, &job).unwrap(), round);
                    own.drain().0 == [job.id()]
                });
                drop(done);
                code
            });
            assert_eq!(code, 0, "{state}, round {round}");
        }
        drop(stream);
        parent.stop(Duration::from_secs(2));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_connection_closes_despite_a_forked_child() {
    use std::io::Read as _;

    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let (runtime, _) = runtime();
    let job = runtime
        .spawn(KIND, None, async move |_| {
            let _connection = tokio::net::TcpStream::connect(address).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(1)
        })
        .unwrap();
    let (mut connection, _) = server.accept().unwrap();
    // A descriptor of PHP's stays open in the child.
    let (kept, other) = std::os::unix::net::UnixStream::pair().unwrap();
    // SAFETY: the child makes system calls only, and ends with _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // Another test's hook may be installed, or none.
        after_fork();
        // SAFETY: as above.
        unsafe {
            libc::write(kept.as_raw_fd(), c"!".as_ptr().cast(), 1);
            libc::sleep(30);
            libc::_exit(0);
        }
    }
    let mut byte = [0];
    (&other).read_exact(&mut byte).unwrap();
    assert!(job.cancel());
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert_eq!(connection.read(&mut byte).unwrap(), 0, "end of file");
    // SAFETY: our child.
    unsafe {
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG), 0);
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    // The parent's runtime still works.
    let completions = Arc::new(CompletionQueue::new(None).unwrap());
    let next = runtime.spawn(KIND, Some(Arc::clone(&completions)), async move |_| {
        tokio::net::TcpStream::connect(address).await.unwrap();
        Ok(2)
    });
    assert_eq!(wait(&completions, &next.unwrap()).unwrap(), 2);
    runtime.stop(Duration::from_secs(2));
}
