//! A queue file in memory of the model, and the epoch after which its mapping may be freed. Both are the engine's;
//! ownership and location of a file are not part of any scene.

#[path = "../../../../engine/src/sentry/outbox/file/mod.rs"]
mod file;
pub mod scenes;

mod ownership {
    //! A stand-in for the lock of an outbox.

    #[derive(Debug)]
    pub(crate) struct OutboxLock;

    impl OutboxLock {
        pub(crate) fn release_file(&self) {}

        pub(crate) const fn unowned() -> Self {
            Self
        }
    }
}
