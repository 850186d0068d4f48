//! The table is well formed, and a `go.mod` is read as the table was written.

use super::*;

fn pin(part: &str, version: &str) -> CoreVersion {
    let major = version.split('.').next().unwrap();
    CoreVersion {
        module: format!("github.com/roadrunner-server/{part}/{major}"),
        version: version.into(),
    }
}

#[test]
fn a_known_release_pins_its_four_parts() {
    let release = Release::known("v2025.1.9").unwrap();
    assert_eq!(
        (release.name.as_str(), release.go.as_str()),
        ("2025.1.9", "1.26.1")
    );
    assert_eq!(release.config, pin("config", "v5.1.9"));
    assert_eq!(release.endure, pin("endure", "v2.6.2"));
    assert_eq!(release.informer, pin("informer", "v5.1.9"));
    assert_eq!(release.resetter, pin("resetter", "v5.1.9"));
    assert_eq!(Release::known("v2025.1.10"), None);
}

#[test]
fn every_row_of_the_table_is_well_formed_and_newer_than_the_one_before() {
    let number = |tag: &str| -> Vec<u32> {
        tag[1..]
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect()
    };
    for pair in KNOWN.windows(2) {
        assert!(number(pair[0].0) < number(pair[1].0), "{}", pair[1].0);
    }
    for (tag, ..) in KNOWN {
        let release = Release::known(tag).unwrap();
        for pin in [
            release.config,
            release.endure,
            release.informer,
            release.resetter,
        ] {
            assert_eq!(grammar::module_path(&pin.module), Ok(()));
            assert!(grammar::canonical_version(&pin.version));
            assert!(grammar::version_fits_path(&pin.version, &pin.module));
        }
    }
    assert_eq!(span(), (KNOWN[0].0, KNOWN[KNOWN.len() - 1].0));
}

#[test]
fn a_go_mod_is_read_whether_its_requirements_stand_alone_or_in_a_block() {
    let text = "module github.com/roadrunner-server/roadrunner/v2025 // comment\n\ngo 1.27\n\n\
        require github.com/roadrunner-server/endure/v2 v2.6.2\nrequire (\n\
        \tgithub.com/roadrunner-server/config/v6 v6.0.0-beta.4\n\tgithub.com/roadrunner-server/informer/v6 v6.0.1 // x\n\
        \tgithub.com/roadrunner-server/resetter/v6 v6.1.0\n\tgithub.com/roadrunner-server/http/v6 v6.0.0\n)\n";
    let release = Release::from_go_mod("master", text).unwrap();
    assert_eq!(
        (release.name.as_str(), release.go.as_str()),
        ("master", "1.27")
    );
    assert_eq!(release.config, pin("config", "v6.0.0-beta.4"));
    assert_eq!(release.informer, pin("informer", "v6.0.1"));
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
fn the_major_version_tells_the_module_to_ask() {
    assert_eq!(
        modules_of("v2023.3.12"),
        ["github.com/roadrunner-server/roadrunner/v2023"]
    );
    assert_eq!(
        modules_of("v1.9.0"),
        ["github.com/roadrunner-server/roadrunner"]
    );
    assert!(modules_of("master").len() > 1);
}

#[test]
fn a_part_is_known_by_its_name_and_not_by_its_major_version() {
    assert_eq!(
        is_part("github.com/roadrunner-server/informer/v4"),
        Some("informer")
    );
    assert_eq!(is_part("github.com/roadrunner-server/http/v5"), None);
    assert_eq!(is_part("example.com/informer/v4"), None);
}
