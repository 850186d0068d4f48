//! Reads what [`super::encode`] has written. On PHP's threads.

use super::encoding::{self, MAX_DEPTH};
use crate::zend::{hash_table::Key, value_writer::ZvalOut};

/// Reads what [`super::encode`] has written. Bytes that it can't have written end the reading.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn array(&mut self, out: ZvalOut, depth: usize) -> Option<()> {
        let head = self.varint()?;
        let count = usize::try_from(head >> 1).ok()?;
        // Each element has one byte at least.
        if count > self.0.len() || depth >= MAX_DEPTH {
            return None;
        }
        let array = out.array(count);
        if head & 1 == 1 {
            for _ in 0..count {
                self.element(depth, |fill| array.push(fill))?;
            }
            return Some(());
        }
        for _ in 0..count {
            let key = match self.byte()? {
                encoding::STRING => Key::Name(self.bytes()?),
                encoding::INT => Key::Index(self.int()?),
                _ => return None,
            };
            self.element(depth, |fill| array.insert_with_key(key, fill))?;
        }
        Some(())
    }

    fn element(
        &mut self,
        depth: usize,
        insert: impl FnOnce(&mut dyn FnMut(ZvalOut)),
    ) -> Option<()> {
        let mut read = Some(());
        insert(&mut |out| read = self.value(out, depth));
        read
    }

    fn value(&mut self, out: ZvalOut, depth: usize) -> Option<()> {
        match self.byte()? {
            encoding::NULL => {}
            encoding::FALSE => out.bool(false),
            encoding::TRUE => out.bool(true),
            encoding::INT => out.int(self.int()?),
            encoding::FLOAT => {
                let (number, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                out.float(f64::from_le_bytes(*number));
            }
            encoding::STRING => out.string(self.bytes()?),
            encoding::ARRAY => self.array(out, depth + 1)?,
            _ => return None,
        }
        Some(())
    }
}
