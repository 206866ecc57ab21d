//! How many streams and filters are open, by whom.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::{error::Refusal, settings::Limits};

/// Counts of open streams.
#[derive(Debug)]
pub(crate) struct Seats {
    open: Arc<Open>,
    streams_per_address: usize,
    filters: usize,
}

#[derive(Debug, Default)]
struct Open {
    streams: Mutex<HashMap<IpAddr, usize>>,
    filters: AtomicUsize,
}

/// A stream's place. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Seat {
    open: Arc<Open>,
    address: IpAddr,
    filters: usize,
}

impl Seats {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            open: Arc::default(),
            streams_per_address: limits.streams_per_address,
            filters: limits.filters,
        }
    }

    /// A place for a stream of `address` with `filters`.
    pub(crate) fn take(&self, address: IpAddr, filters: usize) -> Result<Seat, Refusal> {
        let mut streams = self.open.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = streams.get(&address).copied().unwrap_or(0);
        if of_address >= self.streams_per_address {
            return Err(Refusal::TooManyStreams);
        }
        // only whoever holds the lock adds
        if self.open.filters.load(Relaxed).saturating_add(filters) > self.filters {
            return Err(Refusal::FiltersExhausted);
        }
        self.open.filters.fetch_add(filters, Relaxed);
        streams.insert(address, of_address + 1);
        Ok(Seat {
            open: Arc::clone(&self.open),
            address,
            filters,
        })
    }

    /// Streams that are open.
    pub(crate) fn streams(&self) -> usize {
        let streams = self.open.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.values().sum()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.filters.fetch_sub(self.filters, Relaxed);
        let mut streams = self.open.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match streams.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                streams.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let mut limits = Limits::default();
        (limits.streams_per_address, limits.filters) = (2, 10);
        let seats = Seats::new(&limits);
        let (a, b) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first = seats.take(a, 4).unwrap();
        let _second = seats.take(a, 4).unwrap();
        assert_eq!(seats.take(a, 1).unwrap_err(), Refusal::TooManyStreams);
        assert_eq!(seats.take(b, 3).unwrap_err(), Refusal::FiltersExhausted);
        let third = seats.take(b, 2).unwrap();
        assert_eq!(seats.streams(), 3);
        drop((first, third));
        assert_eq!(seats.streams(), 1);
        assert!(seats.take(a, 6).is_ok());
    }
}
