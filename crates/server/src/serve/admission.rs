//! How many connections may be open, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::ServeLimits;

/// Why a connection was closed on arrival. The name is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many in all.
    Full,
    /// Too many from this address.
    AddressFull,
}

impl Refused {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Refused::Full => "connections_max",
            Refused::AddressFull => "connections_per_address_max",
        }
    }
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Counts open connections.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    open: Arc<Mutex<Open>>,
    total_max: usize,
    per_address_max: usize,
}

/// The place of one open connection; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    open: Arc<Mutex<Open>>,
    address: IpAddr,
}

impl Admission {
    pub(super) fn new(limits: &ServeLimits) -> Self {
        Admission {
            open: Arc::default(),
            total_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
        }
    }

    pub(super) fn admit(&self, address: IpAddr) -> Result<Place, Refused> {
        let address = network_of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total_max {
            return Err(Refused::Full);
        }
        let from_here = open.by_address.entry(address).or_default();
        if *from_here >= self.per_address_max {
            return Err(Refused::AddressFull);
        }
        *from_here += 1;
        open.total += 1;
        Ok(Place {
            open: Arc::clone(&self.open),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(from_here) = open.by_address.get_mut(&self.address) {
            *from_here -= 1;
            if *from_here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// One household has a whole IPv6 /64, so it counts as one address.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Refused};
    use crate::limits::ServeLimits;

    fn admission(total: usize, per_address: usize) -> Admission {
        Admission::new(&ServeLimits {
            connections_max: total,
            connections_per_address_max: per_address,
            ..ServeLimits::default()
        })
    }

    #[test]
    fn place_is_given_back_on_drop() {
        let admission = admission(1, 1);
        let address = "127.0.0.1".parse().unwrap();
        let place = admission.admit(address).unwrap();
        assert_eq!(admission.admit(address).unwrap_err(), Refused::Full);
        drop(place);
        assert!(admission.admit(address).is_ok());
    }

    #[test]
    fn one_network_does_not_use_up_the_places_of_others() {
        let admission = admission(10, 1);
        let _first = admission.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(
            admission.admit("2001:db8::2".parse().unwrap()).unwrap_err(),
            Refused::AddressFull
        );
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap()).is_ok());
        assert!(admission.admit("192.0.2.1".parse().unwrap()).is_ok());
    }
}
