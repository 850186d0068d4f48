//! HMAC-SHA-256 (RFC 2104), for signatures and for hashes that need a secret. Pure functions; any thread.

use std::hint::black_box;

use sha2::{Digest, Sha256};

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Signs the concatenation of `parts`.
#[must_use]
pub fn sign(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; BLOCK];
    let hashed;
    let secret = if secret.len() > BLOCK {
        hashed = Sha256::digest(secret);
        hashed.as_slice()
    } else {
        secret
    };
    for (byte, secret) in key.iter_mut().zip(secret) {
        *byte = *secret;
    }
    let mut inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new()
        .chain_update(key.map(|byte| byte ^ 0x5c))
        .chain_update(inner.finalize())
        .finalize()
        .into()
}

/// Whether two signatures are equal, in a time that does not depend on the place of the first difference.
#[must_use]
pub fn is_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let bytes = one.iter().zip(other);
    let difference = bytes.fold(0, |sum, (one, other)| black_box(sum | (one ^ other)));
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_has_the_published_values() {
        // RFC 4231, test cases 2 and 6.
        let hex = |bytes: [u8; 32]| -> String {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hex(sign(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(sign(&[0xaa; 131], &[text])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn signatures_that_differ_in_any_byte_are_unequal() {
        let one = sign(b"secret", &[b"text"]);
        assert!(is_equal(&one, &one.clone()));
        for at in 0..32 {
            let mut other = one;
            other[at] ^= 0x80;
            assert!(!is_equal(&one, &other), "{at}");
        }
    }
}
