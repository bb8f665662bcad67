//! Syncs between two backends of one store, whatever fails when.

mod basics;
mod faults;
mod faulty;
mod forgetful;
mod many;
mod moved;
mod plan;
mod properties;
mod support;
