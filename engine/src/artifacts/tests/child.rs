//! Another process: this test program, started again in a role, which the environment names. Its exit status is the
//! result.

use std::{env, process::Command};

use super::*;

/// A process in a role, with the fixture's directories and the time that it is there.
pub(super) fn command(fixture: &Fixture, role: &str, options: &StoreOptions) -> Command {
    with(
        Command::new(env::current_exe().unwrap()),
        fixture,
        role,
        options,
    )
}

/// The same, with file systems of its own in the place of both directories: `cache` and `run` are
/// what mount(8) is told of them.
pub(super) fn mounted(fixture: &Fixture, role: &str, cache: &str, run: &str) -> Command {
    const MOUNT: &str = r#"mount -t tmpfs -o "$CACHE_IS" none "$PILLION_DIR" &&
        mount -t tmpfs -o "$RUN_IS" none "$PILLION_RUN" && exec "$@""#;
    let mut command = Command::new("unshare");
    // SAFETY: always succeeds.
    if unsafe { libc::geteuid() } != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            MOUNT,
            "sh",
        ])
        .arg(env::current_exe().unwrap())
        .env("CACHE_IS", cache)
        .env("RUN_IS", run);
    with(command, fixture, role, &fixture.options())
}

fn with(mut command: Command, fixture: &Fixture, role: &str, options: &StoreOptions) -> Command {
    command
        .args([
            "artifacts::tests::child::runs_the_role_of_the_environment",
            "--exact",
        ])
        .args(["--ignored", "--nocapture", "--quiet"])
        .env("PILLION_ROLE", role)
        .env("PILLION_DIR", &options.dir)
        .env("PILLION_RUN", &options.run_dir)
        .env("PILLION_NOW", fixture.now().to_string())
        .env("PILLION_ENTRIES", options.max_entries.to_string())
        .env("PILLION_SIZE", options.max_size.to_string())
        .stdout(std::process::Stdio::null());
    command
}

fn number(name: &str) -> u64 {
    env::var(name).unwrap().parse().unwrap()
}

#[test]
#[ignore = "a role in other tests, which start it"]
fn runs_the_role_of_the_environment() {
    let mut options = StoreOptions::new(
        env::var_os("PILLION_DIR").unwrap(),
        env::var_os("PILLION_RUN").unwrap(),
    );
    options.max_entries = number("PILLION_ENTRIES") as u32;
    options.max_size = number("PILLION_SIZE");
    let role = env::var("PILLION_ROLE").unwrap();
    match role.as_str() {
        "stranger" => return super::trouble::stranger(options),
        "bytes" => return super::mounts::bytes(&options),
        "inodes" => return super::mounts::inodes(&options),
        "run" => return super::mounts::run(&options),
        "frozen" => return super::mounts::frozen(&options),
        _ => {}
    }
    let clock = Clock::manual(number("PILLION_NOW")).0;
    let store = Store::attach(options, clock).unwrap();
    store.prepare().unwrap();
    match role.as_str() {
        "many" => super::processes::many(&store, number("PILLION_NUMBER")),
        other => panic!("no role {other}"),
    }
}
