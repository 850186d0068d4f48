//! Visits the variables of the functions that are running: the loop around the requests, and its callers.

use ext_php_rs::ffi::{IS_OBJECT, IS_UNDEF, zend_execute_data};
use pillion_engine::worker::leaks::{LeakKind, Subject};

use super::HeapWalk;
use crate::zend::{frame, function_table::is_user, value::type_of};

/// The slot of `$this`; those of an internal function's arguments follow it.
pub const THIS: u64 = 1 << 20;
/// Frames that are visited.
const MAX_FRAMES: usize = 256;

impl HeapWalk {
    /// # Safety
    /// Null, or the thread's current frame.
    pub(super) unsafe fn visit_frames(&mut self, mut current: *mut zend_execute_data) {
        let mut frames = Vec::new();
        // SAFETY: the thread's live frames, each with its function or none.
        unsafe {
            while !current.is_null() && frames.len() < MAX_FRAMES {
                frames.push(current);
                current = (*current).prev_execute_data;
            }
            for (depth, frame) in frames.iter().rev().enumerate() {
                let Some(function) = (**frame).func.as_ref() else {
                    continue;
                };
                // A recursive function has a subject for each depth.
                let owner = (depth as u64 + 1) << 48 ^ std::ptr::from_ref(function).addr() as u64;
                let subject = |slot| Subject {
                    kind: LeakKind::Local,
                    owner,
                    slot,
                };
                if type_of(&(**frame).This) == IS_OBJECT {
                    self.visit(subject(THIS), &raw const (**frame).This);
                }
                // The variables of a script's own code are the globals.
                let (count, first_slot) = match is_user(function) {
                    true if function.common.function_name.is_null() => (0, 0),
                    true => (function.op_array.last_var.max(0) as u64, 0),
                    false => (u64::from(frame::argument_count(*frame)), THIS + 1),
                };
                for position in 0..count {
                    let value = frame::slot(*frame, position as usize);
                    if type_of(&*value) != IS_UNDEF {
                        self.visit(subject(first_slot + position), value);
                    }
                }
            }
        }
    }
}
