//! Formats log lines: `text` for people, `json` and `logfmt` for machines. Time, level, event and process id, then the
//! fields in the order of the call. No line is longer than an atomic write to a pipe, so that lines of several workers
//! on one pipe never mix.

use std::{fmt::Write as _, time::SystemTime};

use log::{
    Level, Metadata, Record,
    kv::{Error, Key, Value, VisitSource, VisitValue},
};

use super::escape;
use crate::{config::LogFormat, time};

/// Bytes of a line, newline included: `PIPE_BUF` of Linux.
pub(super) const MAX_LEN: usize = 4096;

/// Bytes reserved for the mark of omitted fields and the end of the line.
const RESERVE: usize = 32;

/// Bytes of an event. Ours are a few fixed words, but other crates log here too.
const MAX_EVENT_LEN: usize = 512;

/// The fields that every line starts with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub time: SystemTime,
    pub level: Level,
    pub pid: u32,
}

/// Whether a line is one of Pillion's own, not of another crate's.
pub(super) fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("pillion")
}

/// Formats a record, with a newline at the end.
pub(super) fn format_record(format: LogFormat, header: Header, record: &Record<'_>) -> String {
    let event = match record.args().as_str() {
        Some(fixed) => fixed.into(),
        None => record.args().to_string(),
    };
    let mut line = Builder::new(format, header, &event);
    if !is_ours(record.metadata()) {
        line.text("target", record.target());
    }
    // The visitor below gives no error.
    let _ = record.key_values().visit(&mut line);
    line.finish()
}

/// Formats the line that reports dropped ones.
pub(super) fn format_drop_report(
    format: LogFormat,
    time: SystemTime,
    pid: u32,
    count: u64,
) -> String {
    let level = Level::Warn;
    let header = Header { time, level, pid };
    let mut line = Builder::new(format, header, "log lines dropped");
    line.plain("count", count);
    line.finish()
}

/// Formats the line that reports a failing log file.
pub(super) fn format_file_error(
    format: LogFormat,
    time: SystemTime,
    pid: u32,
    path: &str,
    error: &str,
) -> String {
    let level = Level::Error;
    let header = Header { time, level, pid };
    let mut line = Builder::new(
        format,
        header,
        "log file not writable, logging to standard error",
    );
    line.text("path", path);
    line.text("error", error);
    line.finish()
}

struct Builder {
    format: LogFormat,
    out: String,
    is_cut: bool,
}

impl Builder {
    fn new(format: LogFormat, header: Header, event: &str) -> Self {
        let mut out = String::with_capacity(256);
        let level = header.level;
        let event = escape::sanitize("event", event);
        let event = event
            .get(..escape::floor_char_boundary(&event, MAX_EVENT_LEN))
            .unwrap_or_default();
        match format {
            LogFormat::Text => {
                time::append_rfc3339(&mut out, header.time);
                let _ = write!(out, " {level:<5} ");
                escape::append(&mut out, event, &['\\']);
                let _ = write!(out, " pid={}", header.pid);
            }
            LogFormat::Json => {
                out.push_str("{\"time\":\"");
                time::append_rfc3339(&mut out, header.time);
                let name = level.as_str().to_ascii_lowercase();
                let _ = write!(out, "\",\"level\":\"{name}\",\"event\":");
                escape::append_quoted(&mut out, event);
                let _ = write!(out, ",\"pid\":{}", header.pid);
            }
            LogFormat::Logfmt => {
                out.push_str("time=");
                time::append_rfc3339(&mut out, header.time);
                let _ = write!(out, " level={} event=", level.as_str().to_ascii_lowercase());
                escape::append_value(&mut out, event);
                let _ = write!(out, " pid={}", header.pid);
            }
        }
        Self {
            format,
            out,
            is_cut: false,
        }
    }

    /// Appends a field with a value that needs no quotes in any format.
    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.field(name, |out, _| {
            let _ = write!(out, "{value}");
        });
    }

    fn text(&mut self, name: &str, value: &str) {
        let value = escape::sanitize(name, value);
        self.field(name, |out, format| match format {
            LogFormat::Json => escape::append_quoted(out, &value),
            LogFormat::Text | LogFormat::Logfmt => escape::append_value(out, &value),
        });
    }

    /// Appends a field, or omits it if the line would be too long.
    fn field(&mut self, name: &str, value: impl FnOnce(&mut String, LogFormat)) {
        let before = self.out.len();
        let name = escape::field_name(name);
        let _ = match self.format {
            LogFormat::Json => write!(self.out, ",\"{name}\":"),
            LogFormat::Text | LogFormat::Logfmt => write!(self.out, " {name}="),
        };
        value(&mut self.out, self.format);
        if self.out.len() > MAX_LEN - RESERVE {
            self.out.truncate(before);
            self.is_cut = true;
        }
    }

    fn finish(mut self) -> String {
        match (self.format, self.is_cut) {
            (LogFormat::Json, true) => self.out.push_str(",\"is_cut\":true}\n"),
            (LogFormat::Json, false) => self.out.push_str("}\n"),
            (_, true) => self.out.push_str(" is_cut=true\n"),
            (_, false) => self.out.push('\n'),
        }
        self.out
    }
}

impl<'kvs> VisitSource<'kvs> for Builder {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        value.visit(Field {
            line: self,
            name: key.as_str(),
        })
    }
}

/// Appends one field by the type of its value.
struct Field<'a> {
    line: &'a mut Builder,
    name: &'a str,
}

impl<'v> VisitValue<'v> for Field<'_> {
    /// Other types are logged by their `Display`.
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.line.text(self.name, &value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.line.plain(self.name, "null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        // JSON has no notation for infinities and NaN.
        if value.is_finite() {
            self.line.plain(self.name, value);
        } else {
            self.line.text(self.name, &value.to_string());
        }
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.line.plain(self.name, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.line.text(self.name, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
