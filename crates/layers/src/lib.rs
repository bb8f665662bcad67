//! Layers: backends over a backend, each of which changes one thing on the way. One file each.

mod renamed;

pub use renamed::Renamed;
