//! The terminal: its other screen without echo, which is left however the program ends, killed ones apart. On the main
//! thread.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use pillion_engine::{Result, error::IoContext};
use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
    },
};

/// The other screen, without a cursor and without line breaks in long lines.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Columns and rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// The terminal on its other screen. Dropping it restores the terminal.
pub(super) struct Terminal {
    /// The modes before; `None` if standard input is no terminal.
    before: Option<Termios>,
}

/// Whether standard output is a terminal that can move its cursor.
pub(super) fn is_usable() -> bool {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !is_dumb
}

impl Terminal {
    /// Switches to the other screen.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open() -> Result<Self> {
        let before = tcgetattr(io::stdin()).ok();
        let terminal = Self { before };
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&self) -> Result<()> {
        if let Some(before) = &self.before {
            let mut modes = before.clone();
            // Signals of keys stay.
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(io::stdin(), OptionalActions::Flush, &modes)
                .map_err(io::Error::from)
                .context(|| "setting the terminal's modes")?;
        }
        write(ENTER)
    }

    fn leave(&self) {
        // The terminal may be gone.
        let _ = write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }

    /// Stops the process, as the user has asked, with the terminal restored; goes on when the process continues.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn suspend(&self) -> Result<()> {
        self.leave();
        kill_process(getpid(), Signal::STOP)
            .map_err(io::Error::from)
            .context(|| "stopping the process")?;
        self.enter()
    }

    /// The present size.
    pub(super) fn size(&self) -> Size {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(
            Size {
                columns: 80,
                rows: 24,
            },
            |size| Size {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
        )
    }

    /// Whether it shows colours.
    pub(super) fn has_colours(&self) -> bool {
        env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Draws the lines from the first row on.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn draw(&self, lines: &[String]) -> Result<()> {
        let mut frame = String::from("\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                frame.push_str("\r\n");
            }
            frame.push_str(line);
            frame.push_str("\x1b[K");
        }
        frame.push_str("\x1b[J");
        write(&frame)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

fn write(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written
        .and_then(|()| stdout.flush())
        .context(|| "writing to the terminal")
}
