//! The processes that a gauge of the application is of. Pure.

/// The processes that a gauge is of, with the names of Prometheus's client for Python (its multiprocess modes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GaugeMode {
    /// One value of the host: the last one of any process, which outlives it.
    #[default]
    MostRecent,
    /// Each process has its own value, which ends with it; the page has the sum.
    LiveSum,
    /// As `LiveSum`; the page has each value, with the label `pid`.
    LiveAll,
    /// As `LiveSum`; the page has the largest value.
    LiveMax,
    /// As `LiveSum`; the page has the smallest value.
    LiveMin,
}

impl GaugeMode {
    const ALL: [(Self, &'static str, u8); 5] = [
        (Self::MostRecent, "mostrecent", b'g'),
        (Self::LiveSum, "livesum", b'S'),
        (Self::LiveAll, "liveall", b'A'),
        (Self::LiveMax, "livemax", b'M'),
        (Self::LiveMin, "livemin", b'N'),
    ];

    /// The mode of a name; an empty one is the default.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::default());
        }
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name);
        found.map(|(mode, ..)| *mode)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(mode, ..)| *mode == self);
        found.map_or("", |(_, name, _)| *name)
    }

    /// Whether values end with their process.
    #[must_use]
    pub fn is_live(self) -> bool {
        self != Self::MostRecent
    }

    /// Its byte in the layout of a gauge.
    pub(super) fn byte(self) -> u8 {
        let found = Self::ALL.iter().find(|(mode, ..)| *mode == self);
        found.map_or(b'g', |(.., byte)| *byte)
    }

    /// The mode of a byte; `None` for one of a later version.
    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(.., known)| *known == byte);
        found.map(|(mode, ..)| *mode)
    }
}
