//! The page `docs/reference/configuration.md`, made from the table. A test holds the committed page against it.

use std::fmt::Write as _;

use super::{
    table::{Capability, Setting, TABLE},
    value_type::Kind,
};

const INTRODUCTION: &str = "\
<!-- Made from the settings table in `engine/src/config/table.rs`; \
`PILLION_WRITE_DOCS=1 cargo test -p pillion-engine configuration_page` writes it anew. -->

# Configuration

Each setting can stand in three places. The first one that says anything wins:

1. **INI**: php.ini, `-d` on the command line, `php_admin_value` of php-fpm. An empty entry says nothing \
(for a yes-or-no setting, the log levels, `worker_leak_check` and `worker_gc` it says off, because PHP hands over `Off` as an empty text).
2. **Environment**: the INI name in capitals, with `_` for the dot. An empty variable says nothing.
3. **YAML**: the file named by `pillion.config`. It may be RoadRunner's own `.rr.yaml`: the section \
`velox:` is read as the Velox plugin's document writes it, `sentry_transport:` as the Sentry transport's does, `worker:` is worker mode's, `pillion:` holds what has no section of its \
own, and all other sections are left alone.

```yaml
version: \"3\"
velox:
  server_url: \"http://127.0.0.1:9000\"
  build_timeout: 5m
  cache:
    dir: ./.rr-cache/velox-binaries
    ttl_days: 7
  retry:
    max_attempts: 3
pillion:
  log_level: debug
```

`php --ri pillion` shows each value and where it came from. Settings and environment are read when PHP starts (in a child of php-fpm: when its first request starts), before any code of a request runs. What `putenv` or a section `[HOST=…]` of php.ini changes later has no effect.

**Values.** Durations are Go's: `1h30m`, `500ms`, `1.5h`, `0`; a bare number is seconds. Sizes count \
MiB, or have a unit: `512M`, `6G`. In the YAML file a value may hold `${NAME}`, `${NAME:-default}` or \
`$NAME`, as in RoadRunner; a variable that is not set and has no default is an error, and `$$` is a \
dollar sign. Relative paths in the file stand on the file's directory.

**A bad value** is told in the log at start, with its exact place, the value, and what would be right. What \
it belongs to is then off (a bad `velox.*` value: builds; a bad log setting: the default takes its place), \
and everything else works. A key of the file that nobody knows is a warning and has no effect.

**The path map** says where this machine sees the files that the build server names. In INI: \
`pillion.velox_path_map = \"/tmp=/mnt/velox/tmp, /srv/builds\"` (one path alone maps to itself). In the \
file it may be a map:

```yaml
velox:
  path_map:
    /tmp: /mnt/velox/tmp
    /srv/builds:
```
";

/// The page as Markdown.
#[must_use]
pub fn render() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, capability) in [
        ("Where settings are", Capability::Config),
        ("Background work", Capability::Runtime),
        ("Directories", Capability::Host),
        ("Logs", Capability::Log),
        ("Velox", Capability::Velox),
        ("Sentry", Capability::Sentry),
        ("Worker mode", Capability::Worker),
    ] {
        let _ = write!(
            page,
            "\n## {title}\n\n| INI, environment, YAML | default | meaning |\n| --- | --- | --- |\n"
        );
        for setting in TABLE.iter().filter(|row| row.capability == capability) {
            row(&mut page, setting);
        }
    }
    page
}

fn row(page: &mut String, setting: &Setting) {
    let mut names = format!("`{}`", setting.ini_name());
    for name in setting.env_names() {
        let _ = write!(names, "<br>`{name}`");
    }
    // Where both are the same word, once is enough.
    if setting.is_in_file() && setting.yaml_path() != setting.ini_name() {
        let _ = write!(names, "<br>`{}`", setting.yaml_path());
    }
    let default = setting
        .default
        .map_or_else(|| "unset".into(), |text| format!("`{text}`"));
    let values = match setting.kind {
        Kind::Secret | Kind::Dsn => "Never shown.".into(),
        Kind::Path(_) => String::new(),
        kind => format!("Takes {}.", kind.expectation()),
    };
    let text = format!("{} {values}", setting.doc).replace('|', "\\|");
    let _ = writeln!(page, "| {names} | {default} | {} |", text.trim_end());
}
