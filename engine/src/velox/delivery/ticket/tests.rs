//! Tickets: what is accepted, and what is refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: u64 = 1_700_000_000_000;

fn request() -> BuildRequest {
    BuildRequest::from_json(&json!({
        "request_id": "123e4567-e89b-42d3-a456-426614174000",
        "rr_version": "v2025.1.2",
        "plugins": [{"module_name": "github.com/Acme/plugin", "tag": "v1.0.0"}],
    }))
    .unwrap()
}

fn secret() -> (tempfile::TempDir, Secret) {
    let dir = tempfile::tempdir().unwrap();
    let secret = Secret::of_host(dir.path()).unwrap();
    (dir, secret)
}

#[test]
fn ticket_reads_back_as_itself() {
    let (_dir, secret) = secret();
    let mut ticket = Ticket::issue(&request(), NOW, HOUR);
    let text = ticket.sign(&secret);
    assert_eq!(text.len(), TEXT_LEN);
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    assert_eq!(Ticket::verify(&text, NOW, &secret), Ok(ticket.clone()));
    assert_eq!(ticket.request_id.to_string(), request().request_id);
    let keys = ConfigKeys::of(&request());
    assert_eq!(ticket.config_digest(), keys.digest);
    ticket.force_rebuild = true;
    ticket.disposition = Disposition::Inline;
    assert_eq!(
        Ticket::verify(&ticket.sign(&secret), NOW, &secret),
        Ok(ticket)
    );
}

#[test]
fn lifetime_is_bounded_and_ends() {
    let (_dir, secret) = secret();
    let text = Ticket::issue(&request(), NOW, HOUR).sign(&secret);
    let verify = |now| Ticket::verify(&text, now, &secret).map(drop);
    assert_eq!(verify(NOW + 3_599_999), Ok(()));
    assert_eq!(verify(NOW + 3_600_000), Err(InvalidTicket::Expired));
    assert_eq!(verify(u64::MAX), Err(InvalidTicket::Expired));
    assert_eq!(verify(NOW - LEEWAY_MS), Ok(()));
    assert_eq!(
        verify(NOW - LEEWAY_MS - 1),
        Err(InvalidTicket::NotYetValid),
        "a clock that was set back makes no ticket live longer"
    );
    let lifetime = |lifetime| Ticket::issue(&request(), NOW, lifetime).lifetime;
    assert_eq!(lifetime(Duration::ZERO), MIN_LIFETIME);
    assert_eq!(lifetime(Duration::MAX), MAX_LIFETIME);
    let mut endless = Ticket::issue(&request(), NOW, HOUR);
    endless.lifetime = MAX_LIFETIME * 2;
    assert_eq!(
        Ticket::verify(&endless.sign(&secret), NOW, &secret),
        Err(InvalidTicket::Malformed)
    );
}

#[test]
fn ticket_of_another_host_or_use_is_refused() {
    let ((_dir, secret), (_other_dir, other)) = (secret(), secret());
    let ticket = Ticket::issue(&request(), NOW, HOUR);
    let refused = Err(InvalidTicket::WrongSignature);
    assert_eq!(Ticket::verify(&ticket.sign(&other), NOW, &secret), refused);
    // The same bytes, signed with the same secret for something else.
    let mut bytes = ticket.to_bytes();
    let signature = hmac::sign(secret.bytes(), &[&bytes]);
    bytes.extend_from_slice(&signature);
    let text = URL_SAFE_NO_PAD.encode(bytes);
    assert_eq!(Ticket::verify(&text, NOW, &secret), refused);
}

#[test]
fn altered_ticket_is_refused_at_every_letter() {
    let (_dir, secret) = secret();
    let text = Ticket::issue(&request(), NOW, HOUR).sign(&secret);
    for at in 0..text.len() {
        let mut altered = text.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(Ticket::verify(&altered, NOW, &secret).is_err(), "{at}");
    }
    for malformed in ["", "../../etc/passwd", &text[1..], &format!("{text}=")] {
        let verified = Ticket::verify(malformed, NOW, &secret);
        assert_eq!(verified, Err(InvalidTicket::Malformed), "{malformed}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}", letters in "[A-Za-z0-9_-]{136}") {
        let (_dir, secret) = secret();
        prop_assert!(Ticket::verify(&text, NOW, &secret).is_err());
        prop_assert!(Ticket::verify(&letters, NOW, &secret).is_err());
    }
}
