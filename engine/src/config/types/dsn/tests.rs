use super::*;
use proptest::prelude::*;

#[test]
fn all_forms_are_parsed() {
    for (text, endpoint, auth_ends) in [
        (
            "https://abc@o12.ingest.sentry.io/34",
            "https://o12.ingest.sentry.io/api/34/envelope/",
            "sentry_key=abc",
        ),
        (
            "http://abc:s3cret@sentry.local:9000/prefix/deep/p1",
            "http://sentry.local:9000/prefix/deep/api/p1/envelope/",
            "sentry_key=abc, sentry_secret=s3cret",
        ),
        (
            "https://abc@[::1]:8443/7",
            "https://[::1]:8443/api/7/envelope/",
            "sentry_key=abc",
        ),
        (
            "https://abc:@host:443/7",
            "https://host/api/7/envelope/",
            "sentry_key=abc",
        ),
    ] {
        let dsn = Dsn::parse(text).unwrap();
        assert_eq!(dsn.endpoint(), endpoint);
        assert_eq!(dsn.expose(), text);
        let auth = dsn.auth("pillion/1");
        assert!(auth.starts_with("Sentry sentry_version=7, sentry_client=pillion/1, "));
        assert!(auth.ends_with(auth_ends), "{auth}");
    }
    let dsn = Dsn::parse("https://k@o12.ingest.sentry.io/34").unwrap();
    assert_eq!((dsn.organisation(), dsn.project()), (Some("12"), "34"));
    assert_eq!(
        Dsn::parse("https://k@other.io/1").unwrap().organisation(),
        None
    );
}

#[test]
fn words_of_the_sdks_switch_sentry_off() {
    for word in [
        "", " ", "null", "NULL", "(null)", "false", "(false)", "empty", "(empty)", "off", "0",
    ] {
        assert!(Dsn::is_off(word), "{word}");
    }
    for text in ["https://k@h/1", "on", "nothing", "\u{fc}"] {
        assert!(!Dsn::is_off(text), "{text}");
    }
}

#[test]
fn errors_do_not_contain_the_key() {
    for (text, why) in [
        ("", "empty"),
        ("https://hunter2@host", "project"),
        ("https://hunter2@host/", "project"),
        ("https://host/1", "public key"),
        ("ftp://hunter2@host/1", "scheme"),
        ("hunter2@host/1", "scheme"),
        ("https://hunter2@/1", "URL"),
        ("https://hunter2@host:99999/1", "URL"),
        ("https://hunter2@ho st/1", "white space"),
        ("https://hunter2@host/1?x=1", "query"),
        ("https://hunter2,x@host/1", "characters"),
    ] {
        let error = Dsn::parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let dsn = Dsn::parse("https://hunter2:pw@host/1").unwrap();
    let shown = format!("{dsn} {dsn:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("pw"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn parser_never_panics_and_its_result_makes_headers(text in ".{0,60}") {
        if let Ok(dsn) = Dsn::parse(&text) {
            prop_assert!(reqwest::header::HeaderValue::from_str(&dsn.auth("p/1")).is_ok());
            prop_assert!(reqwest::Url::parse(dsn.endpoint()).is_ok());
        }
    }
}
