//! One process of the outbox' scenarios, running `sender.php`.

use std::{process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

/// Far more than any step takes.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(90);

/// One sender process.
pub struct Sender {
    pub number: u64,
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub lines: Lines<BufReader<ChildStdout>>,
}

impl Sender {
    /// Waits until it prints that line. Returns `false` if it has ended, or takes too long.
    pub async fn hear(&mut self, wanted: &str) -> bool {
        let heard = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                if line == wanted {
                    return true;
                }
            }
            false
        };
        timeout(STEP_TIMEOUT, heard).await.unwrap_or(false)
    }

    /// Sends it a line.
    pub async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    /// Its exit status, if it ends within that time.
    pub async fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        timeout(within, self.child.wait()).await.ok()?.ok()
    }
}
