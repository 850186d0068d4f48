//! `pillion top`: workers, builds and totals of the host, again each second. Reads the files of the host, as `pillion
//! status` does. One thread draws; another one reads the keys.

mod columns;
mod frame;
mod head;
mod keys;
mod sort;
mod terminal;

use std::time::Duration;

use clap::Args;
use log::LevelFilter;
use pillion_engine::{Result, engine::Engine, error::IoContext};
use serde_json::Value;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{log_level::log_level, output::print, setting_arguments::SettingArguments, status};
use frame::View;
use keys::Key;
pub use sort::Sort;
use terminal::{Size, Terminal};

/// The pause between two readings.
const INTERVAL: Duration = Duration::from_secs(1);
/// The width of a snapshot that no terminal shows.
const SNAPSHOT_WIDTH: usize = 200;

const AFTER_HELP: &str = "\
Run it as the user of PHP, which owns the files. Settings come from --config, -d and the environment, as in PHP; php.ini \
is not read.

Keys: q quits; left and right, or a (age), m (memory), r (requests), p (p99), n (pid), change the order; i reverses it; \
up, down, page up, page down, home and end scroll. Where standard output is no terminal it prints one snapshot. \
NO_COLOR switches colours off.";

/// Watch workers, builds and totals of this host
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    settings: SettingArguments,

    /// Order of the workers
    #[arg(long, value_enum, default_value = "age")]
    sort: Sort,

    /// Print one snapshot
    #[arg(long)]
    once: bool,

    /// Level of the log on standard error
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true, default_value = "off")]
    log_level: LevelFilter,
}

/// Shows the host until `q` or a signal.
///
/// # Errors
/// A directory or the terminal is unusable.
pub fn run(arguments: Arguments) -> Result<()> {
    let engine = status::open(&arguments.settings, arguments.log_level, "top")?;
    let view = View::new(arguments.sort);
    if arguments.once || !terminal::is_usable() {
        return snapshot(&engine, &view);
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "the runtime can't be started")?;
    runtime.block_on(watch(&engine, view))
}

fn snapshot(engine: &Engine, view: &View) -> Result<()> {
    let lines = view.lines(&state(engine), SNAPSHOT_WIDTH, usize::MAX, false);
    let text: String = lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    print(&text)
}

/// The parts of the state that it shows: no view that scans.
fn state(engine: &Engine) -> Value {
    let mut workers = engine.workers_view();
    serde_json::json!({
        "overview": engine.overview(),
        "workers": workers.get_mut("workers").map(Value::take),
        "builds": engine.builds_view(),
    })
}

/// Signals that end the program, stop it for a while, or change the size of the terminal.
struct Signals {
    ends: [Signal; 4],
    stop: Signal,
    resize: Signal,
}

/// The events of the loop.
enum Event {
    Key(Key),
    Tick,
    Resize,
    Stop,
    End,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        // SIGTSTP, which tokio has no name for.
        const STOP: i32 = 20;
        Ok(Self {
            ends: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
            stop: signal(SignalKind::from_raw(STOP))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self, keys: &mut mpsc::Receiver<Key>, tick: Instant) -> Event {
        let [one, two, three, four] = &mut self.ends;
        tokio::select! {
            biased;
            _ = one.recv() => Event::End,
            _ = two.recv() => Event::End,
            _ = three.recv() => Event::End,
            _ = four.recv() => Event::End,
            _ = self.stop.recv() => Event::Stop,
            _ = self.resize.recv() => Event::Resize,
            // Without a terminal as standard input there are no keys.
            Some(key) = keys.recv() => Event::Key(key),
            () = sleep_until(tick) => Event::Tick,
        }
    }
}

async fn watch(engine: &Engine, mut view: View) -> Result<()> {
    let mut signals = Signals::new().context(|| "signals can't be received")?;
    let terminal = Terminal::open()?;
    let mut keys = keys::read();
    let mut current = state(engine);
    let mut tick = Instant::now() + INTERVAL;
    loop {
        let Size { columns, rows } = terminal.size();
        view.fit(&current, columns, rows);
        let lines = view.lines(&current, columns, rows, terminal.has_colours());
        terminal.draw(&lines)?;
        match signals.next(&mut keys, tick).await {
            Event::End | Event::Key(Key::Quit) => return Ok(()),
            Event::Key(key) => view.apply(key),
            Event::Resize => {}
            Event::Stop => terminal.suspend()?,
            Event::Tick => {
                current = state(engine);
                tick = Instant::now() + INTERVAL;
            }
        }
    }
}
