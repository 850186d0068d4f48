//! The page `docs/reference/configuration.md`, rendered from the table and compared with the committed page.

use std::fmt::Write as _;

use super::{settings::SECTIONS, *};

const INTRODUCTION: &str = "\
<!-- Generated from the settings in `engine/src/config/sections`; \
`PILLION_WRITE_DOCS=1 cargo test -p pillion-engine configuration_page` regenerates it. -->

# Configuration

Each setting can be set in three places. The first one that sets it wins:

1. **INI**: php.ini, `-d` on the command line, `php_admin_value` of php-fpm. An empty entry counts as not set \
(for a yes-or-no setting, the log levels, `worker_leak_check` and `worker_gc` it means off, because PHP passes `Off` as an empty text).
2. **Environment**: the INI name in capitals, with `_` for the dot. An empty variable counts as not set.
3. **YAML**: the file named by `pillion.config`. It may be RoadRunner's own `.rr.yaml`: the section \
`velox:` is read as the Velox plugin's document writes it, `sentry_transport:` as the Sentry transport's does, `cache:` is the shared cache's, `worker:` is worker mode's, `serve:` is that of `pillion serve`, `gateway:` that of `pillion gateway`, `pillion:` holds the settings without a section of their \
own, and all other sections are ignored.

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

`php --ri pillion` shows each value and its source. Settings and environment are read when PHP starts (in a child of php-fpm: when its first request starts), before any code of a request runs. Later changes by `putenv` or a section `[HOST=…]` of php.ini have no effect.

**Values.** Durations are Go's: `1h30m`, `500ms`, `1.5h`, `0`; a bare number is seconds. Sizes count \
MiB, or have a unit: `512M`, `6G`. In the YAML file a value may hold `${NAME}`, `${NAME:-default}` or \
`$NAME`, as in RoadRunner; a variable that is not set and has no default is an error, and `$$` is a \
dollar sign. Relative paths in the file are below the file's directory.

**An invalid value** is logged at start as `<setting>: found <value>; expected <values>`, with the exact location. The \
capability that it belongs to is then off (an invalid `velox.*` value: builds; an invalid log setting: the default \
applies), and everything else works. An unknown key of the file, and a variable \
`PILLION_…` that is almost a setting, are warnings and have no effect.

**The path map** translates the paths of the build server to paths of this machine. In INI: \
`pillion.velox_path_map = \"/tmp=/mnt/velox/tmp, /srv/builds\"` (one path alone maps to itself). In the \
file it may be a map:

```yaml
velox:
  path_map:
    /tmp: /mnt/velox/tmp
    /srv/builds:
```
";

/// Renders the page as Markdown.
fn render() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, settings) in SECTIONS {
        let _ = write!(
            page,
            "\n## {title}\n\n| INI, environment, YAML | default | meaning |\n| --- | --- | --- |\n"
        );
        for setting in *settings {
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
    // The same name is listed once.
    if let Some(path) = setting.yaml_path
        && path != setting.ini_name()
    {
        let _ = write!(names, "<br>`{path}`");
    }
    let default = setting
        .default
        .map_or_else(|| "unset".into(), |text| format!("`{text}`"));
    let values = match setting.value_type {
        ValueType::Secret | ValueType::Dsn => "Never shown.".into(),
        ValueType::Path(_) => String::new(),
        value_type => format!("Takes {}.", value_type.expected()),
    };
    let text = format!("{} {values}", setting.doc).replace('|', "\\|");
    let _ = writeln!(page, "| {names} | {default} | {} |", text.trim_end());
}

#[test]
fn configuration_page_matches_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    if std::env::var_os("PILLION_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, render()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == render(),
        "run: PILLION_WRITE_DOCS=1 cargo test -p pillion-engine configuration_page"
    );
}
