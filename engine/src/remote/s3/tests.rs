//! Failures of the storage, from a server with scripted answers.

use std::{
    fs::File,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    config::Settings,
    remote::{
        object::Space,
        protocol::{Checksum, Key, Namespace},
        spool::Spool,
        usage::Limits,
    },
    secret::{Secret, ServerUrl},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const FOUND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\
    x-amz-meta-sha256: 0000000000000000000000000000000000000000000000000000000000000000\r\n\r\n";
const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 21\r\n\r\n<Code>SlowDown</Code>";
const INTERNAL: &str = "HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n";
const DENIED: &str =
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\n<Code>AccessDenied</Code>";
const ABSENT: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const EXISTS: &str = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n";
const CONFLICT: &str = "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n";
/// The connection breaks off within the body.
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
/// The connection breaks off without an answer.
const LOST: &str = "";

/// One artifact, and two objects of other programs.
const LISTING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 313\r\n\r\n\
    <Contents><Key>trusted/v1/0a</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>7</Size></Contents>\
    <Contents><Key>backup.tar</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>9</Size></Contents>\
    <Contents><Key>a/b/c</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>9</Size></Contents>";
const LISTING_OF_TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 216\r\n\r\n\
    <Contents><Key>trusted/v1/0a</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>7</Size></Contents>\
    <Contents><Key>trusted/v1/0b</Key><LastModified>2020-01-01T00:00:00Z</LastModified><Size>7</Size></Contents>";

type Requests = Arc<Mutex<Vec<String>>>;

fn settings(address: std::net::SocketAddr) -> S3Settings {
    let mut settings = Settings::default().gateway.s3;
    settings.bucket = Some("bucket".into());
    settings.endpoint = Some(ServerUrl::parse(&format!("http://{address}")).unwrap());
    settings.access_key = Some(Secret::new("AKID"));
    settings.secret_key = Some(Secret::new("s3cret"));
    settings
}

/// A store before a server that answers one request of each connection, and the heads of its requests.
async fn store(answers: &'static [&'static str]) -> (S3Store, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            let head = String::from_utf8_lossy(&bytes).into_owned();
            seen.lock().unwrap().push(head);
            stream
                .write_all(
                    answer
                        .replacen("\r\n", "\r\nConnection: close\r\n", 1)
                        .as_bytes(),
                )
                .await
                .unwrap();
        }
    });
    (S3Store::new(&settings(address)).unwrap(), requests)
}

fn name() -> ObjectName {
    ObjectName {
        namespace: Namespace::trusted(),
        space: Space::Velocity,
        key: Key::parse("0a").unwrap(),
    }
}

fn object() -> S3Object {
    S3Object {
        metadata: upload().1,
        used: SystemTime::now(),
        etag: "\"e\"".into(),
    }
}

fn upload() -> (File, Metadata) {
    let mut spool = Spool::create(&std::env::temp_dir()).unwrap();
    spool.write(b"bytes").unwrap();
    let metadata = Metadata {
        sha256: Checksum([0; 32]),
        size: 5,
        tag: None,
        duration_ms: None,
        signature: None,
    };
    (spool.file().unwrap(), metadata)
}

#[tokio::test]
async fn lookup_is_repeated_until_the_storage_answers() {
    for answers in [&[SLOW_DOWN, INTERNAL, FOUND], &[LOST, LOST, FOUND]] {
        let (store, requests) = store(answers).await;
        let found = store.find(&name()).await.unwrap().unwrap();
        assert_eq!(found.metadata.size, 5);
        let requests = requests.lock().unwrap();
        assert!(requests.len() == 3 && requests.iter().all(|head| head.starts_with("HEAD ")));
    }
    let (absent, _) = store(&[ABSENT]).await;
    assert!(absent.find(&name()).await.unwrap().is_none());
}

#[tokio::test]
async fn failure_is_an_error_and_never_a_miss() {
    for (answers, count, text) in [
        (&[DENIED][..], 1, "403"),
        (&[SLOW_DOWN; 3], 3, "503"),
        (&[INTERNAL; 3], 3, "500"),
        (&[LOST; 3], 3, "reached"),
    ] {
        let (store, requests) = store(answers).await;
        let error = store.find(&name()).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert!(
            !error.contains("AKID") && !error.contains("Signature"),
            "{error}"
        );
        assert_eq!(requests.lock().unwrap().len(), count);
    }
}

