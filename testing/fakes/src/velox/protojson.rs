//! Protocol Buffers' JSON as Go's protojson parses it, including the wording of its errors, which the real server
//! passes to the client. A tokenizer only; [`super::message`] defines the fields. Wording of
//! google.golang.org/protobuf v1.36, internal/encoding/json.

use std::borrow::Cow;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Before the first token.
    Start,
    End,
    Null,
    Bool,
    Number,
    Text,
    /// A text that precedes a colon.
    Name,
    ObjectOpen,
    ObjectClose,
    ArrayOpen,
    ArrayClose,
    Comma,
}

/// One token with its position in the input.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) at: usize,
    pub(super) raw: &'a [u8],
    /// The content of a text or name.
    pub(super) text: String,
}

/// Reads tokens and refuses those that can't follow the previous one.
pub(super) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    last: Kind,
    open: Vec<Kind>,
    peeked: Option<Result<Token<'a>, String>>,
}

const EOF: &str = "unexpected EOF";

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            last: Kind::Start,
            open: Vec::new(),
            peeked: None,
        }
    }

    /// The kind of the next token without consuming it; an error has a kind that no caller expects.
    pub(super) fn peek(&mut self) -> Kind {
        if self.peeked.is_none() {
            self.peeked = Some(self.read());
        }
        match &self.peeked {
            Some(Ok(token)) => token.kind,
            _ => Kind::Start,
        }
    }

    /// The next token; commas are checked and skipped.
    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        self.peeked.take().unwrap_or_else(|| self.read())
    }

    fn read(&mut self) -> Result<Token<'a>, String> {
        loop {
            let mut token = self.scan()?;
            let fits = match token.kind {
                Kind::End if self.open.is_empty() => true,
                Kind::End => return Err(EOF.into()),
                Kind::Text if !self.value_fits() => {
                    if !matches!(self.last, Kind::ObjectOpen | Kind::Comma) {
                        return Err(self.unexpected(&token));
                    }
                    match self.rest().first() {
                        None => return Err(EOF.into()),
                        Some(b':') => self.consume(1),
                        Some(_) => {
                            let found = self.non_delimiter(1);
                            let what = format!(
                                "unexpected character {found}, missing \":\" after field name"
                            );
                            return Err(self.syntax(self.at, &what));
                        }
                    }
                    token.kind = Kind::Name;
                    true
                }
                Kind::ObjectClose => {
                    !matches!(self.last, Kind::Name | Kind::Comma)
                        && self.open.pop() == Some(Kind::ObjectOpen)
                }
                Kind::ArrayClose => {
                    self.last != Kind::Comma && self.open.pop() == Some(Kind::ArrayOpen)
                }
                Kind::Comma => !self.open.is_empty() && self.after_value(),
                _ => self.value_fits(),
            };
            if !fits {
                return Err(self.unexpected(&token));
            }
            if matches!(token.kind, Kind::ObjectOpen | Kind::ArrayOpen) {
                self.open.push(token.kind);
            }
            self.last = token.kind;
            if token.kind != Kind::Comma {
                return Ok(token);
            }
        }
    }

    fn value_fits(&self) -> bool {
        match self.open.last() {
            None => self.last == Kind::Start,
            Some(Kind::ObjectOpen) => self.last == Kind::Name,
            Some(_) => matches!(self.last, Kind::ArrayOpen | Kind::Comma),
        }
    }

    fn after_value(&self) -> bool {
        use Kind::*;
        matches!(
            self.last,
            Null | Bool | Number | Text | ObjectClose | ArrayClose
        )
    }

    fn scan(&mut self) -> Result<Token<'a>, String> {
        self.consume(0);
        let rest = self.rest();
        let found = match rest.first() {
            None => Some((Kind::End, 0, String::new())),
            Some(b'{') => Some((Kind::ObjectOpen, 1, String::new())),
            Some(b'}') => Some((Kind::ObjectClose, 1, String::new())),
            Some(b'[') => Some((Kind::ArrayOpen, 1, String::new())),
            Some(b']') => Some((Kind::ArrayClose, 1, String::new())),
            Some(b',') => Some((Kind::Comma, 1, String::new())),
            Some(b'"') => {
                let (text, length) =
                    super::prototext::parse(rest).map_err(|error| match error {
                        Some(what) => self.syntax(self.at, &what),
                        None => EOF.into(),
                    })?;
                Some((Kind::Text, length, text))
            }
            Some(_) => literal(rest).map(|(kind, length)| (kind, length, String::new())),
        };
        let Some((kind, length, text)) = found else {
            return Err(self.syntax(
                self.at,
                &format!("invalid value {}", self.non_delimiter(32)),
            ));
        };
        let token = Token {
            kind,
            at: self.at,
            raw: rest.get(..length).unwrap_or_default(),
            text,
        };
        self.consume(length);
        Ok(token)
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
        self.at += self
            .rest()
            .iter()
            .take_while(|byte| b" \n\r\t".contains(byte))
            .count();
    }

    /// The text that an error quotes: a run of word characters, at most `most` of them, or else one character.
    fn non_delimiter(&self, most: usize) -> Cow<'a, str> {
        let rest = self.rest();
        let word = rest
            .iter()
            .take(most)
            .take_while(|byte| is_word(**byte))
            .count();
        let length = if word > 0 { word } else { first_char(rest) };
        String::from_utf8_lossy(rest.get(..length).unwrap_or_default())
    }

    pub(super) fn unexpected(&self, token: &Token<'_>) -> String {
        self.syntax(
            token.at,
            &format!("unexpected token {}", String::from_utf8_lossy(token.raw)),
        )
    }

    fn syntax(&self, at: usize, what: &str) -> String {
        format!("syntax error {}: {what}", self.position(at))
    }

    /// `(line 1:95)`, counted from 1, columns in characters.
    pub(super) fn position(&self, at: usize) -> String {
        let before = String::from_utf8_lossy(self.input.get(..at).unwrap_or_default());
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        format!("(line {line}:{column})")
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-+._".contains(&byte)
}

fn first_char(bytes: &[u8]) -> usize {
    (1..=4.min(bytes.len()))
        .find(|n| {
            bytes
                .get(..*n)
                .is_some_and(|s| std::str::from_utf8(s).is_ok())
        })
        .unwrap_or(1)
}

/// `null`, `true`, `false` or a number that ends before a non-word character.
fn literal(rest: &[u8]) -> Option<(Kind, usize)> {
    let length = rest.iter().take_while(|byte| is_word(**byte)).count();
    let word = std::str::from_utf8(rest.get(..length)?).ok()?;
    let kind = match word {
        "null" => Kind::Null,
        "true" | "false" => Kind::Bool,
        _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => Kind::Number,
        _ => return None,
    };
    Some((kind, length))
}
