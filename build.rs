//! Tells the code which PHP it is built for, and keeps the library mapped for good: a thread that
//! is alive when PHP unloads the extension would otherwise run into unmapped code.

use ext_php_rs_build::{ApiVersion, PHPInfo, emit_check_cfg, emit_php_cfg_flags, find_php};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PHP");
    println!("cargo::rerun-if-env-changed=PHP_CONFIG");
    emit_check_cfg();
    if let Err(error) = emit_php() {
        println!("cargo::error=PHP was not found or not understood: {error}");
    }
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete"),
        Ok("macos") => println!("cargo::rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup"),
        _ => {}
    }
}

fn emit_php() -> Result<(), Box<dyn std::error::Error>> {
    let php = PHPInfo::get(&find_php()?)?;
    emit_php_cfg_flags(ApiVersion::try_from(php.zend_version()?)?);
    if php.thread_safety()? {
        println!("cargo::rustc-cfg=php_zts");
    }
    if php.debug()? {
        println!("cargo::rustc-cfg=php_debug");
    }
    Ok(())
}
