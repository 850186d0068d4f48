//! Commands as clients send them: arrays of texts.

use std::io::{self, BufRead};

/// Answers with the error in its argument.
const FAILS: &str = "return redis.error_reply(ARGV[1])";

/// The words of a command.
#[derive(Debug)]
pub struct Command(Vec<Vec<u8>>);

impl Command {
    /// Reads the next command; `None`: the client has left.
    pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(count) = number(stream)? else {
            return Ok(None);
        };
        let mut words = Vec::new();
        for _ in 0..count {
            let length = number(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let mut word = vec![0; length + 2];
            stream.read_exact(&mut word)?;
            word.truncate(length);
            words.push(word);
        }
        Ok(Some(Self(words)))
    }

    /// A command to which a Redis answers with this error.
    pub fn that_fails(error: &str) -> Self {
        let words = ["EVAL", FAILS, "0", error];
        Self(words.map(|word| word.as_bytes().to_vec()).to_vec())
    }

    /// A word in capitals; empty beyond the last one.
    pub fn word(&self, number: usize) -> String {
        let word = self.0.get(number).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(word).to_ascii_uppercase()
    }

    /// The words from one on, in capitals.
    pub fn rest(&self, from: usize) -> Vec<String> {
        (from..self.0.len()).map(|n| self.word(n)).collect()
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", self.0.len()).into_bytes();
        for word in &self.0 {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
}

/// The number in a line after its type; `None` at the end.
fn number(stream: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let number = line.get(1..).and_then(|number| number.trim().parse().ok());
    number.map(Some).ok_or(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_read_and_sent_unchanged() {
        let sent = b"*2\r\n$3\r\nGET\r\n$3\r\n\r\n\xff\r\n";
        let mut stream = sent.as_slice();
        let command = Command::read(&mut stream).unwrap().unwrap();
        assert_eq!(
            (command.word(0), command.bytes()),
            ("GET".into(), sent.to_vec())
        );
        assert!(Command::read(&mut stream).unwrap().is_none());
        assert!(Command::read(&mut b"GET key\r\n".as_slice()).is_err());
    }
}
