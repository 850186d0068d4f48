//! The second tier against a server that answers late, wrongly or not at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    cache::{Cache, MIN_BYTES, NewValue, Ttl, encoding::STRING},
    config::{RedisUrl, WriteMode},
};

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Each key has this value.
    Value(&'static str),
    /// The same, late enough for other calls to begin meanwhile.
    LateValue(&'static str),
    /// The same, without lifetimes as long as this is how it answers.
    WithoutLifetime(&'static str),
    /// As a value; the key is reported as changed before that, or after it.
    Changed(Order),
    /// As a value, by a server that tracks no keys, or none without an echo.
    Untracked,
    /// Not at all.
    None,
    /// These bytes.
    Bytes(&'static str),
    /// It ends the connection.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Before,
    After,
}

/// A server with one behaviour for all commands but those that open a connection.
struct Fake {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    reads: Arc<AtomicUsize>,
}

impl Fake {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            answers: Arc::new(Mutex::new(answers)),
            reads: Arc::default(),
        };
        let (answers, reads) = (Arc::clone(&fake.answers), Arc::clone(&fake.reads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&reads)));
            }
        });
        fake
    }

    fn set(&self, answers: Answers) {
        *self.answers.lock().unwrap() = answers;
    }
}

async fn serve(stream: TcpStream, answers: Arc<Mutex<Answers>>, reads: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    while let Some(command) = command(&mut stream).await {
        let now = || *answers.lock().unwrap();
        let answers = now();
        let report = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n";
        let answer = match (command[0].as_str(), answers) {
            ("HELLO", _) => "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned(),
            // Neither BCAST nor REDIRECT, which Dragonfly has not.
            ("CLIENT", answers)
                if answers != Answers::Untracked && command[1..] == ["TRACKING", "ON"] =>
            {
                "+OK\r\n".to_owned()
            }
            ("CLIENT", _) => "-ERR syntax error\r\n".to_owned(),
            ("MGET", Answers::Changed(Order::Before)) => format!("{report}*1\r\n$1\r\n7\r\n"),
            ("MGET", Answers::Changed(Order::After)) => "*1\r\n$1\r\n7\r\n".to_owned(),
            ("PTTL", Answers::Changed(Order::After)) => format!(":5000\r\n{report}"),
            ("MGET", Answers::Untracked) => "*1\r\n$1\r\n7\r\n".to_owned(),
            (_, Answers::None) => std::future::pending().await,
            (_, Answers::End) => return,
            (_, Answers::Bytes(bytes)) => bytes.to_owned(),
            (
                "MGET",
                Answers::Value(value) | Answers::LateValue(value) | Answers::WithoutLifetime(value),
            ) => {
                reads.fetch_add(1, Ordering::Relaxed);
                if matches!(answers, Answers::LateValue(_)) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let one = format!("${}\r\n{value}\r\n", value.len());
                format!(
                    "*{}\r\n{}",
                    command.len() - 1,
                    one.repeat(command.len() - 1)
                )
            }
            ("PTTL", Answers::WithoutLifetime(_)) => {
                while now() == answers {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                ":5000\r\n".to_owned()
            }
            ("PTTL", _) => ":5000\r\n".to_owned(),
            (_, _) => "+OK\r\n".to_owned(),
        };
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let count = number(stream).await?;
    for _ in 0..count {
        let mut text = vec![0; number(stream).await? + 2];
        stream.read_exact(&mut text).await.ok()?;
        text.truncate(text.len() - 2);
        parts.push(String::from_utf8(text).ok()?);
    }
    Some(parts)
}

async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}

struct First(Cache);

impl FirstTier for First {
    fn cache(&self) -> Option<&Cache> {
        Some(&self.0)
    }
}

struct Tiers {
    second: Arc<SecondTier>,
    first: Arc<First>,
    _dir: tempfile::TempDir,
}

fn tiers(address: SocketAddr, timeout: Duration) -> Tiers {
    tiers_with(address, timeout, WriteMode::Through)
}

fn tiers_with(address: SocketAddr, timeout: Duration, write: WriteMode) -> Tiers {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(&dir.path().join("cache.seg"), MIN_BYTES).unwrap();
    let first = Arc::new(First(cache));
    let mut settings = crate::config::Settings::default().cache;
    settings.url = Some(RedisUrl::parse(&address.to_string()).unwrap());
    settings.timeout = timeout;
    settings.write = write;
    let second = SecondTier::new(&settings, Arc::clone(&first) as Arc<dyn FirstTier>).unwrap();
    Tiers {
        second,
        first,
        _dir: dir,
    }
}

async fn read(tiers: &Tiers, key: &str) -> Result<Option<Vec<u8>>, TierError> {
    let mut read = tiers.second.read(vec![key.into()]).await?;
    Ok(read.pop().flatten().map(|fetched| fetched.bytes.clone()))
}

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn value_is_read_once_and_fills_the_first_tier() {
    let fake = Fake::start(Answers::LateValue("\"text\"")).await;
    let tiers = tiers(fake.address, LONG);
    let (one, other) = tokio::join!(read(&tiers, "key"), read(&tiers, "key"));
    assert_eq!(
        (one, other),
        (Ok(Some(b"text".to_vec())), Ok(Some(b"text".to_vec())))
    );
    assert_eq!(fake.reads.load(Ordering::Relaxed), 1);
    let filled = tiers.first.0.get(b"key", |value| value.to_vec());
    assert_eq!(filled, Some(b"text".to_vec()));
}

#[tokio::test]
async fn read_after_a_store_joins_no_earlier_one() {
    let fake = Fake::start(Answers::LateValue("\"text\"")).await;
    let tiers = tiers(fake.address, LONG);
    let later = async {
        while fake.reads.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        // As another process of the host does.
        tiers.first.0.remove_fenced(b"key");
        read(&tiers, "key").await
    };
    let (one, other) = tokio::join!(read(&tiers, "key"), later);
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(fake.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn value_stored_during_a_read_is_not_replaced() {
    // Before the server has it, it is the newer one; after it, either may be.
    for (write, left) in [(WriteMode::Behind, Some("new")), (WriteMode::Through, None)] {
        store_during_a_read(write, left).await;
    }
}

async fn store_during_a_read(write: WriteMode, left: Option<&str>) {
    let fake = Fake::start(Answers::LateValue("\"old\"")).await;
    let tiers = tiers_with(fake.address, LONG, write);
    let store = async {
        while fake.reads.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let new = NewValue {
            bytes: b"new",
            encoding: STRING,
            ttl: Ttl::Forever,
            tags: &[],
        };
        tiers.first.0.set(b"stored", &new);
        tiers.first.0.remove_fenced(b"removed");
    };
    let keys = vec![b"stored".to_vec(), b"removed".to_vec()];
    let (found, ()) = tokio::join!(tiers.second.read(keys), store);
    assert_eq!(found.unwrap().iter().flatten().count(), 2);
    let value = |key: &[u8]| tiers.first.0.get(key, |value| value.to_vec());
    assert_eq!(value(b"stored"), left.map(|left| left.as_bytes().to_vec()));
    assert_eq!(value(b"removed"), None);
}

#[tokio::test]
async fn many_values_are_stored_after_the_answer_if_unchanged() {
    let fake = Fake::start(Answers::WithoutLifetime("\"text\"")).await;
    let tiers = tiers(fake.address, LONG);
    let keys: Vec<_> = (0..20).map(|n| format!("{n}").into_bytes()).collect();
    let found = tiers.second.read_early(keys.clone()).await.unwrap();
    assert_eq!(found.iter().flatten().count(), keys.len());
    let is_stored = |key: &[u8]| tiers.first.0.has(key);
    assert!(!keys.iter().any(|key| is_stored(key)));
    tiers.first.0.remove_fenced(b"0");
    tiers.second.flights.change(b"1");
    // A later read of a key gets no earlier value.
    let (found, ()) = tokio::join!(read(&tiers, "2"), async {
        fake.set(Answers::Value("\"new\""));
    });
    assert_eq!(found, Ok(Some(b"new".to_vec())));
    while !is_stored(b"19") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!is_stored(b"0") && !is_stored(b"1"));
    let filled = tiers.first.0.get(b"2", |value| value.to_vec());
    assert_eq!(filled, Some(b"new".to_vec()));
}

#[tokio::test]
async fn value_that_is_changed_during_its_read_is_not_kept() {
    for order in [Order::Before, Order::After] {
        let fake = Fake::start(Answers::Changed(order)).await;
        let tiers = tiers(fake.address, LONG);
        assert!(read(&tiers, "key").await.unwrap().is_some());
        while tiers.first.0.has(b"key") {
            // The report may arrive later than the answer.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn connection_that_ends_drops_all_that_it_covered() {
    let fake = Fake::start(Answers::Value("1")).await;
    let tiers = tiers(fake.address, LONG);
    assert!(read(&tiers, "key").await.unwrap().is_some());
    assert!(tiers.first.0.has(b"key") && tiers.second.reports.load(Ordering::Relaxed));
    fake.set(Answers::End);
    assert!(read(&tiers, "other").await.is_err());
    while tiers.first.0.has(b"key") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn server_without_reports_is_used() {
    let fake = Fake::start(Answers::Untracked).await;
    let tiers = tiers(fake.address, LONG);
    assert!(read(&tiers, "key").await.unwrap().is_some());
    assert!(tiers.first.0.has(b"key") && !tiers.second.reports.load(Ordering::Relaxed));
}

#[tokio::test]
async fn silent_server_is_left_alone_until_it_answers() {
    let fake = Fake::start(Answers::None).await;
    let tiers = tiers(fake.address, SHORT);
    while tiers.second.is_available() {
        assert_eq!(read(&tiers, "key").await, Err(TierError::Unavailable));
    }
    assert!(tiers.second.is_refusing() && !tiers.second.is_connected());
    fake.set(Answers::Value("1"));
    while !tiers.second.is_available() {
        // Starts the probe.
        let _ = read(&tiers, "key").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn wrong_answers_are_failures() {
    for answers in [
        Answers::End,
        Answers::Bytes("$536870912\r\n"),
        Answers::Bytes("*99999999\r\n"),
        Answers::Bytes("HTTP/1.1 400 Bad Request\r\n\r\n"),
        Answers::Bytes("-READONLY You can't write against a read only replica.\r\n"),
        Answers::Bytes("-LOADING Redis is loading the dataset in memory\r\n"),
    ] {
        let fake = Fake::start(answers).await;
        let tiers = tiers(fake.address, LONG);
        while tiers.second.is_available() {
            assert!(read(&tiers, "key").await.is_err(), "{answers:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn refused_connection_opens_the_breaker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tiers = tiers(address, LONG);
    while tiers.second.is_available() {
        assert_eq!(read(&tiers, "key").await, Err(TierError::Unavailable));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn lost_removal_is_made_up_for() {
    let fake = Fake::start(Answers::None).await;
    let tiers = tiers(fake.address, SHORT);
    assert!(tiers.second.remove(vec![b"key".to_vec()]).await.is_err());
    assert!(tiers.second.repairs.contains(b"key"));
    fake.set(Answers::Value("1"));
    while tiers.second.repairs.is_pending() {
        // Starts the probe, and after it the removal.
        let _ = read(&tiers, "key").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!tiers.second.repairs.contains(b"key"));
}
