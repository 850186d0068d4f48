//! Why a build failed, and how that is told: the real server's prefixes, because clients read from them
//! whether asking again can help. `building plugins:` and `downloading template: expected 3xx … 404` are
//! this configuration's own fault; what has neither prefix is this machine's or the network's. Pure.

use crate::build::{
    cancellation::StopReason,
    rpc::protocol::{Code, Refusal},
    toolchain::go::GoError,
    toolchain::releases,
};

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A question about the toolchain itself.
    Server,
    /// The RoadRunner release was looked up.
    Template,
    /// Modules were fetched or compiled.
    Plugins,
}

/// A failed build.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is told to the client.
    Refused(Refusal),
    /// Stopped before its end.
    Stopped(StopReason),
}

/// What `go` says when the network and not the configuration is to blame.
const NETWORK: [&str; 10] = [
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

impl Failure {
    /// This configuration does not build.
    pub(super) fn build(message: impl std::fmt::Display) -> Self {
        Self::Refused(Refusal::internal(format!("building plugins: {message}")))
    }

    /// The release exists, and can't be used.
    pub(super) fn template(message: impl std::fmt::Display) -> Self {
        Self::Refused(Refusal::internal(format!(
            "downloading template: {message}"
        )))
    }

    /// This machine is to blame: a directory, a disk, a missing program.
    pub(super) fn server(message: impl Into<String>) -> Self {
        Self::Refused(Refusal::internal(message))
    }

    /// A `go` command failed.
    pub(super) fn go(stage: Stage, command: &str, error: GoError) -> Self {
        let (status, stderr) = match error {
            GoError::Stopped(why) => return Self::Stopped(why),
            GoError::Start(error) => {
                return Self::server(format!("{command}: can't be started: {error}"));
            }
            GoError::Failed(status, stderr) => (status, stderr),
        };
        let said = String::from_utf8_lossy(&stderr);
        let text = format!(
            "{command}: go failed: {status}\n--- stderr (last {} bytes) ---\n{said}",
            stderr.len()
        );
        if said.contains("no space left on device") || said.contains("disk quota exceeded") {
            return Self::server(format!("the disk of the build server is full: {text}"));
        }
        if NETWORK.iter().any(|sign| said.contains(sign)) {
            let message = format!("the module proxy can't be reached: {text}");
            return Self::Refused(Refusal::new(Code::Unavailable, message));
        }
        if let Some(version) = needed_go(&said) {
            return Self::build(format!(
                "Go {version} or newer is needed on the build server: {text}"
            ));
        }
        match stage {
            Stage::Server => Self::server(text),
            Stage::Template => Self::template(text),
            Stage::Plugins => Self::build(text),
        }
    }

    /// No such RoadRunner. The first half is the real server's, the rest says where we looked.
    pub(super) fn unknown_release(rr_version: &str, said: &str) -> Self {
        if NETWORK.iter().any(|sign| said.contains(sign)) {
            let message = format!(
                "the module proxy can't be reached to look up RoadRunner {rr_version}: {said}"
            );
            return Self::Refused(Refusal::new(Code::Unavailable, message));
        }
        let (first, last) = releases::span();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!("\n{said}")
        };
        Self::template(format!(
            "expected 3xx redirect for RoadRunner {rr_version}, got 404: it is not among the releases that this server knows ({first} to {last}), and the Go module proxy does not serve it{said}"
        ))
    }

    /// As the client gets it.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Stopped(StopReason::ClientGone) => {
                Refusal::new(Code::Canceled, "context canceled")
            }
            Self::Stopped(StopReason::ClientDeadline) => {
                Refusal::new(Code::DeadlineExceeded, "context deadline exceeded")
            }
            Self::Stopped(StopReason::TooLong) => Refusal::new(
                Code::DeadlineExceeded,
                "the build took longer than the build server allows (--build-timeout)",
            ),
            Self::Stopped(StopReason::Shutdown) => {
                Refusal::new(Code::Unavailable, "the build server is shutting down")
            }
        }
    }
}

/// The version in go's own complaint, `… requires go >= 1.27 (running go 1.26.8; GOTOOLCHAIN=local)`.
fn needed_go(said: &str) -> Option<&str> {
    let rest = said.split_once("requires go >= ")?.1;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .unwrap_or(rest.len());
    rest.get(..end).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stage: Stage, stderr: &str) -> Refusal {
        Failure::go(
            stage,
            "go mod tidy",
            GoError::Failed("exit status 1".into(), stderr.into()),
        )
        .refusal()
    }

    #[test]
    fn a_failed_command_is_told_as_the_real_server_tells_it() {
        let refusal = told(Stage::Plugins, "go: no such module\n");
        assert_eq!(
            refusal.message,
            "building plugins: go mod tidy: go failed: exit status 1\n--- stderr (last 19 bytes) ---\ngo: no such module\n"
        );
        assert_eq!(refusal.code, Code::Internal);
    }

    #[test]
    fn what_asking_again_can_cure_has_no_prefix_of_a_build_that_fails() {
        let network = told(
            Stage::Plugins,
            "go: x: Get \"https://p/\": dial tcp 127.0.0.1:9: connect: connection refused",
        );
        assert_eq!(network.code, Code::Unavailable);
        let disk = told(Stage::Plugins, "link: write /x: no space left on device");
        assert_eq!(disk.code, Code::Internal);
        for refusal in [network, disk] {
            assert!(
                !refusal.message.starts_with("building plugins:")
                    && !refusal.message.starts_with("downloading template:")
            );
        }
    }

    #[test]
    fn a_toolchain_that_is_too_old_is_told_with_the_version_that_is_needed() {
        let refusal = told(
            Stage::Plugins,
            "go: example.com/x@v1.0.0 requires go >= 1.27.1 (running go 1.26.8; GOTOOLCHAIN=local)\n",
        );
        assert!(
            refusal
                .message
                .starts_with("building plugins: Go 1.27.1 or newer is needed"),
            "{}",
            refusal.message
        );
    }

    #[test]
    fn an_unknown_release_starts_as_the_real_server_starts() {
        let message = Failure::unknown_release("v2025.9.9", "").refusal().message;
        assert!(
            message.starts_with("downloading template: expected 3xx redirect "),
            "{message}"
        );
        assert!(message.contains("got 404") && message.contains("v2025.9.9"));
    }
}
