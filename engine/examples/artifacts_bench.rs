//! Measures the artifact store of this machine: lookups, the first one after start, copying and
//! hashing, commits. `cargo run --release -p pillion-engine --features fixture --example artifacts_bench`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    fs::File,
    hint::black_box,
    io::Write as _,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use pillion_engine::artifacts::{
    Clock, CommitMeta, ConfigDigest, Key, Store, StoreOptions,
    fixture::{self, Target},
};
use sha2::{Digest as _, Sha256};

const BINARY: u64 = 50 << 20;

fn main() {
    let scratch = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/bench-artifacts".to_owned());
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).unwrap();
    let scratch = Path::new(&scratch).canonicalize().unwrap();
    let shm = Path::new("/dev/shm").join(format!("pillion-bench-{}", std::process::id()));
    std::fs::create_dir_all(&shm).unwrap();

    for count in [16_384, 1_000_000] {
        lookups(&scratch, &shm, count);
    }
    first_lookup(&scratch, &shm);
    copying(&scratch, &shm);
    let _ = std::fs::remove_dir_all(shm);
    let _ = std::fs::remove_dir_all(scratch);
}

fn options(scratch: &Path, shm: &Path, name: &str, count: u32) -> StoreOptions {
    let mut options = StoreOptions::new(scratch.join(name), shm);
    options.max_entries = count;
    options
}

/// Best of nine: what the machine can do when nobody else is at it.
fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..9).map(|_| run()).min().unwrap()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn lookups(scratch: &Path, shm: &Path, count: u32) {
    let options = options(scratch, shm, &format!("lookups-{count}"), count);
    let start = Instant::now();
    let store = fixture::fill(options, count, Target::Index).unwrap();
    let mapped = store.stats().index_bytes;
    println!(
        "{count} entries: {mapped} bytes mapped, filled in {:.0} ms",
        ms(start.elapsed())
    );
    let mut order: Vec<Key> = (0..count).map(fixture::key).collect();
    shuffle(&mut order);
    let misses: Vec<Key> = order.iter().map(|key| Key(key.0 ^ 1)).collect();
    let warm = vec![order[0]; 100_000];
    let find = |key: Key| store.find(key).map_or(0, |record| record.size);
    // The first round notes the uses.
    chain("", &order, find);
    chain("warm key", &warm, find);
    chain("random hits", &order, find);
    chain("random misses", &misses, find);

    // What the machine asks for one look at that much memory, whatever is done with it.
    let floor: Vec<AtomicU64> = (0..mapped / 8).map(|n| AtomicU64::new(n as u64)).collect();
    let slots = floor.len() / 12;
    chain(
        "a random look at 96 bytes of as much private memory",
        &order,
        |key| {
            let slot = ((u128::from(key.0) * slots as u128) >> 64) as usize * 12;
            let words = &floor[slot..slot + 12];
            words
                .iter()
                .map(|word| word.load(Relaxed))
                .fold(0, |all, word| all | word)
        },
    );
}

