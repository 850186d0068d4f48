//! See the crate's page.

#[path = "../../../engine/src/sentry/protocol"]
pub(crate) mod protocol {
    //! See the crate's page.

    pub(crate) mod category;
}
pub mod outbox;
