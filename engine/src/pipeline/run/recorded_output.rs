//! The output of a command as it is stored with its result: the end of it, where summaries and warnings are. On the
//! thread of the task.

use crate::pipeline::archive::MAX_LOG;

/// Bytes for the line about what is left out.
const REMARK: usize = 64;

/// The end of a command's output.
#[derive(Debug, Default)]
pub(super) struct RecordedOutput {
    bytes: Vec<u8>,
    left_out: usize,
}

impl RecordedOutput {
    /// Adds output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * MAX_LOG {
            self.shorten();
        }
    }

    /// All of it, or a line that says what is left out, and whole lines, in at most [`MAX_LOG`] bytes.
    pub fn finish(mut self) -> Vec<u8> {
        if self.left_out == 0 && self.bytes.len() <= MAX_LOG {
            return self.bytes;
        }
        self.shorten();
        let mut log = format!("[{} bytes before are left out]\n", self.left_out).into_bytes();
        log.append(&mut self.bytes);
        log
    }

    fn shorten(&mut self) {
        let excess = self.bytes.len().saturating_sub(MAX_LOG - REMARK);
        let rest = self.bytes.get(excess..).unwrap_or_default();
        let line = rest.iter().position(|byte| *byte == b'\n');
        let cut = excess + line.filter(|_| excess > 0).map_or(0, |end| end + 1);
        self.left_out += self.bytes.drain(..cut).len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(lines: usize) -> Vec<u8> {
        let mut output = RecordedOutput::default();
        for number in 0..lines {
            output.push(format!("line {number:06}\n").as_bytes());
        }
        output.finish()
    }

    #[test]
    fn short_output_is_kept_as_it_is() {
        assert_eq!(recorded(2), b"line 000000\nline 000001\n");
        let mut output = RecordedOutput::default();
        output.push(b"no line end");
        assert_eq!(output.finish(), b"no line end");
        assert_eq!(RecordedOutput::default().finish(), b"");
    }

    #[test]
    fn of_long_output_the_last_lines_are_kept() {
        let lines = 400_000;
        let log = String::from_utf8(recorded(lines)).unwrap();
        assert!(
            log.len() <= MAX_LOG && log.len() > MAX_LOG - 256,
            "{}",
            log.len()
        );
        let (remark, rest) = log.split_once('\n').unwrap();
        assert_eq!(
            remark,
            format!("[{} bytes before are left out]", lines * 12 - rest.len())
        );
        assert!(rest.starts_with("line ") && rest.ends_with("line 399999\n"));
    }

    #[test]
    fn one_long_line_is_cut() {
        let mut output = RecordedOutput::default();
        output.push(&vec![b'x'; 3 * MAX_LOG]);
        let log = output.finish();
        assert!(log.len() <= MAX_LOG && log.ends_with(b"xxx") && log.starts_with(b"["));
    }
}
