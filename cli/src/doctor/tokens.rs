//! The files with tokens that `pillion serve` and `pillion gateway` read: whether this user can read them, whether
//! others can too, and whether the tokens can be guessed.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use pillion_engine::config;

use super::{report::Report, subject::Subject};
use crate::users;

/// A shorter token can be guessed.
const MIN_TOKEN: usize = 16;

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let settings = subject.settings();
    if let Some(path) = &settings.serve.token_file {
        file("serve.token_file", path, report, |text| {
            vec![text.trim_end_matches(['\r', '\n'])]
        });
    }
    if let Some(path) = &settings.gateway.token_file {
        // Lines of a role and a token, and comments.
        file("gateway.token_file", path, report, |text| {
            let lines = text.lines().map(str::trim);
            let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            let tokens = entries.map(|line| line.split_whitespace().nth(1).unwrap_or_default());
            tokens
                .filter(|token| !token.starts_with("sha256:"))
                .collect()
        });
    }
}

/// Examines one file. `tokens` finds those that are not hashed.
fn file(check: &'static str, path: &Path, report: &mut Report, tokens: fn(&str) -> Vec<&str>) {
    let shown = path.display();
    let text = match config::file::read(path) {
        Ok(text) => text,
        Err(error) => {
            let advice = match users::other_owner(path) {
                Some(owner) => format!(
                    "{} runs as its owner; or let the user of the server read it",
                    users::sudo(&owner, "doctor")
                ),
                None => "create it with one line of random characters (`openssl rand -hex 32`), mode 0600".into(),
            };
            report.fail(check, format!("{shown}: {error}"), advice);
            return;
        }
    };
    let found = tokens(&text);
    let is_token = |token: &&str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if text.trim().is_empty() || !found.iter().all(is_token) {
        report.fail(
            check,
            format!("{shown} has no token, or one with blanks"),
            "write one line of random characters into it (`openssl rand -hex 32`): the server does not start",
        );
        return;
    }
    let mode = fs::metadata(path).map_or(0, |found| found.mode());
    if mode & 0o077 != 0 {
        report.warn(
            check,
            format!(
                "{shown} has mode {:04o}: other users can use it",
                mode & 0o7777
            ),
            format!("chmod 0600 {shown}, and replace the token"),
        );
    }
    if let Some(length) = found.iter().map(|token| token.len()).min()
        && length < MIN_TOKEN
    {
        report.warn(
            check,
            format!("{shown} has a token of {length} characters"),
            format!("replace it by at least {MIN_TOKEN} random ones (`openssl rand -hex 32`)"),
        );
    } else if mode & 0o077 == 0 {
        report.ok(check, format!("{shown} has mode {:04o}", mode & 0o7777));
    }
}
