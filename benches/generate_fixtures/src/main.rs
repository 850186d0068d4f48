//! `pillion-fixtures DIR RUN_DIR COUNT CAPACITY index|disk|writes`: an artifact cache with COUNT generated entries, for
//! the benches. `index`: in the index alone, which takes a second for a million; `disk`: with files and `index.json`
//! too; `writes`: changes the index of such a cache at full speed until it is killed. A separate program, so that PHP
//! opens the cache of another process.

use std::process::ExitCode;

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

fn number(text: &str) -> Result<u32> {
    let wrong = |_| Error::Config(format!("{text}: not a number of entries"));
    text.parse().map_err(wrong)
}
