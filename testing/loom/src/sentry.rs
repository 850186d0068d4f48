//! The outbox of envelopes, compiled from the engine's files.

#[path = "../../../engine/src/sentry/protocol"]
pub(crate) mod protocol {
    //! Categories of envelope items.

    pub(crate) mod category;
}
pub mod outbox;