#[tokio::test]
async fn upload_knows_its_own_object_after_a_lost_answer() {
    for (answers, outcome) in [
        (&[OK][..], Put::Stored),
        (&[EXISTS], Put::Exists),
        (&[SLOW_DOWN, INTERNAL, OK], Put::Stored),
        (&[CONFLICT, CONFLICT, CONFLICT], Put::Exists),
        (&[CONFLICT, OK], Put::Stored),
        // The record of the object is that of this upload.
        (&[LOST, EXISTS, FOUND], Put::Stored),
        (&[LOST, EXISTS, ABSENT], Put::Exists),
    ] {
        let (store, requests) = store(answers).await;
        let (file, metadata) = upload();
        let put = store.put(&name(), file, &metadata).await.unwrap();
        assert_eq!(put, outcome, "{answers:?}");
        assert_eq!(requests.lock().unwrap().len(), answers.len());
    }
    for (answers, text) in [
        (&[DENIED][..], "403 (AccessDenied)"),
        (&[SLOW_DOWN; 3], "503 (SlowDown)"),
    ] {
        let (store, _) = store(answers).await;
        let (file, metadata) = upload();
        let error = store
            .put(&name(), file, &metadata)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn download_that_breaks_off_is_an_error() {
    let (store, _) = store(&[CUT]).await;
    let mut download = store.get(&name(), &object(), None).await.unwrap().unwrap();
    assert_eq!(
        download.chunk().await.unwrap().as_deref(),
        Some(&b"half"[..])
    );
    assert!(download.chunk().await.is_err());
}

#[tokio::test]
async fn object_is_copied_onto_itself_when_it_is_used() {
    let (store, requests) = store(&[OK]).await;
    let mut object = object();
    assert!(!object.is_touch_due());
    object.used -= Duration::from_secs(2 * 86_400);
    assert!(object.is_touch_due());
    store.touch(&name(), &object).await.unwrap();
    let requests = requests.lock().unwrap();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert!(request.contains("x-amz-copy-source: bucket/trusted/v1/0a\r\n"));
    assert!(request.contains("x-amz-copy-source-if-match: \"e\"\r\n"));
}

#[tokio::test]
async fn part_of_an_object_is_no_whole_object() {
    let (whole, _) = store(&[OK]).await;
    let error = whole.get(&name(), &object(), Some("bytes=1-2")).await;
    assert!(error.unwrap_err().to_string().contains("200"));
    let (replaced, requests) = store(&[EXISTS]).await;
    let found = replaced.get(&name(), &object(), None).await.unwrap();
    assert!(found.is_none());
    assert!(requests.lock().unwrap()[0].contains("if-match: \"e\"\r\n"));
}

#[tokio::test]
async fn slow_storage_takes_an_upload_and_a_silent_one_fails() {
    // Each block comes in time, and all of them take longer than one may.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut store = S3Store::new(&settings(listener.local_addr().unwrap())).unwrap();
    store.idle_timeout = Duration::from_millis(300);
    let size = 32 << 20;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = 0;
        let mut block = vec![0; 1 << 20];
        while received < size {
            received += stream.read(&mut block).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stream.write_all(OK.as_bytes()).await.unwrap();
        // The next ones are accepted and never answered.
        let mut silent = Vec::new();
        loop {
            silent.push(listener.accept().await.unwrap());
        }
    });
    let mut spool = Spool::create_unnamed(&std::env::temp_dir()).unwrap();
    spool.write(&vec![7; size]).unwrap();
    let (_, mut metadata) = upload();
    metadata.size = size as u64;
    let file = || spool.file().unwrap();
    assert_eq!(
        store.put(&name(), file(), &metadata).await.unwrap(),
        Put::Stored
    );
    let error = store.put(&name(), file(), &metadata).await.unwrap_err();
    assert!(error.to_string().contains("not answered"), "{error}");
    serving.abort();
}

#[tokio::test]
async fn cleaning_spares_objects_of_other_programs() {
    let (store, requests) = store(&[LISTING, LISTING, OK]).await;
    let limits = Limits {
        retention: Duration::from_secs(86_400),
        max_bytes: 0,
    };
    let cleaned = store.clean(limits, SystemTime::now()).await.unwrap();
    assert_eq!((cleaned.expired, cleaned.bytes), (1, 0));
    let requests = requests.lock().unwrap();
    assert!(requests[2].starts_with("DELETE /bucket/trusted/v1/0a?"));
}

#[tokio::test]
async fn cleaning_goes_on_after_an_object_that_is_locked() {
    let (store, requests) = store(&[LISTING_OF_TWO, LISTING_OF_TWO, DENIED, OK]).await;
    let limits = Limits {
        retention: Duration::from_secs(86_400),
        max_bytes: 0,
    };
    let cleaned = store.clean(limits, SystemTime::now()).await.unwrap();
    assert_eq!((cleaned.expired, cleaned.bytes), (1, 7));
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[test]
fn name_of_a_bucket_may_have_dots() {
    let mut settings = settings(([127, 0, 0, 1], 1).into());
    settings.bucket = Some("artifacts.example".into());
    settings.path_style = PathStyle::Off;
    let store = S3Store::new(&settings).unwrap();
    assert_eq!(store.bucket, "artifacts.example");
    assert_eq!(store.own.host, "artifacts.example.127.0.0.1:1");
}

#[test]
fn uploads_to_google_pass_through_the_gateway() {
    let mut settings = settings(([127, 0, 0, 1], 1).into());
    assert!(S3Store::new(&settings).unwrap().has_upload_urls());
    settings.endpoint = ServerUrl::parse("https://storage.googleapis.com").ok();
    let store = S3Store::new(&settings).unwrap();
    assert!(store.has_urls() && !store.has_upload_urls());
}
