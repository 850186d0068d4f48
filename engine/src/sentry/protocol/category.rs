//! Rate-limit category and priority of an item type, and the reasons of a discard (develop.sentry.dev: envelope-items,
//! rate-limiting, telemetry-processor). Pure tables.

macro_rules! categories {
    ($($name:ident $text:literal)*) => {
        /// A category by which Sentry counts and limits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "Sentry's own names")]
        #[repr(u8)]
        pub enum Category { $($name,)* }

        impl Category {
            /// All of them, in the order of their numbers, which are indices in the shared state.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Sentry's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

// New ones go to the end: the number of each is an index in the shared state.
categories! {
    Default "default"
    Error "error"
    Transaction "transaction"
    Span "span"
    LogItem "log_item"
    LogByte "log_byte"
    TraceMetric "trace_metric"
    TraceMetricByte "trace_metric_byte"
    Monitor "monitor"
    Session "session"
    Attachment "attachment"
    AttachmentItem "attachment_item"
    Profile "profile"
    ProfileChunk "profile_chunk"
    ProfileChunkUi "profile_chunk_ui"
    Replay "replay"
    Feedback "feedback"
    Security "security"
    MetricBucket "metric_bucket"
    Internal "internal"
}

impl Category {
    /// The category of that name. `None`: it is unknown and never sent.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|category| category.name() == name)
    }
}

/// The priority of an envelope, which is its chain in the outbox, from the most to the least important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Errors and feedback.
    Critical,
    /// Sessions and check-ins.
    High,
    /// Transactions, client reports, spans, and unknown item types.
    Medium,
    /// Logs, metrics and profiles.
    Low,
    /// Replays.
    Lowest,
}

impl Priority {
    /// All of them, the most important first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Lowest,
    ];

    /// How many envelopes of it are sent in one round (develop.sentry.dev, telemetry-processor: weighted round robin).
    #[must_use]
    pub const fn weight(self) -> u32 {
        5 - self as u32
    }

    /// The element of this priority in an array in the order of [`Priority::ALL`].
    #[inline]
    #[must_use]
    pub const fn of<T>(self, [critical, high, medium, low, lowest]: &[T; 5]) -> &T {
        match self {
            Self::Critical => critical,
            Self::High => high,
            Self::Medium => medium,
            Self::Low => low,
            Self::Lowest => lowest,
        }
    }

    /// As [`Priority::of`], mutable.
    pub const fn of_mut<T>(self, [critical, high, medium, low, lowest]: &mut [T; 5]) -> &mut T {
        match self {
            Self::Critical => critical,
            Self::High => high,
            Self::Medium => medium,
            Self::Low => low,
            Self::Lowest => lowest,
        }
    }

    /// The priority of a number in a file.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// The category by which an item of this type is limited. `None`: it is not.
#[must_use]
pub fn of_type(item_type: &str) -> Option<Category> {
    Some(match item_type {
        "event" => Category::Error,
        "transaction" => Category::Transaction,
        "span" | "otel_span" => Category::Span,
        "log" | "otel_log" => Category::LogItem,
        "trace_metric" => Category::TraceMetric,
        "check_in" => Category::Monitor,
        "session" | "sessions" => Category::Session,
        "attachment" => Category::Attachment,
        "profile" => Category::Profile,
        "profile_chunk" => Category::ProfileChunk,
        "replay_event" | "replay_recording" | "replay_video" => Category::Replay,
        "feedback" | "user_report" => Category::Feedback,
        "raw_security" | "nel" => Category::Security,
        "statsd" | "metric_buckets" => Category::MetricBucket,
        _ => return None,
    })
}

/// The priority of an item of this type; an envelope has that of its most important item.
#[must_use]
pub fn priority_of(item_type: &[u8]) -> Priority {
    match item_type {
        b"event" | b"feedback" | b"user_report" => Priority::Critical,
        b"session" | b"sessions" | b"check_in" => Priority::High,
        b"log" | b"otel_log" | b"profile" | b"profile_chunk" | b"trace_metric" | b"statsd"
        | b"metric_buckets" => Priority::Low,
        b"replay_event" | b"replay_recording" | b"replay_video" => Priority::Lowest,
        _ => Priority::Medium,
    }
}

/// Why an item was discarded; Sentry accepts no other reasons (client-reports 1.20.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DiscardReason {
    /// The outbox was full.
    QueueOverflow,
    /// The dead-letter directory was full.
    CacheOverflow,
    /// A rate limit applied.
    RatelimitBackoff,
    /// Given up after connection errors.
    NetworkError,
    /// Rejected by Sentry.
    SendError,
    /// It was not a valid envelope.
    InternalSdkError,
    /// A dead letter that its operator has discarded.
    Ignored,
}

impl DiscardReason {
    /// All of them, in the order of their numbers, which are indices in the shared state.
    pub const ALL: [Self; 7] = [
        Self::QueueOverflow,
        Self::CacheOverflow,
        Self::RatelimitBackoff,
        Self::NetworkError,
        Self::SendError,
        Self::InternalSdkError,
        Self::Ignored,
    ];

    /// Sentry's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueOverflow => "queue_overflow",
            Self::CacheOverflow => "cache_overflow",
            Self::RatelimitBackoff => "ratelimit_backoff",
            Self::NetworkError => "network_error",
            Self::SendError => "send_error",
            Self::InternalSdkError => "internal_sdk_error",
            Self::Ignored => "ignored",
        }
    }
}
