//! `pillion-fixtures DIR RUN_DIR COUNT CAPACITY index|disk|writes`: an artifact cache with COUNT generated entries, for
//! the benches. `index`: in the index alone, which takes a second for a million; `disk`: with files and `index.json`
//! too; `writes`: changes the index of such a cache at full speed until it is killed. A separate program, so that PHP
//! opens the cache of another process. `pillion-fixtures chase FILE`: prints the nanoseconds of a random read from a
//! mapped file; each address depends on the previous read. The lower bound of a lookup.

use std::{
    fs::File,
    io::{self, Write as _},
    process::ExitCode,
    time::Instant,
};

use pillion_engine::{
    Error, Result,
    artifacts::{
        Clock, Store, StoreOptions,
        fixture::{self, Target},
    },
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a program of the command line")]
            {
                eprintln!("pillion-fixtures: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    if let [command, file] = arguments
        && command == "chase"
    {
        return chase(file).map_err(|error| Error::State(error.to_string()));
    }
    let [dir, run_dir, count, capacity, place] = arguments else {
        return Err(Error::Config(
            "usage: pillion-fixtures DIR RUN_DIR COUNT CAPACITY index|disk|writes".into(),
        ));
    };
    let mut options = StoreOptions::new(dir, run_dir);
    options.max_entries = number(capacity)?;
    let target = match place.as_str() {
        "index" => Target::Index,
        "disk" => Target::Disk { binary_size: 64 },
        "writes" => {
            fixture::write_continuously(&Store::attach(options, Clock::System)?, number(count)?);
            return Err(Error::State("the index can't be changed".into()));
        }
        other => return Err(Error::Config(format!("{other}: index, disk or writes"))),
    };
    let store = fixture::fill(options, number(count)?, target)?;
    if matches!(target, Target::Disk { .. }) {
        store.export()?;
    }
    Ok(())
}

/// Reads one word of each cache line that the addresses visit, as often as a second takes.
fn chase(path: &str) -> io::Result<()> {
    // SAFETY: the bench changes the file no more.
    let map = unsafe { memmap2::MmapOptions::new().map(&File::open(path)?)? };
    let (lines, _) = map.as_chunks::<64>();
    let begun = Instant::now();
    let (mut at, mut steps) = (1usize, 0u32);
    while steps % 4096 != 0 || begun.elapsed().as_secs() < 1 {
        // The addend hides from the compiler that the content is not used otherwise.
        let read = lines.get(at % lines.len()).map_or(0, |line| line[7]);
        at = at
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(1 + usize::from(read));
        at ^= at >> 29;
        steps += 1;
    }
    let each = begun.elapsed().as_nanos() as f64 / f64::from(steps);
    writeln!(io::stdout(), "{each:.1} {}", at & 1)
}

fn number(text: &str) -> Result<u32> {
    let wrong = |_| Error::Config(format!("{text}: not a number of entries"));
    text.parse().map_err(wrong)
}
