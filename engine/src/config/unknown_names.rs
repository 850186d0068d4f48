//! Names that look like a setting and are none: `PILLION_VELOX_SEVER_URL`, `pillion.velox_sever_url`. Variables of
//! other programs pass: only names within a section, and misspellings of the other settings, are reported. Pure.

use super::{
    error::{ConfigError, Severity},
    setting::Capability,
    settings::TABLE,
    types::{suggest::distance, text::shorten},
};

const VARIABLE: &str = "PILLION_";
const ENTRY: &str = "pillion.";
/// Names of one source that are reported.
const MAX_NAMES: usize = 20;
/// A longer name is no misspelling, and comparing it costs time.
const MAX_LENGTH: usize = 64;

/// A warning for each of the environment's `names` that is probably meant as a setting.
pub(super) fn variables<'a>(names: impl Iterator<Item = &'a str>) -> Vec<ConfigError> {
    let own = names.filter_map(|name| name.strip_prefix(VARIABLE));
    let unknown: Vec<String> = own
        .filter(|name| !is_of_kubernetes(name))
        .map(str::to_ascii_lowercase)
        .collect();
    warnings(unknown, |name, known| {
        let meant = known.map(|known| format!("{VARIABLE}{}", known.to_ascii_uppercase()));
        let is_meant = meant.is_some() || is_in_section(name);
        let name = format!("{VARIABLE}{} (environment)", name.to_ascii_uppercase());
        is_meant.then_some((name, meant))
    })
}

/// A warning for each of the `names` in php.ini that begins as a setting.
pub(super) fn entries<'a>(names: impl Iterator<Item = &'a str>) -> Vec<ConfigError> {
    let own = names.filter_map(|name| name.strip_prefix(ENTRY));
    warnings(own.map(str::to_owned).collect(), |name, known| {
        let meant = known.map(|known| format!("{ENTRY}{known}"));
        Some((format!("{ENTRY}{} (INI)", shorten(name)), meant))
    })
}

/// The entry of php.ini that is probably meant by an unknown one.
#[must_use]
pub fn meant_entry(name: &str) -> Option<String> {
    let name = name.strip_prefix(ENTRY).unwrap_or(name);
    if name.len() > MAX_LENGTH {
        return None;
    }
    closest(name, &known()).map(|known| format!("{ENTRY}{known}"))
}

/// All settings as they are named in php.ini, without the prefix.
fn known() -> Vec<String> {
    let names = TABLE.iter().map(|setting| setting.name.replace('.', "_"));
    names.collect()
}

/// Warnings for those of `names` that are no setting. `describe` returns the location and the setting that is meant,
/// or `None` for a name that is none of ours.
fn warnings(
    mut names: Vec<String>,
    describe: impl Fn(&str, Option<&str>) -> Option<(String, Option<String>)>,
) -> Vec<ConfigError> {
    if names.is_empty() {
        return Vec::new();
    }
    let known = known();
    names.retain(|name| name.len() <= MAX_LENGTH && !known.contains(name));
    names.sort_unstable();
    let warning = |name: &String| {
        let (location, meant) = describe(name, closest(name, &known))?;
        let suggestion = meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"));
        Some(ConfigError {
            location,
            value: String::new(),
            found: format!("an unknown setting, which has no effect{suggestion}"),
            expected: String::new(),
            capability: Capability::Config,
            severity: Severity::Warning,
        })
    };
    names.iter().filter_map(warning).take(MAX_NAMES).collect()
}

/// The setting of which a name is a misspelling: at most one letter of four differs.
fn closest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let misspelled = known.iter().filter_map(|known| {
        let distance = distance(name, known);
        (distance <= known.len() / 4).then_some((distance, known.as_str()))
    });
    misspelled.min().map(|(_, known)| known)
}

/// Whether a name begins with a section of the settings: `velox_…`.
fn is_in_section(name: &str) -> bool {
    let sections = TABLE
        .iter()
        .filter_map(|setting| setting.name.split_once('.'));
    let mut sections = sections.map(|(section, _)| section);
    sections.any(|section| {
        let rest = name.strip_prefix(section);
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}

/// Whether it is one of the variables that Kubernetes sets for a service named `pillion-…`.
fn is_of_kubernetes(name: &str) -> bool {
    let ends = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"];
    ends.iter().any(|end| name.ends_with(end))
        || name.contains("_SERVICE_PORT_")
        || name.contains("_PORT_") && name.contains("_TCP")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(errors: &[ConfigError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    fn found(names: &[&str]) -> Vec<String> {
        texts(&variables(names.iter().copied()))
    }

    #[test]
    fn misspelled_variable_is_a_warning_with_the_setting() {
        let end = "(environment): found an unknown setting, which has no effect";
        assert_eq!(
            found(&[
                "PILLION_VELOX_SEVER_URL",
                "PILLION_SENTRY_DNS",
                "PILLION_RUN_DIRR",
                "PILLION_VELOX_FLAVOUR",
                "PILLION_VELOX_SERVER_URL",
            ]),
            [
                format!("PILLION_RUN_DIRR {end}; did you mean PILLION_RUN_DIR?"),
                format!("PILLION_SENTRY_DNS {end}; did you mean PILLION_SENTRY_DSN?"),
                format!("PILLION_VELOX_FLAVOUR {end}"),
                format!("PILLION_VELOX_SEVER_URL {end}; did you mean PILLION_VELOX_SERVER_URL?"),
            ]
        );
        let many: Vec<String> = (0..100).map(|n| format!("PILLION_CACHE_X{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(found(&many).len(), MAX_NAMES);
    }

    #[test]
    fn each_unknown_entry_is_a_warning() {
        let names = [
            "pillion.velox_sever_url",
            "pillion.threads",
            "pillion.x",
            "memory_limit",
        ];
        let end = "(INI): found an unknown setting, which has no effect";
        assert_eq!(
            texts(&entries(names.into_iter())),
            [
                format!("pillion.velox_sever_url {end}; did you mean pillion.velox_server_url?"),
                format!("pillion.x {end}"),
            ]
        );
    }

    #[test]
    fn variables_of_other_programs_pass() {
        let names = [
            "PATH",
            "PILLION_BIN",
            "PILLION_CACHE",
            "PILLION_DIR",
            "PILLION_ROOT",
            "PILLION_RUN",
            "PILLION_SERVE",
            "PILLION_SO",
            "PILLION_ZTS_SO",
            "PILLION_TARGET_CACHE",
            "PILLION_VELOX_SERVICE_HOST",
            "PILLION_VELOX_PORT_9000_TCP_ADDR",
            "PILLION_GATEWAY_PORT",
            "PILLION_SERVE_SERVICE_PORT_HTTP",
        ];
        assert_eq!(found(&names), [""; 0]);
    }
}
