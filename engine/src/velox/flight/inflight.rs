//! The callers within one process: those who want the same configuration share one task (the pilot),
//! which alone polls the host's files for all of them. A caller that leaves is counted out by its
//! drop; when the last one has left, the pilot may retire. Any thread; no lock is held over a wait.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{FlightId, Landed};
use crate::Result;
use crate::velox::build::progress::Progress;

/// What one pilot brings: a configuration, and whether it has to be built anew.
type Errand = (FlightId, bool);

/// What callers see.
#[derive(Debug, Clone)]
pub(in crate::velox) struct View {
    pub(in crate::velox) progress: Progress,
    pub(in crate::velox) end: Option<Result<Landed>>,
}

/// All pilots of the process.
#[derive(Debug, Default)]
pub(in crate::velox) struct Locals {
    pilots: Mutex<HashMap<Errand, Seats>>,
}

#[derive(Debug)]
struct Seats {
    shared: Arc<Shared>,
    callers: usize,
    request_ids: Vec<String>,
    // Ids up to here are known to the host.
    noted: usize,
}

#[derive(Debug)]
struct Shared {
    view: watch::Receiver<View>,
    left: Notify,
}

/// One who waits. Counted out when dropped.
#[derive(Debug)]
pub(in crate::velox) struct Caller {
    locals: Arc<Locals>,
    errand: Errand,
    shared: Arc<Shared>,
    pub(in crate::velox) view: watch::Receiver<View>,
}

/// The task that does the errand. Whatever ends it, the callers learn of it, and the next caller gets a
/// new one.
#[derive(Debug)]
pub(in crate::velox) struct Pilot {
    locals: Arc<Locals>,
    errand: Errand,
    shared: Arc<Shared>,
    view: watch::Sender<View>,
}

impl Locals {
    /// Joins the errand of a pilot, or makes one, whose task the caller has to start.
    pub(in crate::velox) fn join(
        self: &Arc<Self>,
        id: FlightId,
        forced: bool,
        request_id: &str,
        progress: &Progress,
    ) -> (Caller, Option<Pilot>) {
        let mut pilots = self.pilots();
        // A forced build is good for everybody; but if there is another one, it is probably earlier.
        let errand = match forced {
            false if !pilots.contains_key(&(id, false)) && pilots.contains_key(&(id, true)) => {
                (id, true)
            }
            forced => (id, forced),
        };
        let mut pilot = None;
        let seats = pilots.entry(errand).or_insert_with(|| {
            let (sender, receiver) = watch::channel(View {
                progress: progress.clone(),
                end: None,
            });
            let shared = Arc::new(Shared {
                view: receiver,
                left: Notify::new(),
            });
            pilot = Some(Pilot {
                locals: Arc::clone(self),
                errand,
                shared: Arc::clone(&shared),
                view: sender,
            });
            Seats {
                shared,
                callers: 0,
                request_ids: Vec::new(),
                noted: 0,
            }
        });
        seats.callers += 1;
        if !seats.request_ids.iter().any(|known| known == request_id) {
            seats.request_ids.push(request_id.to_owned());
        }
        let caller = Caller {
            locals: Arc::clone(self),
            errand,
            view: seats.shared.view.clone(),
            shared: Arc::clone(&seats.shared),
        };
        (caller, pilot)
    }

    /// Every errand: who asked, and how far it is.
    pub(in crate::velox) fn all(&self) -> Vec<(Vec<String>, View)> {
        let pilots = self.pilots();
        pilots
            .values()
            .map(|seats| {
                (
                    seats.request_ids.clone(),
                    seats.shared.view.borrow().clone(),
                )
            })
            .collect()
    }

    fn pilots(&self) -> MutexGuard<'_, HashMap<Errand, Seats>> {
        self.pilots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut pilots = self.locals.pilots();
        let seats = pilots.get_mut(&self.errand);
        if let Some(seats) = seats.filter(|seats| Arc::ptr_eq(&seats.shared, &self.shared)) {
            seats.callers = seats.callers.saturating_sub(1);
            if seats.callers == 0 {
                self.shared.left.notify_one();
            }
        }
    }
}

impl Pilot {
    /// Tells the callers how far it is.
    pub(in crate::velox) fn tell(&self, progress: Progress) {
        self.view.send_modify(|view| view.progress = progress);
    }

    /// What was told last.
    pub(in crate::velox) fn told(&self) -> Progress {
        self.view.borrow().progress.clone()
    }

    /// The ids of callers that came since the last call.
    pub(in crate::velox) fn newcomers(&self) -> Vec<String> {
        let mut pilots = self.locals.pilots();
        self.seats(&mut pilots).map_or_else(Vec::new, |seats| {
            let new = seats
                .request_ids
                .iter()
                .skip(seats.noted)
                .cloned()
                .collect();
            seats.noted = seats.request_ids.len();
            new
        })
    }

    /// All ids count as new again: another list is to be filled.
    pub(in crate::velox) fn forget_newcomers(&self) {
        let mut pilots = self.locals.pilots();
        if let Some(seats) = self.seats(&mut pilots) {
            seats.noted = 0;
        }
    }

    /// Resolves when there may be no caller left. Cancel-safe.
    pub(in crate::velox) async fn left(&self) {
        self.shared.left.notified().await;
    }

    /// Whether a caller is left.
    pub(in crate::velox) fn is_wanted(&self) -> bool {
        let mut pilots = self.locals.pilots();
        self.seats(&mut pilots)
            .is_some_and(|seats| seats.callers > 0)
    }

    /// Takes the errand off the list if no caller is left. From then on callers get a new pilot.
    pub(in crate::velox) fn retire(&self) -> bool {
        let mut pilots = self.locals.pilots();
        if self
            .seats(&mut pilots)
            .is_some_and(|seats| seats.callers > 0)
        {
            return false;
        }
        self.remove(&mut pilots);
        true
    }

    /// Ends the errand and tells all callers.
    pub(in crate::velox) fn land(&self, end: Result<Landed>) {
        self.remove(&mut self.locals.pilots());
        self.view.send_modify(|view| view.end = Some(end));
    }

    fn seats<'a>(
        &self,
        pilots: &'a mut MutexGuard<'_, HashMap<Errand, Seats>>,
    ) -> Option<&'a mut Seats> {
        let seats = pilots.get_mut(&self.errand)?;
        Arc::ptr_eq(&seats.shared, &self.shared).then_some(seats)
    }

    fn remove(&self, pilots: &mut MutexGuard<'_, HashMap<Errand, Seats>>) {
        if self.seats(pilots).is_some() {
            pilots.remove(&self.errand);
        }
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        // Callers see their channel closed.
        self.remove(&mut self.locals.pilots());
    }
}

#[cfg(test)]
mod tests;
