//! A file of an outbox in memory of the model, and the epoch that says when its mapping may go. Both are the
//! engine's; whose a file is, and where it lies, is no part of any scene.

#[path = "../../../../engine/src/sentry/outbox/file/mod.rs"]
mod file;
pub mod scenes;

mod ownership {
    //! Nobody's.

    #[derive(Debug)]
    pub(crate) struct OutboxLock;

    impl OutboxLock {
        pub(crate) fn release_file(&self) {}

        pub(crate) const fn unowned() -> Self {
            Self
        }
    }
}
