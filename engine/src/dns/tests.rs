//! Against name servers on loopback addresses that answer by a table.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{net::UdpSocket, task::JoinHandle};

use super::*;

/// A directory with both files, and the resolver over them.
struct Machine {
    dir: tempfile::TempDir,
    files: Dns,
}

impl Machine {
    fn new(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Dns::new(
            dir.path().join("resolv.conf"),
            dir.path().join("hosts"),
            port,
        );
        Self { dir, files }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    async fn find(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        self.files.0.addresses(host).await
    }
}

/// A name server on 127.0.0.`last` that knows these names and has them all at 192.0.2.`last`; it keeps what it was
/// asked.
struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    async fn start(last: u8, port: u16, known: &'static [&'static str]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), port)).await;
        let socket = socket.unwrap();
        let port = socket.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut query = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut query).await.unwrap();
                let (answer, name) = answer(&query[..length], known, last);
                seen.lock().unwrap().push(name);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self { asked, port, task }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.dedup();
        asked
    }
}

/// RFC 1035, section 4: the header, the question as it came, and one record or none.
fn answer(query: &[u8], known: &[&str], last: u8) -> (Vec<u8>, String) {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    let name = labels.join(".");
    let (is_known, is_a) = (known.contains(&name.as_str()), query[at + 2] == 1);
    let has_record = u8::from(is_known && is_a);
    let mut answer = query[..2].to_vec();
    answer.extend([
        0x81,
        if is_known { 0x80 } else { 0x83 },
        0,
        1,
        0,
        has_record,
        0,
        0,
        0,
        0,
    ]);
    answer.extend(&query[12..at + 5]);
    if has_record == 1 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
    }
    (answer, name)
}

#[test]
fn a_file_without_name_servers_means_this_machine_and_no_other() {
    let _inside = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _inside = _inside.enter();
    for text in [
        "",
        "# nothing yet\n",
        "nameserver\nnameserver nonsense\n",
        "search a..b\n",
        "\u{0}\n",
    ] {
        let servers = Servers::new(text.as_bytes(), None, 53).unwrap();
        assert_eq!(servers.list.len(), 1, "{text}");
        assert_eq!(servers.list[0].ip, Ipv4Addr::LOCALHOST, "{text}");
    }
    let many: String = (1..9)
        .map(|n| format!("nameserver 192.0.2.{n}\n"))
        .collect();
    assert_eq!(
        Servers::new(many.as_bytes(), None, 53).unwrap().list.len(),
        MAX_SERVERS
    );
}

#[tokio::test]
async fn a_change_of_either_file_is_seen_by_the_next_lookup() {
    let own = NameServer::start(1, 0, &[]).await;
    let server = NameServer::start(2, own.port, &["sentry.internal"]).await;
    let machine = Machine::new(server.port);
    // Neither file is there.
    assert!(machine.find("sentry.internal").await.is_err());
    assert_eq!(own.asked()[0], "sentry.internal");
    machine.write("resolv.conf", "# the network is not up\n");
    assert!(machine.find("sentry.internal").await.is_err());
    assert!(server.asked().is_empty());
    machine.write("resolv.conf", "nameserver 127.0.0.2\n");
    let found = machine.find("sentry.internal").await.unwrap();
    assert_eq!(found, [IpAddr::from([192, 0, 2, 2])]);
    let asked = server.asked();
    machine.write("hosts", "192.0.2.77 sentry.internal build\n");
    for host in ["sentry.internal", "build"] {
        assert_eq!(
            machine.find(host).await.unwrap(),
            [IpAddr::from([192, 0, 2, 77])]
        );
    }
    assert_eq!(server.asked(), asked, "a listed host is asked of no server");
    fs::remove_file(machine.dir.path().join("hosts")).unwrap();
    // A file that takes its place by rename, with the same text, is another one.
    machine.write("new", "nameserver 127.0.0.1\n");
    fs::rename(
        machine.dir.path().join("new"),
        machine.dir.path().join("resolv.conf"),
    )
    .unwrap();
    assert!(machine.find("sentry.internal").await.is_err());
}

#[tokio::test]
async fn the_first_server_that_answers_has_the_last_word() {
    let first = NameServer::start(4, 0, &["sentry.internal"]).await;
    let second = NameServer::start(5, first.port, &["public.example"]).await;
    let machine = Machine::new(first.port);
    machine.write(
        "resolv.conf",
        "nameserver 127.0.0.4\nnameserver 127.0.0.5\noptions timeout:1\n",
    );
    assert_eq!(
        machine.find("sentry.internal").await.unwrap(),
        [IpAddr::from([192, 0, 2, 4])]
    );
    assert!(
        machine.find("public.example").await.is_err(),
        "the first one knows that there is none"
    );
    assert!(second.asked().is_empty(), "{:?}", second.asked());
    drop(first);
    assert_eq!(
        machine.find("public.example").await.unwrap(),
        [IpAddr::from([192, 0, 2, 5])]
    );
}

#[tokio::test]
async fn a_client_connects_to_the_address_that_was_found() {
    let http = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = http.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = http.accept().await.unwrap();
        let mut head = [0; 512];
        let length = stream.read(&mut head).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let machine = Machine::new(1);
    machine.write("hosts", "127.0.0.1 build-host\n");
    crate::http_client::install_crypto();
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(machine.files.clone())
        .tls_certs_only([]);
    let url = format!("http://build-host:{}/", address.port());
    let answer = client.build().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert!(server.await.unwrap().contains("host: build-host:"));
}
