//! A FrankenPHP with many worker threads that take part in the thundering herd.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use crate::{environment::Environment, http, system};

const WORKER: &str = include_str!("crowd_worker.php");

/// Ended when dropped.
pub struct FrankenPhp {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Child,
}

impl FrankenPhp {
    /// Starts it with so many worker threads, and waits until it answers.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn start(
        environment: &Environment,
        (program, extension): &(PathBuf, PathBuf),
        threads: usize,
    ) -> io::Result<Self> {
        let worker = environment.script("crowd_worker.php", WORKER)?;
        let root = worker.parent().unwrap_or(&worker).to_owned();
        let home = root.join("frankenphp");
        fs::create_dir_all(home.join("ini"))?;
        let mut ini = format!("extension={}\nmemory_limit=64M\n", extension.display());
        for (name, value) in environment.settings() {
            ini.push_str(&format!("{name} = \"{value}\"\n"));
        }
        fs::write(home.join("ini/pillion.ini"), ini)?;
        // Free at this moment.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let caddyfile = format!(
            "{{\n admin off\n auto_https off\n persist_config off\n log {{\n level WARN\n }}\n \
             frankenphp {{\n num_threads {}\n worker {} {threads}\n }}\n}}\n\
             http://{address} {{\n bind 127.0.0.1\n root * {}\n php_server {{\n index crowd_worker.php\n \
             try_files {{path}} crowd_worker.php\n }}\n}}\n",
            threads + 1,
            worker.display(),
            root.display(),
        );
        let config = home.join("Caddyfile");
        fs::write(&config, caddyfile)?;
        let log = fs::File::create(environment.log("frankenphp.log"))?;
        let mut command = Command::new(program);
        system::dies_with_us(&mut command);
        let process = command
            .arg("run")
            .arg("--config")
            .arg(&config)
            .env("PHP_INI_SCAN_DIR", home.join("ini"))
            .env("XDG_DATA_HOME", &home)
            .env("XDG_CONFIG_HOME", &home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        for _ in 0..300 {
            let hello = http::get(address, "/?n=-1", Duration::from_secs(2)).await;
            if hello.is_ok_and(|hello| hello == "ready") {
                return Ok(Self {
                    address,
                    _process: process,
                });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(environment.log("frankenphp.log")).unwrap_or_default();
        Err(io::Error::other(format!(
            "FrankenPHP does not answer: {log:.2000}"
        )))
    }
}
