//! Numbers of status pages as short texts. Pure.

use serde_json::Value;

/// Bytes: `512 B`, `3.1 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut number = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if number < 1024.0 {
            break;
        }
        number /= 1024.0;
        unit = next;
    }
    match unit {
        "B" => format!("{count} B"),
        _ => format!("{number:.1} {unit}"),
    }
}

/// Seconds: `12ms`, `3.1s`, `4m05s`, `2h10m`, `3d4h`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        _ if seconds < 0.0005 => "0ms".to_owned(),
        0 => format!("{:.0}ms", seconds * 1000.0),
        1..=59 => format!("{seconds:.1}s"),
        60..=3599 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..=86_399 => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d{}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// A text that comes from clients or from other programs, without characters that a terminal obeys.
pub fn printable(text: &str) -> String {
    let is_obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| if is_obeyed(c) { '?' } else { c })
        .collect()
}

/// The number at a pointer; 0 if it is absent.
pub fn number(view: &Value, pointer: &str) -> u64 {
    view.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The float at a pointer.
pub fn float(view: &Value, pointer: &str) -> Option<f64> {
    view.pointer(pointer).and_then(Value::as_f64)
}

/// The text at a pointer; empty if it is absent.
pub fn text(view: &Value, pointer: &str) -> String {
    let text = view.pointer(pointer).and_then(Value::as_str);
    printable(text.unwrap_or_default())
}

/// The list at a pointer; empty if it is absent.
pub fn list<'a>(view: &'a Value, pointer: &str) -> &'a [Value] {
    let list = view.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        let sizes = [0, 1023, 1024, 3_250_586, 5 << 40].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "3.1 MiB", "5.0 TiB"]);
        let times = [0.0, 0.012, 0.9996, 1.0, 59.9, 65.0, 7800.0, 273_600.0].map(seconds);
        assert_eq!(
            times,
            [
                "0ms", "12ms", "1000ms", "1.0s", "59.9s", "1m05s", "2h10m", "3d4h"
            ]
        );
    }

    #[test]
    fn text_of_a_client_gives_the_terminal_no_orders() {
        assert_eq!(
            printable("/a\u{1b}[2Jb\r\n\u{9b}1m\u{202e}é"),
            "/a?[2Jb???1m?é"
        );
    }
}
