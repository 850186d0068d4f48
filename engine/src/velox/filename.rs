//! The download name of a binary. Pure.

use serde_json::Value;

/// Returns the download name of a configuration's binary: `roadrunner-linux-amd64`, `roadrunner-windows-amd64.exe`.
/// Falls back to `roadrunner` for a platform with characters that are unsafe in a file name or a header.
#[must_use]
pub fn filename(config: &Value) -> String {
    let part = |name| {
        config
            .pointer(&format!("/target_platform/{name}"))
            .or_else(|| config.get(name))
            .and_then(Value::as_str)
            .filter(|part| (1..=64).contains(&part.len()))
            .filter(|part| {
                part.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
    };
    match (part("os"), part("arch")) {
        (Some(os @ "windows"), Some(arch)) => format!("roadrunner-{os}-{arch}.exe"),
        (Some(os), Some(arch)) => format!("roadrunner-{os}-{arch}"),
        _ => "roadrunner".to_owned(),
    }
}
