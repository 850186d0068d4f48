//! What Dragonfly refuses and a Redis does not, as far as a client of a cache may use it, with Dragonfly's texts
//! (version 1.40): most options of `CLIENT TRACKING`, some parts of `CLIENT`, scripts that use keys which they do not
//! declare.

use super::command::Command;

/// Parts of `CLIENT`.
const CLIENT: [&str; 11] = [
    "SETNAME", "GETNAME", "LIST", "PAUSE", "UNPAUSE", "TRACKING", "KILL", "CACHING", "SETINFO",
    "ID", "HELP",
];

/// One connection.
#[derive(Debug, Default)]
pub struct Dragonfly {
    is_resp3: bool,
}

impl Dragonfly {
    /// The error with which a command is answered; `None`: it is not refused.
    pub fn refusal(&mut self, command: &Command) -> Option<String> {
        match command.word(0).as_str() {
            "HELLO" => {
                self.is_resp3 = command.word(1) == "3";
                None
            }
            "CLIENT" => match command.word(1).as_str() {
                "TRACKING" => self.tracking_refusal(&command.rest(2)),
                part if CLIENT.contains(&part) => None,
                part => Some(format!(
                    "ERR Unknown subcommand or wrong number of arguments for '{part}'. Try CLIENT HELP."
                )),
            },
            "EVAL" if command.word(1).contains("REDIS.CALL") && command.word(2) == "0" => {
                Some("ERR script tried accessing undeclared key".into())
            }
            "FUNCTION" | "FCALL" | "FCALL_RO" => {
                Some(format!("ERR unknown command `{}`", command.word(0)))
            }
            _ => None,
        }
    }

    fn tracking_refusal(&self, options: &[String]) -> Option<String> {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let is_known = matches!(
            options.as_slice(),
            ["ON" | "OFF"]
                | ["ON" | "OFF", "OPTIN" | "OPTOUT" | "NOLOOP"]
                | ["ON" | "OFF", "OPTIN" | "OPTOUT", "NOLOOP"]
        );
        match (self.is_resp3, is_known) {
            (false, _) => Some(
                "ERR Client tracking is currently not supported for RESP2. Please use RESP3."
                    .into(),
            ),
            (true, false) => Some("ERR syntax error".into()),
            (true, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_dragonfly_lacks_are_refused() {
        let command = |text: &str| {
            let words: Vec<_> = text.split(' ').collect();
            let mut bytes = format!("*{}\r\n", words.len());
            for word in words {
                bytes += &format!("${}\r\n{word}\r\n", word.len());
            }
            Command::read(&mut bytes.as_bytes()).unwrap().unwrap()
        };
        let mut dragonfly = Dragonfly::default();
        let refused = dragonfly.refusal(&command("CLIENT TRACKING ON"));
        assert!(refused.unwrap().contains("RESP2"));
        assert_eq!(dragonfly.refusal(&command("HELLO 3")), None);
        for (text, is_refused) in [
            ("client tracking on noloop", false),
            ("CLIENT TRACKING ON OPTIN NOLOOP", false),
            ("CLIENT TRACKING ON BCAST PREFIX shop:", true),
            ("CLIENT TRACKING ON REDIRECT 7", true),
            ("CLIENT NO-EVICT on", true),
            ("EVAL return_redis.call('get','k') 0", true),
            ("EVAL return_redis.call('get',KEYS[1]) 1 k", false),
        ] {
            let refused = dragonfly.refusal(&command(text));
            assert_eq!(refused.is_some(), is_refused, "{text}: {refused:?}");
        }
    }
}
