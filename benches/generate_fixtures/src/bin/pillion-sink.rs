//! The receiver of Sentry's benches, and their threads. `pillion-sink listen` accepts envelopes by HTTP and, on a
//! second port, by length-prefixed frames like a local agent, at full speed, and discards them; `GET /count` returns
//! the number received by HTTP. It ends with its standard input. `pillion-sink storm RUN STATE DSN THREADS SECONDS
//! BYTES` sends from threads of one process, and prints `NS_P50 NS_P99 SENDS_A_SECOND`. `pillion-sink post URL COUNT
//! BYTES` posts ready bytes with the HTTP library of the transport and nothing around it, and prints
//! `POSTS_A_SECOND CPU_US_A_POST`.

use std::{
    env,
    error::Error,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pillion_engine::{
    config::{Dsn, SentrySettings, Settings},
    http_client::install_crypto,
    sentry::{Sentry, SentryDirs},
};

/// Sends per burst: the sender keeps up, and the same memory is written again.
const BURST: usize = 50;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["listen"] => listen(),
        ["storm", run, state, dsn, threads, seconds, bytes] => {
            storm(run, state, dsn, [threads, seconds, bytes])
        }
        ["post", url, count, bytes] => post(url, count, bytes),
        _ => Err("usage: pillion-sink listen | storm RUN STATE DSN THREADS SECONDS BYTES | post URL COUNT BYTES".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pillion-sink: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen() -> Outcome<()> {
    let (http, agent) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let mut stdout = io::stdout();
    writeln!(
        stdout,
        "listening {} {}",
        http.local_addr()?.port(),
        agent.local_addr()?.port()
    )?;
    stdout.flush()?;
    let count = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in http.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || serve(stream, &count));
        }
    });
    thread::spawn(move || {
        for mut stream in agent.incoming().flatten() {
            thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// One connection, kept open until the client closes it.
fn serve(mut stream: TcpStream, count: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 << 10);
    let mut part = [0u8; 64 << 10];
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                n => buffer.extend_from_slice(part.get(..n).unwrap_or_default()),
            }
            continue;
        };
        let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok());
        let whole = end + 4 + length.unwrap_or(0);
        while buffer.len() < whole {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                n => buffer.extend_from_slice(part.get(..n).unwrap_or_default()),
            }
        }
        buffer.drain(..whole);
        let body = if head.starts_with("get ") {
            count.load(Ordering::SeqCst).to_string()
        } else {
            count.fetch_add(1, Ordering::SeqCst);
            "{}".to_owned()
        };
        let length = body.len();
        stream.write_all(
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        )?;
        if head.contains("connection: close") {
            return Ok(());
        }
    }
}

fn storm(run: &str, state: &str, dsn: &str, numbers: [&str; 3]) -> Outcome<()> {
    let [threads, seconds, bytes] = numbers.map(str::parse::<usize>);
    let (threads, seconds, bytes) = (threads?, seconds?, bytes?);
    let settings = SentrySettings {
        dsn: Some(Dsn::parse(dsn)?),
        buffer_size: 1_000_000,
        ..Settings::default().sentry
    };
    let places = SentryDirs {
        run: Some(PathBuf::from(run)),
        state: Some(PathBuf::from(state)),
        ..SentryDirs::default()
    };
    let sentry = Arc::new(Sentry::open(settings, places)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.spawn(Arc::clone(&sentry).run());
    let filler = "x".repeat(bytes.saturating_sub(90));
    let envelope = format!(
        "{{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}}\n{{\"type\":\"event\"}}\n{{\"message\":\"{filler}\"}}\n"
    );
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (sentry, envelope) = (Arc::clone(&sentry), envelope.clone());
            thread::spawn(move || sends(&sentry, envelope.as_bytes(), until))
        })
        .collect();
    let mut took = Vec::new();
    let mut rate = 0.0;
    for worker in workers {
        let mine = worker.join().map_err(|_| "a thread has died")??;
        // Counts the time of sends, without the pauses between bursts.
        rate += mine.len() as f64 / (mine.iter().sum::<u64>() as f64 / 1e9);
        took.extend(mine);
    }
    took.sort_unstable();
    let at = |share: usize| {
        took.get(took.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    writeln!(io::stdout(), "{} {} {rate:.0}", at(50), at(99))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

/// As many requests at a time as the transport has, on a runtime like its own.
fn post(url: &str, count: &str, bytes: &str) -> Outcome<()> {
    install_crypto();
    let (count, bytes) = (count.parse::<i64>()?, bytes.parse::<usize>()?);
    let settings = Settings::default().sentry;
    let (url, body) = (reqwest::Url::parse(url)?, vec![b'x'; bytes]);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(settings.timeout)
        .build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let (left, begun, cpu) = (Arc::new(AtomicI64::new(count)), Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..settings.workers)
        .map(|_| {
            let (client, url, body) = (client.clone(), url.clone(), body.clone());
            let left = Arc::clone(&left);
            runtime.spawn(async move {
                while left.fetch_sub(1, Ordering::SeqCst) > 0 {
                    let post = client.post(url.clone()).body(body.clone());
                    post.send().await?.bytes().await?;
                }
                Ok::<(), reqwest::Error>(())
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_time() - cpu);
    let count = count as f64;
    writeln!(
        io::stdout(),
        "{} {}",
        count / took,
        cpu.as_secs_f64() * 1e6 / count
    )?;
    Ok(())
}

/// The processor time of this process.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Nanoseconds of each send.
fn sends(sentry: &Sentry, envelope: &[u8], until: Instant) -> Outcome<Vec<u64>> {
    let mut took = Vec::new();
    while Instant::now() < until {
        for _ in 0..BURST {
            let begun = Instant::now();
            if !sentry.send(envelope, None)? {
                return Err("the outbox is full".into());
            }
            took.push(begun.elapsed().as_nanos() as u64);
        }
        while sentry.queued() > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(500));
        }
    }
    Ok(took)
}
