//! Ports for servers that must know theirs before they start.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that systems give to outgoing connections, so that a server that is down finds its port free again.
const FIRST: u16 = 12_000;
const COUNT: u16 = 8_000;

/// A port of loopback that nobody listens on. Whoever takes it must be ready to find it taken.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Every process begins elsewhere.
    let begin = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT));
    let begin = begin.expect("less than the count");
    let mut tried = (0..COUNT).map(|_| {
        let place = NEXT.fetch_add(1, Ordering::Relaxed);
        FIRST + begin.wrapping_add(place) % COUNT
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    tried.find(is_free).expect("a free port on loopback")
}
