//! One envelope on its way to Sentry, and the claims on the records that it consists of. Sender task and its blocking
//! tasks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::sentry::{outbox::Claim, protocol::category::Priority};

/// Claims that are settled together: when the last of their envelopes is finished.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Claims(Arc<(Vec<Claim>, AtomicUsize)>);

impl Claims {
    /// The claims on records that `envelopes` envelopes were made of.
    pub(super) fn new(claims: Vec<Claim>, envelopes: usize) -> Self {
        Self(Arc::new((claims, AtomicUsize::new(envelopes))))
    }

    /// Finishes one envelope. Returns the claims if it was the last one.
    pub(super) fn finish_one(&self) -> &[Claim] {
        match self.0.1.fetch_sub(1, Ordering::AcqRel) {
            1 => &self.0.0,
            _ => &[],
        }
    }

    pub(super) fn all(&self) -> &[Claim] {
        &self.0.0
    }
}

/// An envelope to be sent.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Delivery {
    /// Empty for a client report of its own.
    pub(super) claims: Claims,
    /// The envelope, if it was made of several records or of a part of one. `None`: the record of its claim.
    pub(super) body: Option<Arc<Vec<u8>>>,
    /// Failed attempts.
    pub(super) attempts: u32,
    /// When its oldest record was accepted, in milliseconds since 1970.
    pub(super) accepted_ms: u64,
    /// Priority and number of its claim: deferred deliveries are sent in this order.
    pub(super) order: (Priority, u64),
}

impl Delivery {
    /// Whether its record may be evicted while it is deferred. Records of a container are not: they are settled
    /// together.
    pub(super) fn is_evictable(&self) -> bool {
        self.body.is_none()
    }

    /// Whether it is a client report without an envelope to carry it.
    pub(super) fn is_report(&self) -> bool {
        self.claims.all().is_empty()
    }
}
