//! The error of a build, in the Velox server's prefixes, from which clients read whether a retry can help: errors that
//! begin with `building plugins:`, or with `downloading template: expected 3xx` and end with `got 404`, are permanent
//! faults of the configuration; an error with neither prefix is a fault of this machine or of the network. Pure.

use std::fmt::Display;

use super::{
    cancellation::StopReason,
    rpc::error::{ErrorCode, RpcError},
    toolchain::{go::GoError, releases},
};

/// The subject of a `go` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoStage {
    /// The toolchain itself.
    Toolchain,
    /// The RoadRunner release.
    Release,
    /// The plugins' modules.
    Plugins,
}

/// A failed build.
#[derive(Debug)]
pub(super) enum BuildError {
    /// It ended with this error.
    Failed(RpcError),
    /// It was stopped before its end.
    Stopped(StopReason),
}

/// Messages of `go` that name a fault of the network.
const NETWORK_FAULTS: [&str; 10] = [
    "dial tcp",
    "i/o timeout",
    "connection reset by peer",
    "TLS handshake timeout",
    "server misbehaving",
    "Client.Timeout exceeded",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway",
    "429 Too Many Requests",
];

impl BuildError {
    /// The configuration does not build.
    pub(super) fn build(message: impl Display) -> Self {
        Self::internal(format!("building plugins: {message}"))
    }

    /// The release is unknown or can't be used.
    pub(super) fn release(message: impl Display) -> Self {
        Self::internal(format!("downloading template: {message}"))
    }

    /// A fault of this machine: a directory, a disk, a missing program.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::Failed(RpcError::internal(message))
    }

    fn proxy_unreachable(message: impl Display) -> Self {
        let message = format!("the module proxy can't be reached{message}");
        Self::Failed(RpcError::new(ErrorCode::Unavailable, message))
    }

    /// A `go` command failed.
    pub(super) fn go(stage: GoStage, command: &str, error: GoError) -> Self {
        let (status, stderr) = match error {
            GoError::Stopped(reason) => return Self::Stopped(reason),
            GoError::Start(error) => {
                return Self::internal(format!("{command}: can't be started: {error}"));
            }
            GoError::Failed(status, stderr) => (status, stderr),
        };
        let output = String::from_utf8_lossy(&stderr);
        let text = format!(
            "{command}: go failed: {status}\n--- stderr (last {} bytes) ---\n{output}",
            stderr.len()
        );
        if output.contains("no space left on device") || output.contains("disk quota exceeded") {
            return Self::internal(format!("the disk of the build server is full: {text}"));
        }
        if is_network_fault(&output) {
            return Self::proxy_unreachable(format_args!(": {text}"));
        }
        if let Some(version) = required_go(&output) {
            return Self::build(format_args!(
                "Go {version} or newer is needed on the build server: {text}"
            ));
        }
        match stage {
            GoStage::Toolchain => Self::internal(text),
            GoStage::Release => Self::release(text),
            GoStage::Plugins => Self::build(text),
        }
    }

    /// No such RoadRunner. `output` is what `go` wrote about it. The message begins and ends as the Velox server's,
    /// because clients match both.
    pub(super) fn unknown_release(rr_version: &str, output: &str) -> Self {
        if is_network_fault(output) {
            return Self::proxy_unreachable(format_args!(
                " to look up RoadRunner {rr_version}: {output}"
            ));
        }
        let (first, last) = releases::known_range();
        let mut lines: Vec<&str> = output.lines().map(str::trim).collect();
        lines.retain(|line| !line.is_empty());
        let output = match lines.as_slice() {
            [] => String::new(),
            lines => format!(" ({})", lines.join("; ")),
        };
        Self::release(format_args!(
            "expected 3xx redirect for RoadRunner {rr_version}, which is neither among the known releases ({first} to {last}) nor served by the Go module proxy{output}, got 404"
        ))
    }

    /// The error that the client receives.
    pub(super) fn into_rpc(self) -> RpcError {
        let (code, message) = match self {
            Self::Failed(error) => return error,
            Self::Stopped(StopReason::ClientGone) => (ErrorCode::Canceled, "context canceled"),
            Self::Stopped(StopReason::ClientDeadline) => {
                (ErrorCode::DeadlineExceeded, "context deadline exceeded")
            }
            Self::Stopped(StopReason::BuildTimeout) => (
                ErrorCode::DeadlineExceeded,
                "the build took longer than the build server allows (--build-timeout)",
            ),
            Self::Stopped(StopReason::Shutdown) => {
                (ErrorCode::Unavailable, "the build server is shutting down")
            }
        };
        RpcError::new(code, message)
    }
}

fn is_network_fault(output: &str) -> bool {
    NETWORK_FAULTS.iter().any(|fault| output.contains(fault))
}

/// The version in go's own message, `… requires go >= 1.27 (running go 1.26.8; GOTOOLCHAIN=local)`.
fn required_go(output: &str) -> Option<&str> {
    let rest = output.split_once("requires go >= ")?.1;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .unwrap_or(rest.len());
    rest.get(..end).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(stage: GoStage, stderr: &str) -> RpcError {
        let error = GoError::Failed("exit status: 1".into(), stderr.into());
        BuildError::go(stage, "go mod tidy", error).into_rpc()
    }

    #[test]
    fn a_failed_command_is_reported_with_its_output() {
        let error = error(GoStage::Plugins, "go: no such module\n");
        assert_eq!(
            error.message,
            "building plugins: go mod tidy: go failed: exit status: 1\n--- stderr (last 19 bytes) ---\ngo: no such module\n"
        );
        assert_eq!(error.code, ErrorCode::Internal);
    }

    #[test]
    fn transient_faults_have_no_prefix_of_a_permanent_one() {
        let network = error(
            GoStage::Plugins,
            "go: x: Get \"https://p/\": dial tcp 127.0.0.1:9: connect: connection refused",
        );
        assert_eq!(network.code, ErrorCode::Unavailable);
        let disk = error(GoStage::Plugins, "link: write /x: no space left on device");
        assert_eq!(disk.code, ErrorCode::Internal);
        for error in [network, disk] {
            assert!(
                !error.message.starts_with("building plugins:")
                    && !error.message.starts_with("downloading template:")
            );
        }
    }

    #[test]
    fn an_old_toolchain_is_reported_with_the_required_version() {
        let error = error(
            GoStage::Plugins,
            "go: example.com/x@v1.0.0 requires go >= 1.27.1 (running go 1.26.8; GOTOOLCHAIN=local)\n",
        );
        assert!(
            error
                .message
                .starts_with("building plugins: Go 1.27.1 or newer is needed"),
            "{}",
            error.message
        );
    }

    #[test]
    fn an_unknown_release_begins_and_ends_as_the_velox_server_does() {
        for output in ["", "go: module x: invalid version\n\n"] {
            let error = BuildError::unknown_release("v2025.9.9", output).into_rpc();
            let message = error.message;
            assert!(
                message.starts_with("downloading template: expected 3xx redirect ")
                    && message.ends_with("got 404"),
                "{message}"
            );
            assert!(message.contains("v2025.9.9") && message.contains(output.trim()));
        }
    }
}
