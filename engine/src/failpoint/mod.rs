//! Failpoints: named points between two steps of a change that other processes may see half done. A test stops or
//! kills its process there, to check that the others cope with the rest. An ordinary build compiles them to nothing.
//! Unit tests set a hook for their thread; a build with the feature `failpoints` lists the names at link time, and acts
//! as the environment says (see `armed`).

#[cfg(feature = "failpoints")]
mod armed;
#[cfg(test)]
pub(crate) mod tests;

/// Marks a failpoint: runs the action that a test or the environment has set for it. Each name marks one point.
macro_rules! failpoint {
    ($name:literal) => {{
        #[cfg(test)]
        $crate::failpoint::tests::run($name);
        #[cfg(feature = "failpoints")]
        {
            inventory::submit! { $crate::failpoint::Name($name) }
            $crate::failpoint::run($name);
        }
    }};
}

pub(crate) use failpoint;

/// The name of a failpoint; every [`failpoint!`] adds one.
#[cfg(feature = "failpoints")]
pub(crate) struct Name(pub(crate) &'static str);

#[cfg(feature = "failpoints")]
inventory::collect!(Name);

#[cfg(feature = "failpoints")]
pub(crate) use armed::run;

/// The names of all failpoints in alphabetical order, one for each point.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = inventory::iter::<Name>
        .into_iter()
        .map(|name| name.0)
        .collect();
    names.sort_unstable();
    names
}

/// The offset of this process's wall clock ahead of the system's, in milliseconds.
#[inline(always)]
pub(crate) fn clock_offset_ms() -> u64 {
    #[cfg(feature = "failpoints")]
    return armed::clock_offset_ms();
    #[cfg(not(feature = "failpoints"))]
    0
}
