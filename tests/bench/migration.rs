//! Migrations at work: copy store to store against the same rows by plain SQL, store to a vendor against what the
//! imitation of that vendor takes at all, and the memory of a copy of few messages and of many.
//!
//! Usage: `bench-migration ROUNDS FEW MANY`; `tests/bench/run` calls it. Every copy runs in a process of its own, this
//! program again: `seed FILE MESSAGES`, `copy FILE`, `copy-frugally FILE`, `copy-to-vendor FILE ADDRESS`, `vendor`.
#![expect(
    clippy::print_stdout,
    reason = "a program for people and for itself: standard output is its interface"
)]

#[path = "migration/children.rs"]
mod children;
#[path = "migration/copying.rs"]
mod copying;
#[path = "../../crates/convore/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake;
#[path = "migration/raw.rs"]
mod raw;
mod table;

use std::error::Error;
use std::fs;
use std::path::Path;

use store::StoreConfig;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::children::Copied;
use self::table::row;

/// Messages of one conversation; the last one may have fewer.
pub(crate) const MESSAGES_EACH: usize = 1_000;
/// Messages that are copied to the vendor in one round.
const TO_VENDOR: usize = 4_000;
/// Conversations that are copied at once, and callers at once of the vendor alone.
pub(crate) const AT_ONCE: usize = 8;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
    };
    match &words[..] {
        ["seed", file, messages] => {
            runtime()?.block_on(copying::seed(Path::new(file), messages.parse()?))
        }
        ["copy", file] => runtime()?.block_on(copying::to_store(StoreConfig::at(Path::new(file)))),
        ["copy-frugally", file] => runtime()?.block_on(copying::to_store(frugal(Path::new(file)))),
        ["copy-to-vendor", file, address] => {
            runtime()?.block_on(copying::to_vendor(Path::new(file), address))
        }
        ["vendor"] => runtime()?.block_on(serve_vendor()),
        [rounds, few, many] => measure(rounds.parse()?, few.parse()?, many.parse()?, &runtime()?),
        _ => Err("usage: bench-migration ROUNDS FEW MANY".into()),
    }
}

/// Serves until it is killed; the first line is where.
async fn serve_vendor() -> Outcome<()> {
    let vendor = fake::FakeConvore::start().await;
    println!("{}", vendor.base_url());
    std::future::pending::<()>().await;
    drop(vendor);
    Ok(())
}

fn measure(rounds: usize, few: usize, many: usize, runtime: &Runtime) -> Outcome<()> {
    // Beside the binary, so on a disk: a temporary folder may be in memory, where a commit costs nothing.
    let beside = std::env::current_exe()?;
    let folder = TempDir::new_in(beside.parent().ok_or("the binary has no folder")?)?;
    let at = |name: &str| folder.path().join(name);
    println!(
        "\nmigrations: {rounds} rounds, {few} messages to a store, {TO_VENDOR} to a vendor, {MESSAGES_EACH} in a conversation"
    );
    children::seed(&at("few.db"), few)?;
    children::seed(&at("vendor.db"), TO_VENDOR)?;
    let (mut to_store, mut to_vendor) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let copied = copy_of(&at("few.db"), &at("copy.db"))?;
        expect(&copied, few)?;
        let sql = raw::copy_rows(&at("few.db"), &at("sql.db"))?;
        to_store.push((few as f64 / sql, copied.per_second()));

        let vendor = children::Vendor::start()?;
        let alone = runtime.block_on(raw::imports_per_second(vendor.address(), TO_VENDOR))?;
        let vendor = children::Vendor::start()?;
        fs::copy(at("vendor.db"), at("copy.db"))?;
        let copied = children::copy_to_vendor(&at("copy.db"), vendor.address())?;
        expect(&copied, TO_VENDOR)?;
        to_vendor.push((alone, copied.per_second()));
        println!(
            "migration round {}: to a store {:.0} messages/s (plain SQL {:.0}), to a vendor {:.0} (alone {:.0})",
            round + 1,
            to_store[round].1,
            to_store[round].0,
            to_vendor[round].1,
            to_vendor[round].0
        );
    }
    table::print(
        "alone",
        &[
            row(
                "messages/s store to store, reference plain SQL",
                &to_store,
                "",
                "",
            ),
            row(
                "messages/s store to vendor, reference its imitation alone",
                &to_vendor,
                "",
                "",
            ),
        ],
    );
    let mut memory_of_few = Vec::new();
    for _ in 0..rounds {
        fs::copy(at("few.db"), at("copy.db"))?;
        let copied = children::copy_frugally(&at("copy.db"))?;
        expect(&copied, few)?;
        memory_of_few.push(copied.mebibytes);
    }
    children::seed(&at("many.db"), many)?;
    let copied = children::copy_frugally(&at("many.db"))?;
    expect(&copied, many)?;
    let memory = [(table::median(memory_of_few), copied.mebibytes)];
    let what = format!("peak memory in MiB, {many} messages, reference {few}");
    table::print("few", &[row(what, &memory, "≤ 1.2", "1.0")]);
    Ok(())
}

/// Small caches: those of SQLite are bounded by the configuration, and fill slowly; what is looked for here is what grows
/// with the messages.
fn frugal(file: &Path) -> StoreConfig {
    StoreConfig {
        write_cache_kib: 512,
        read_cache_kib: 128,
        ..StoreConfig::at(file)
    }
}

/// Copies what a file holds, within a copy of the file.
fn copy_of(seeded: &Path, file: &Path) -> Outcome<Copied> {
    fs::copy(seeded, file)?;
    children::copy(file)
}

fn expect(copied: &Copied, messages: usize) -> Outcome<()> {
    if copied.messages == messages {
        Ok(())
    } else {
        Err(format!("{} of {messages} messages were copied", copied.messages).into())
    }
}
