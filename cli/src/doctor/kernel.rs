//! Features of the kernel, by their use: a container may forbid a system call that the kernel has.

use rustix::{
    fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, memfd_create, openat2},
    system::uname,
};

use super::report::Report;

const CHECK: &str = "kernel";

pub(super) fn examine(report: &mut Report) {
    let kernel = uname();
    let release = kernel.release().to_string_lossy().into_owned();
    let beneath = openat2(
        CWD,
        "/",
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    );
    let mut is_right = true;
    if let Err(error) = beneath {
        is_right = false;
        report.warn(
            CHECK,
            format!("{release} without openat2 ({error})"),
            "use Linux 5.6 or later, and allow it in the seccomp profile: paths of the build server are opened step by step",
        );
    }
    if let Err(error) = memfd_create("pillion-doctor", MemfdFlags::CLOEXEC) {
        is_right = false;
        report.warn(
            CHECK,
            format!("{release} without memfd_create ({error})"),
            "allow it in the seccomp profile: it is needed where no directory has space",
        );
    }
    if is_right {
        report.ok(CHECK, format!("{release} with openat2 and memfd_create"));
    }
}