/// Each lookup begins when the one before is done, as in PHP. In pieces, since others use the
/// processor too: the fastest piece is what the machine can do, the median what it does today.
fn chain(what: &str, keys: &[Key], find: impl Fn(Key) -> u64) {
    // That it is always 0 is not for the compiler to know.
    let (mut last, nothing) = (0, black_box(0));
    let mut times: Vec<f64> = keys
        .chunks(1000)
        .map(|keys| {
            let start = Instant::now();
            for key in keys {
                last = find(Key(key.0 ^ last)) & nothing;
            }
            start.elapsed().as_secs_f64() * 1e9 / keys.len() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    if !what.is_empty() {
        println!(
            "  {what}: {:.1} ns, median {:.1}",
            times[0],
            times[times.len() / 2]
        );
    }
}

fn shuffle(keys: &mut [Key]) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for at in (1..keys.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        keys.swap(at, (state % (at as u64 + 1)) as usize);
    }
}

fn first_lookup(scratch: &Path, shm: &Path) {
    let options = options(scratch, shm, "first", 16_384);
    let start = Instant::now();
    let store = fixture::fill(options.clone(), 10_000, Target::Disk { binary_size: 1000 }).unwrap();
    println!(
        "10000 on disk: written and scanned in {:.0} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    println!(
        "  scan anew: {:.0} ms",
        best(|| clock(|| store.rebuild().unwrap())).as_secs_f64() * 1e3
    );
    println!(
        "  nothing to prepare: {:.1} us",
        best(|| clock(|| store.prepare().unwrap())).as_secs_f64() * 1e6
    );
    println!(
        "  index.json written: {:.0} ms",
        clock(|| store.export().unwrap()).as_secs_f64() * 1e3
    );
    let key = fixture::key(77);
    let ours = best(|| {
        clock(|| {
            let store = Store::attach(options.clone(), Clock::System).unwrap();
            store.find(key).unwrap()
        })
    });
    let file = options.dir.join("index.json");
    let peer = best(|| {
        clock(|| {
            let bytes = std::fs::read(&file).unwrap();
            serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
        })
    });
    println!(
        "  attach and first lookup: {:.1} us; index.json ({} bytes) decoded in Rust: {:.1} ms",
        ours.as_secs_f64() * 1e6,
        file.metadata().unwrap().len(),
        peer.as_secs_f64() * 1e3
    );
}

fn clock<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

fn copying(scratch: &Path, shm: &Path) {
    let source = scratch.join("binary");
    let mut file = File::create(&source).unwrap();
    let mut state = 1u64;
    for _ in 0..BINARY / 4096 {
        let mut page = [0u8; 4096];
        for word in page.chunks_exact_mut(8) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&page).unwrap();
    }
    file.sync_all().unwrap();
    let bytes = std::fs::read(&source).unwrap();
    let hashed = best(|| clock(|| Sha256::digest(&bytes)));
    println!(
        "sha256 in memory: {:.2} GB/s",
        BINARY as f64 / hashed.as_secs_f64() / 1e9
    );

    let store = Store::open(options(scratch, shm, "copy", 64)).unwrap();
    let source_file = File::open(&source).unwrap();
    let copied = best(|| {
        let mut staging = store.stage().unwrap();
        clock(|| staging.copy_from(&source_file, BINARY, || false).unwrap())
    });
    let mut commit = Duration::MAX;
    let both = best(|| {
        let start = Instant::now();
        let mut staging = store.stage().unwrap();
        staging.copy_from(&source_file, BINARY, || false).unwrap();
        commit = commit.min(clock(|| store.commit(staging, meta()).unwrap()));
        start.elapsed()
    });
    let target = scratch.join("copy-by-cp");
    let cp = best(|| {
        let _ = std::fs::remove_file(&target);
        clock(|| {
            Command::new("cp")
                .arg("--reflink=never")
                .arg(&source)
                .arg(&target)
                .status()
                .unwrap()
        })
    });
    let sum = best(|| clock(|| Command::new("sha256sum").arg(&target).output().unwrap()));
    let sync = best(|| {
        let _ = std::fs::remove_file(&target);
        Command::new("cp")
            .arg(&source)
            .arg(&target)
            .status()
            .unwrap();
        clock(|| Command::new("sync").arg(&target).status().unwrap())
    });
    println!(
        "50 MB copied and hashed: {:.1} ms; cp {:.1} ms + sha256sum {:.1} ms",
        ms(copied),
        ms(cp),
        ms(sum)
    );
    println!(
        "  staged, synced and committed: {:.1} ms (commit alone {:.1} ms; sync of cp's copy {:.1} ms)",
        ms(both),
        ms(commit),
        ms(sync)
    );
    let small = best(|| {
        let mut staging = store.stage().unwrap();
        staging.write_all(b"small").unwrap();
        clock(|| store.commit(staging, meta()).unwrap())
    });
    println!("  commit of a small artifact: {:.2} ms", ms(small));
}

fn meta() -> CommitMeta {
    let config = fixture::config(1);
    CommitMeta {
        key: fixture::key(1),
        digest: ConfigDigest::of_value(&config),
        config,
        build_ms: 1,
        ttl: Duration::from_secs(3600),
        replace: true,
    }
}
