//! Tidy checks: what the compiler and clippy cannot see about how the repository is built and kept.

mod contract;
mod dependencies;
mod documents;
mod files;
mod layout;
mod rooms;
