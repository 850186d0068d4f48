//! `php --ri pillion` and phpinfo: version, state, directories, and each setting with its value and source. On PHP's
//! thread.

use std::{ffi::CString, ptr};

use ext_php_rs::ffi::{
    php_info_print_table_end, php_info_print_table_header, php_info_print_table_row,
    php_info_print_table_start, zend_module_entry,
};
use pillion_engine::{config::Capability, engine::Engine};

use crate::engine;

/// Called by PHP for phpinfo.
pub unsafe extern "C" fn print(_: *mut zend_module_entry) {
    let rows = std::panic::catch_unwind(|| {
        let engine = engine::current();
        (state(engine), settings(engine))
    });
    let Ok((state, settings)) = rows else {
        return;
    };
    table(None, &state);
    table(Some(["Setting", "Value", "Source"]), &settings);
}

fn state(engine: &Engine) -> Vec<[String; 3]> {
    let status = engine.status(crate::alloc::live());
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => "none".to_owned(),
        Some(other) => other.to_string(),
    };
    let row = |name: &str, value: String| [name.to_owned(), value, String::new()];
    let mut rows = vec![
        row("Pillion", "enabled".to_owned()),
        row("Version", text("/version")),
        row("Server API", text("/mode")),
        row(
            "Runtime",
            match text("/runtime/started").as_str() {
                "true" => "started".to_owned(),
                _ => "not started (starts with the first job)".to_owned(),
            },
        ),
        row("Heap", format!("{} bytes", text("/heap/bytes"))),
        row("State directory", text("/host/state_dir")),
        row("Run directory", text("/host/run_dir")),
        row("Artifact cache", text("/artifacts/dir")),
        row(
            "Velox builds",
            match (text("/velox/enabled").as_str(), text("/velox/reason")) {
                ("true", _) => "enabled".to_owned(),
                (_, reason) if reason != "none" => format!("disabled: {reason}"),
                _ => "disabled: velox.server_url is not set".to_owned(),
            },
        ),
        row(
            "Remote artifacts",
            match (text("/remote/enabled").as_str(), text("/remote/reason")) {
                ("true", _) => format!("enabled, mode: {}", text("/remote/mode")),
                (_, reason) if reason != "none" => format!("disabled: {reason}"),
                _ if text("/remote/mode") == "off" => "disabled: remote.mode is off".to_owned(),
                _ => "disabled: remote.url is not set".to_owned(),
            },
        ),
        row("Shared cache", shared_cache(engine)),
        row(
            "Sentry",
            match (text("/sentry/enabled").as_str(), text("/sentry/reason")) {
                ("true", _) => format!("enabled, project: {}", text("/sentry/dsn")),
                (_, reason) if reason != "none" => format!("disabled: {reason}"),
                _ => "disabled: sentry.enabled is off".to_owned(),
            },
        ),
    ];
    rows.extend(
        engine
            .resolved()
            .errors
            .iter()
            .map(|error| row("Configuration error", error.to_string())),
    );
    #[cfg(feature = "failpoints")]
    rows.push(row(
        "Failpoints",
        pillion_engine::failpoint::names().join(" "),
    ));
    rows
}

/// Opens nothing.
fn shared_cache(engine: &Engine) -> String {
    let resolved = engine.resolved();
    let settings = &resolved.settings.cache;
    if let Some(error) = resolved.capability_off(Capability::Cache) {
        return format!("disabled: {error}");
    }
    if !settings.enabled {
        return "disabled: cache.enabled is off".to_owned();
    }
    let namespace = settings.namespace.as_deref().unwrap_or("none");
    format!("enabled, namespace: {namespace}")
}

fn settings(engine: &Engine) -> Vec<[String; 3]> {
    engine
        .resolved()
        .values
        .iter()
        .filter(|value| !matches!(value.capability, Capability::Serve | Capability::Gateway))
        .map(|value| {
            let shown = match value.value.as_str() {
                "" => "no value".to_owned(),
                text => text.to_owned(),
            };
            [value.ini_name.clone(), shown, value.source.to_string()]
        })
        .collect()
}

fn table(head: Option<[&str; 3]>, rows: &[[String; 3]]) {
    let c = |text: &str| CString::new(text.replace('\0', "")).unwrap_or_default();
    // SAFETY: every call passes the number of C strings that it announces; PHP prints them at once.
    unsafe {
        php_info_print_table_start();
        if let Some([first, second, third]) = head {
            let (first, second, third) = (c(first), c(second), c(third));
            php_info_print_table_header(3, first.as_ptr(), second.as_ptr(), third.as_ptr());
        }
        for [first, second, third] in rows {
            let (first, second, third) = (c(first), c(second), c(third));
            if third.is_empty() {
                php_info_print_table_row(
                    2,
                    first.as_ptr(),
                    second.as_ptr(),
                    ptr::null::<std::ffi::c_char>(),
                );
            } else {
                php_info_print_table_row(3, first.as_ptr(), second.as_ptr(), third.as_ptr());
            }
        }
        php_info_print_table_end();
    }
}
