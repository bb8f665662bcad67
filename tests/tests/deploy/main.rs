//! What stands in `deploy/`: every file is read, and what one says of another, of the program and its settings is true.

mod compose;
mod dockerfile;
mod examples;
mod files;
mod kubernetes;
mod monitoring;
mod nginx;
mod pages;
mod systemd;
