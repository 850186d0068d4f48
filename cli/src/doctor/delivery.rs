//! Settings of delivery and of the metrics page that contradict each other or the disk.

use std::path::Path;

use pillion_engine::{
    config::{DeliveryMethod, DeliveryUrl},
    host::lock::Lock,
};
use rustix::fs::{Access, access};

use super::{report::Report, subject::Subject};

const CHECK: &str = "delivery";

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let settings = &subject.settings().delivery;
    let is_served = is_served(&subject.dirs.run);
    let mut is_right = true;
    let mut warn = |found: String, advice: &str| {
        report.warn(CHECK, found, advice);
        is_right = false;
    };
    match (settings.method, &settings.url) {
        (DeliveryMethod::Accel, _) if settings.accel_map.is_empty() && !settings.trusts_headers => {
            warn(
                "pillion.delivery is accel, and pillion.delivery_accel_map is not set".into(),
                "set it to the artifact directories and their internal locations",
            );
        }
        (DeliveryMethod::Ticket, None) => warn(
            "pillion.delivery is ticket, and pillion.delivery_url is not set".into(),
            "set it to the address of `pillion serve` for clients",
        ),
        _ => {}
    }
    if let Some(url) = &settings.url
        && !is_served
    {
        warn(
            format!(
                "pillion.delivery_url is {url}, and no `pillion serve` holds the lock of this run_dir"
            ),
            "start `pillion serve` with the same run_dir and user: a miss can't be delivered",
        );
    }
    if (is_served || settings.url.is_some()) && subject.settings().velox.server_url.is_none() {
        warn(
            "velox.server_url is not set: `pillion serve` delivers binaries of the cache only"
                .into(),
            "set it, for PHP and for `pillion serve`",
        );
    }
    if let Some(DeliveryUrl::Path(path)) = &settings.url
        && matches!(settings.method, DeliveryMethod::Ticket)
    {
        warn(
            format!("pillion.delivery_url {path} is a location, to which clients are redirected"),
            "let the front server pass it on to `pillion serve` for clients, not as an internal location",
        );
    }
    for (directory, location) in &settings.accel_map {
        let (shown, location) = (directory.display(), location.display());
        if !directory.is_dir() {
            warn(
                format!("pillion.delivery_accel_map {shown}={location}: no such directory"),
                "create it, or correct the setting",
            );
        } else if access(directory, Access::READ_OK | Access::EXEC_OK).is_err() {
            warn(
                format!("pillion.delivery_accel_map {shown}={location}: not readable"),
                "let the users of PHP and of the front server read it",
            );
        }
    }
    let artifacts = subject.artifacts();
    let is_mapped = |path: &Path| {
        settings
            .accel_map
            .iter()
            .any(|(dir, _)| path.starts_with(dir))
    };
    if !settings.accel_map.is_empty() && !is_mapped(&artifacts) {
        warn(
            format!(
                "pillion.delivery_accel_map has no location for {}",
                artifacts.display()
            ),
            "add it: PHP sends these binaries itself",
        );
    }
    if is_right {
        let found = match is_served {
            true => "`pillion serve` runs in this run_dir",
            false => "no `pillion serve` runs in this run_dir, and no setting needs one",
        };
        report.ok(CHECK, found);
    }
}

/// Whether a process holds the lock of the standing server.
pub(super) fn is_served(run: &Path) -> bool {
    Lock::is_held(&run.join("serve.lock")).unwrap_or(false)
}
