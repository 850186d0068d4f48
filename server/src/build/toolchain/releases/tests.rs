//! The table of releases, and reading of a `go.mod`.

use super::*;
use crate::build::validate::grammar;

fn core(name: &str, version: &str) -> CoreVersion {
    let major = version.split('.').next().unwrap();
    CoreVersion {
        module: format!("github.com/roadrunner-server/{name}/{major}"),
        version: version.into(),
    }
}

#[test]
fn a_known_release_pins_its_four_core_plugins() {
    let release = Release::known("v2025.1.9").unwrap();
    assert_eq!(
        (release.name.as_str(), release.go.as_str()),
        ("2025.1.9", "1.26.1")
    );
    assert_eq!(release.config, core("config", "v5.1.9"));
    assert_eq!(release.endure, core("endure", "v2.6.2"));
    assert_eq!(release.informer, core("informer", "v5.1.9"));
    assert_eq!(release.resetter, core("resetter", "v5.1.9"));
    assert_eq!(Release::known("v2025.1.10"), None);
}

#[test]
fn each_row_of_the_table_is_valid_and_newer_than_the_last() {
    let number = |tag: &str| -> Vec<u32> {
        tag[1..]
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect()
    };
    for pair in KNOWN_RELEASES.windows(2) {
        assert!(number(pair[0].0) < number(pair[1].0), "{}", pair[1].0);
    }
    for (tag, ..) in KNOWN_RELEASES {
        let release = Release::known(tag).unwrap();
        for core in [
            release.config,
            release.endure,
            release.informer,
            release.resetter,
        ] {
            assert_eq!(grammar::check_module_path(&core.module), Ok(()));
            assert!(is_canonical_version(&core.version));
            assert!(grammar::version_matches_path(&core.version, &core.module));
        }
    }
    assert_eq!(
        known_range(),
        (
            KNOWN_RELEASES[0].0,
            KNOWN_RELEASES[KNOWN_RELEASES.len() - 1].0
        )
    );
}

#[test]
fn a_go_mod_is_read_with_single_and_block_requirements() {
    let text = "module github.com/roadrunner-server/roadrunner/v2025 // comment\n\ngo 1.27\n\n\
        require github.com/roadrunner-server/endure/v2 v2.6.2\nrequire (\n\
        \tgithub.com/roadrunner-server/config/v6 v6.0.0-beta.4\n\tgithub.com/roadrunner-server/informer/v6 v6.0.1 // x\n\
        \tgithub.com/roadrunner-server/resetter/v6 v6.1.0\n\tgithub.com/roadrunner-server/http/v6 v6.0.0\n)\n";
    let release = Release::from_go_mod("master", text).unwrap();
    assert_eq!(
        (release.name.as_str(), release.go.as_str()),
        ("master", "1.27")
    );
    assert_eq!(release.config, core("config", "v6.0.0-beta.4"));
    assert_eq!(release.informer, core("informer", "v6.0.1"));
    let without = text.replace("resetter", "other");
    assert!(
        Release::from_go_mod("v3.0.0", &without)
            .unwrap_err()
            .contains("resetter")
    );
    assert!(
        Release::from_go_mod("v3.0.0", &text.replace("go 1.27", ""))
            .unwrap_err()
            .contains("no Go version")
    );
}

#[test]
fn the_major_version_selects_the_module() {
    assert_eq!(
        candidate_modules("v2023.3.12"),
        ["github.com/roadrunner-server/roadrunner/v2023"]
    );
    assert_eq!(
        candidate_modules("v1.9.0"),
        ["github.com/roadrunner-server/roadrunner"]
    );
    assert!(candidate_modules("master").len() > 1);
}

#[test]
fn a_core_plugin_is_recognized_in_any_major_version() {
    assert_eq!(
        core_plugin("github.com/roadrunner-server/informer/v4"),
        Some("informer")
    );
    assert_eq!(core_plugin("github.com/roadrunner-server/http/v5"), None);
    assert_eq!(core_plugin("example.com/informer/v4"), None);
}
