//! Real processes: this test program runs itself again as a worker that builds, and is killed.

use std::{
    process::{Child, Command, Stdio},
    time::Instant,
};

use pillion_fakes::{Answer, Behaviour};

use super::*;

const ROLE: &str = "PILLION_TEST_WORKER";

/// Not a test of its own: the worker's main, which does nothing unless it is told what to build.
#[test]
fn worker() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let role: Value = serde_json::from_str(&role).unwrap();
    let text = |name: &str| role[name].as_str().unwrap().to_owned();
    let dir = PathBuf::from(text("dir"));
    let options = StoreOptions {
        max_entries: 64,
        ..StoreOptions::new(dir.join("cache"), &dir)
    };
    let velox = Velox::new(
        settings(&text("url"), text("root").into()),
        Some(Arc::new(Store::open(options).unwrap())),
        Places {
            run_dir: dir.join("run"),
            spare_dir: dir.join("spare"),
        },
        Arc::new(|_| 5),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let built = runtime.block_on(build(&velox, request(&text("module"))));
    let answer = match built {
        Ok(artifact) => json!({"sha256": artifact.record.sha256_hex()}),
        Err(error) => json!({"error": error.to_string()}),
    };
    std::fs::write(text("answer"), answer.to_string()).unwrap();
}

struct Worker {
    child: Child,
    answer: PathBuf,
}

impl Host {
    fn worker(&self, number: usize, module: &str) -> Worker {
        let answer = self.dir.path().join(format!("answer-{number}"));
        let role = json!({
            "dir": self.dir.path(), "url": self.server.url(), "root": self.server.root(),
            "module": module, "answer": answer,
        });
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "velox::tests::processes::worker", "--nocapture"])
            .env(ROLE, role.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Worker { child, answer }
    }
}

impl Worker {
    fn answer(mut self) -> Value {
        assert!(self.child.wait().unwrap().success());
        serde_json::from_slice(&std::fs::read(&self.answer).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn twenty_processes_that_ask_for_four_configurations_cost_four_builds() {
    let host = Host::new(Options::default().delay(Duration::from_millis(1500)));
    let modules = ["a", "b", "c", "d"];
    let workers: Vec<_> = (0..20)
        .map(|number| host.worker(number, modules[number % 4]))
        .collect();
    let answers =
        tokio::task::spawn_blocking(|| workers.into_iter().map(Worker::answer).collect::<Vec<_>>())
            .await
            .unwrap();
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &answers[number % 4], "{answer}");
        assert!(answer["sha256"].is_string(), "{answer}");
    }
    assert_eq!(host.counters().build_requests, 4);
}

#[tokio::test]
async fn a_killed_builders_flight_is_taken_over_within_a_second() {
    let host = Host::new(Options::default().behave(Behaviour {
        times: Some(1),
        ..Answer::Hang.into()
    }));
    let mut leader = host.worker(0, "http");
    until("a build", || host.counters().in_flight == 1).await;
    let velox = host.velox();
    let (task, _) = begin(&velox, request("http"));
    until("a waiter", || {
        velox
            .builds()
            .iter()
            .any(|flying| flying["request_ids"].as_array().unwrap().len() == 2)
    })
    .await;
    leader.child.kill().unwrap();
    leader.child.wait().unwrap();
    let killed = Instant::now();
    until("the heir asks", || host.counters().build_requests == 2).await;
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "{:?}",
        killed.elapsed()
    );
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failure_in_one_process_is_the_failure_in_all() {
    let host = Host::new(
        Options::default()
            .delay(Duration::from_millis(1500))
            .behave(Answer::failure(
                "building plugins: go build: exit status 1\n--- stderr (last 4 bytes) ---\nnope\n",
            )),
    );
    let workers: Vec<_> = (0..6).map(|number| host.worker(number, "http")).collect();
    let answers =
        tokio::task::spawn_blocking(|| workers.into_iter().map(Worker::answer).collect::<Vec<_>>())
            .await
            .unwrap();
    for answer in answers {
        assert!(
            answer["error"].as_str().unwrap().ends_with("\nnope"),
            "{answer}"
        );
    }
    assert_eq!(host.counters().build_requests, 1);
}

#[tokio::test]
async fn each_builder_that_is_killed_has_an_heir_until_one_brings_it() {
    let host = Host::new(Options::default().delay(Duration::from_millis(1200)));
    let mut workers: Vec<_> = (0..7).map(|number| host.worker(number, "http")).collect();
    let velox = host.velox();
    let leader = |known: &[u64]| {
        let builds = velox.builds();
        let pid = builds.first().and_then(|flying| flying["pid"].as_u64());
        pid.filter(|pid| !known.contains(pid))
    };
    let mut killed = Vec::new();
    until("all have asked", || {
        velox
            .builds()
            .first()
            .is_some_and(|flying| flying["request_ids"].as_array().unwrap().len() == 7)
    })
    .await;
    for _ in 0..3 {
        until("a leader", || leader(&killed).is_some()).await;
        let pid = leader(&killed).unwrap();
        let at = workers
            .iter()
            .position(|worker| u64::from(worker.child.id()) == pid)
            .unwrap();
        let mut worker = workers.swap_remove(at);
        worker.child.kill().unwrap();
        worker.child.wait().unwrap();
        killed.push(pid);
    }
    let answers =
        tokio::task::spawn_blocking(|| workers.into_iter().map(Worker::answer).collect::<Vec<_>>())
            .await
            .unwrap();
    assert_eq!(answers.len(), 4);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert!(answer["sha256"].is_string(), "{answer}");
    }
    assert_eq!(host.counters().builds_finished, 1);
}
