//! The settings: errors, and the sources of those that are set.

use std::collections::BTreeMap;

use pillion_engine::config::{Severity, Source};

use super::{
    report::{Level, Report, counted},
    subject::Subject,
};

pub(super) fn examine(subject: &Subject, report: &mut Report) {
    let resolved = &subject.resolved;
    for error in &resolved.errors {
        let (level, effect) = match error.severity {
            Severity::Error => (
                Level::Fail,
                format!(
                    "correct it; until then the part `{}` is off",
                    error.capability.name()
                ),
            ),
            Severity::Warning => (Level::Warn, "correct it".to_owned()),
        };
        report.add(level, "settings", error.to_string(), effect);
    }
    if let Err(error) = &subject.group {
        report.fail(
            "settings",
            error,
            "create the group, and add the users of PHP and of the web server",
        );
    }
    let mut sources: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for value in &resolved.values {
        let source = match &value.source {
            Source::Default => continue,
            Source::Ini => "-d".to_owned(),
            Source::Env(_) => "the environment".to_owned(),
            Source::Yaml(file) => file.display().to_string(),
        };
        sources.entry(source).or_default().push(value.name);
    }
    if sources.is_empty() {
        report.ok(
            "settings",
            "all have their default; php.ini is not read: repeat its pillion.* entries with -d",
        );
    }
    for (source, names) in sources {
        let count = counted(names.len(), "setting", "settings");
        report.ok(
            "settings",
            format!("{count} from {source}: {}", names.join(", ")),
        );
    }
}
