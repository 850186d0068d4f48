//! `pillion top` in a pipe and in a terminal.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::test_host::TestHost;

const LEAVE: &str = "\x1b[?1049l";

/// The program in a terminal.
struct Top {
    child: Child,
    terminal: File,
    output: Receiver<Vec<u8>>,
    /// Keeps the terminal after the end of the program.
    program_side: OwnedFd,
    shown: String,
}

impl Top {
    fn start(host: &TestHost, environment: &[(&str, &str)]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        resize(&side, 120, 30);
        let stdio = || Stdio::from(side.try_clone().unwrap());
        let child = host
            .command("top", &[])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        let terminal = File::from(terminal);
        let mut reader = terminal.try_clone().unwrap();
        let (sender, output) = channel();
        // Ends with the terminal.
        thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Self {
            child,
            terminal,
            output,
            program_side: side,
            shown: String::new(),
        }
    }

    /// Reads until the text is shown, from the end of the last one on.
    fn until(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "no {text:?}: {:?}",
                self.shown
            );
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(50)) {
                self.shown += &String::from_utf8_lossy(&bytes);
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether the terminal shows typed letters.
    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.program_side).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    fn ended(&mut self) -> ExitStatus {
        self.until(LEAVE);
        self.child.wait().unwrap()
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(side: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(side, size).unwrap();
}

#[test]
fn in_a_pipe_it_prints_one_snapshot_of_all_workers() {
    let host = TestHost::new(500);
    let (code, text) = host.run("top", &["--sort", "requests"]);
    assert_eq!(code, 0);
    assert!(!text.contains('\x1b'), "{text}");
    let workers: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("/page/"))
        .collect();
    assert_eq!(workers.len(), 500);
    assert!(workers[0].ends_with("GET /page/500"), "{}", workers[0]);
    assert!(text.contains("500 (500 busy)"), "{text}");
}

#[test]
fn keys_sort_and_scroll_and_q_restores_the_terminal() {
    let host = TestHost::new(100);
    let mut top = Top::start(&host, &[]);
    assert!(top.echoes());
    let picture = top.until("/page/90\u{1b}");
    assert!(
        picture.contains("/page/100\u{1b}"),
        "the oldest request is first: {picture:?}"
    );
    assert!(!top.echoes());
    top.press("n");
    top.until("/page/1\u{1b}");
    top.press("\x1b[F");
    top.until("/page/100\u{1b}");
    // The last row of the terminal is the last worker.
    top.press("i\x1b[H");
    top.until("/page/100\u{1b}");
    top.press("q");
    assert!(top.ended().success());
    assert!(top.echoes());
}

#[test]
fn each_signal_that_ends_it_restores_the_terminal() {
    let host = TestHost::new(1);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut top = Top::start(&host, &[]);
        top.until("/page/1\u{1b}");
        assert!(!top.echoes());
        top.signal(signal);
        assert!(top.ended().success(), "{signal:?}");
        assert!(top.echoes(), "{signal:?}");
    }
}

#[test]
fn it_stops_and_continues_as_the_user_asks() {
    let host = TestHost::new(1);
    let mut top = Top::start(&host, &[]);
    top.until("/page/1\u{1b}");
    top.signal(Signal::TSTP);
    top.until(LEAVE);
    let begin = Instant::now();
    while !top.echoes() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
    // It has stopped, or is about to.
    thread::sleep(Duration::from_millis(50));
    top.signal(Signal::CONT);
    top.until("\x1b[?1049h");
    top.until("/page/1\u{1b}");
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn picture_follows_the_size_of_the_terminal() {
    let host = TestHost::new(100);
    let mut top = Top::start(&host, &[]);
    top.until("/page/100\u{1b}");
    resize(&top.program_side, 40, 8);
    top.signal(Signal::WINCH);
    top.until("\x1b[J");
    let picture = top.until("\x1b[J");
    let picture = picture.strip_prefix("\x1b[H").unwrap();
    assert_eq!(picture.split("\r\n").count(), 8, "{picture:?}");
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn no_color_switches_styles_off() {
    let host = TestHost::new(1);
    let mut top = Top::start(&host, &[("NO_COLOR", "1")]);
    let picture = top.until("/page/1\u{1b}");
    assert!(!picture.contains("\x1b[7m") && !picture.contains("\x1b[1m"));
    top.press("q");
    top.ended();
    let mut top = Top::start(&host, &[]);
    assert!(top.until("/page/1\u{1b}").contains("\x1b[7m"));
}
