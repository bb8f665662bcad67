//! Sunshine to Convore with a roster, the copying process killed at random moments, again and again: at the end
//! everything is there once, in order, with its own times, and the proof says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::figures;

use crate::fake_convore::{self, FakeConvore};
use crate::fake_sunshine::{self, Fault};
use crate::generated::{Generator, seed};
use crate::seeds::{self, Seeded};
use crate::site::Site;
use crate::vendors::Vendors;

/// How often the process is killed; the environment may ask for more.
const KILLS: usize = 20;
const KILLS_VARIABLE: &str = "DRAGOMAN_TEST_KILLS";
/// Messages that are copied for each kill, about; a kill comes after half as many on average, so work is left for
/// the last one too.
const MESSAGES_PER_KILL: usize = 40;
const MESSAGES: usize = 25;
const USERS: usize = 5;
/// Every so manieth kill comes at a moment of the clock instead: while starting, planning or settling.
const BY_CLOCK_EVERY: usize = 4;
/// The latest such moment, in milliseconds.
const BY_CLOCK_MS: u64 = 2_500;
/// How long one attempt may take until its moment comes. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause between two looks at the vendor.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Writes at the target take a while, are answered a while after that, and some are very late: a killed process leaves
/// writes behind that are applied when it is gone.
fn late(number: u64) -> (Duration, Duration) {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let before = if random.is_multiple_of(41) {
        600
    } else {
        random % 7
    };
    (
        Duration::from_millis(before),
        Duration::from_millis((random >> 8) % 7),
    )
}

/// What went on in the vendor at the end of the run.
struct Witness {
    lost: usize,
    doubled: usize,
    findings: Vec<String>,
}

/// Compares what the target holds with what was seeded.
fn look_at(convore: &FakeConvore, seeded: &[Seeded]) -> Witness {
    let mut witness = Witness {
        lost: 0,
        doubled: 0,
        findings: Vec::new(),
    };
    let mut copies: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for native in convore.conversation_ids() {
        let held = convore.messages(&native);
        let first = held.first().and_then(|one| one.text_body.value().cloned());
        let of =
            first.and_then(|text| seeded.iter().position(|one| text.contains(&*one.said[0].0)));
        match of {
            Some(of) => copies.entry(of).or_default().push(native),
            None => {
                witness.doubled += 1;
                let count = held.len();
                let finding = format!("{native} with {count} messages is nobody's copy");
                witness.findings.push(finding);
            }
        }
    }
    for (number, source) in seeded.iter().enumerate() {
        let found = copies.remove(&number).unwrap_or_default();
        let [native] = &found[..] else {
            let name = &source.native;
            witness
                .findings
                .push(format!("{name} has the copies {found:?}"));
            if found.is_empty() {
                witness.lost += source.said.len();
            } else {
                witness.doubled += found.len() - 1;
            }
            continue;
        };
        let held: Vec<(String, String)> = convore
            .messages(native)
            .into_iter()
            .map(|one| (one.text_body.into_value().unwrap_or_default(), one.date))
            .collect();
        for (words, _) in &source.said {
            match held
                .iter()
                .filter(|(text, _)| text.contains(&**words))
                .count()
            {
                0 => witness.lost += 1,
                1 => {}
                more => {
                    witness.doubled += more - 1;
                    let times: Vec<String> = convore
                        .messages(native)
                        .into_iter()
                        .filter(|one| {
                            one.text_body
                                .value()
                                .is_some_and(|text| text.contains(&**words))
                        })
                        .map(|one| one.created_at)
                        .collect();
                    let finding = format!("{native}: {words:?} was stored at {times:?}");
                    witness.findings.push(finding);
                }
            }
        }
        let is_in_order = held.len() == source.said.len()
            && held
                .iter()
                .zip(&source.said)
                .all(|((text, date), (words, at))| {
                    let date = date.parse::<jiff::Timestamp>().expect("a time");
                    text.contains(&**words) && date.as_millisecond() == *at
                });
        if !is_in_order {
            let held: Vec<&String> = held.iter().map(|(text, _)| text).collect();
            let finding = format!("{native} is not {}: {held:?}", source.native);
            witness.findings.push(finding);
        }
    }
    witness
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let seed = seed();
    let kills = std::env::var(KILLS_VARIABLE).ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut random = Generator::new("killed", seed);
    let started = Instant::now();
    let vendors = Vendors::start_with(
        fake_sunshine::FakeOptions {
            messages_per_page: 10,
            ..fake_sunshine::FakeOptions::default()
        },
        fake_convore::FakeOptions {
            write_delays: late,
            ..fake_convore::FakeOptions::default()
        },
    );
    let site = Site::new(&Arc::new(vendors.await)).settling_soon();
    let (sunshine, convore) = (&site.vendors.sunshine, &site.vendors.convore);
    let conversations = (kills * MESSAGES_PER_KILL).div_ceil(MESSAGES).max(8);
    let (roster, seeded) = seeds::at_sunshine(sunshine, USERS, conversations, MESSAGES);
    let roster = site.write("roster.txt", &roster);

    // The first start makes the database.
    drop(site.serve());
    let (migration, plan) = site.plan("three", "four", &["--roster", &roster]);
    assert_eq!(plan["plan"]["conversations"], seeded.len(), "{plan:#}");
    assert_eq!(convore.writes(), 0, "a plan writes nothing");

    let (mut killed, mut doubts, mut rounds) = (0, 0, 0);
    while killed < kills {
        rounds += 1;
        let when = format!("seed {seed}, kill {killed} of {kills}");
        assert!(
            rounds < 4 * kills,
            "{when}: the copy ends before it is killed"
        );
        // The source fails now and then too.
        sunshine.inject_times("ListMessages", Fault::CutMidBody, rounds % 3);
        let mut copy = site.begin(&["migrate", "copy", &migration]);
        let begun = Instant::now();
        let by_clock = rounds % BY_CLOCK_EVERY == 0;
        let wait = Duration::from_millis(random.any(&(0..BY_CLOCK_MS)));
        let until = convore.writes() + random.any(&(0..MESSAGES_PER_KILL as u64));
        let reached = || match by_clock {
            true => begun.elapsed() >= wait,
            false => convore.writes() >= until,
        };
        while copy.is_running() && !reached() {
            assert!(begun.elapsed() < PATIENCE, "{when}: nothing is written");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        // Somewhere between two writes, or inside one.
        let little = Duration::from_micros(random.any(&(0..15_000_u64)));
        tokio::time::sleep(little).await;
        if copy.is_running() {
            copy.kill();
            killed += 1;
            doubts += site.open_intents();
            site.let_leases_end().await;
        } else {
            let ran = copy.wait();
            assert!(ran.status.success(), "{when}: {}{}", ran.output, ran.errors);
        }
    }

    site.ends(0, &["migrate", "copy", &migration]);
    let checked = site.tells(0, &["migrate", "check", &migration]);
    assert_eq!(checked["check"]["same"], seeded.len(), "{checked:#}");
    assert_eq!(checked["check"]["messages"], seeded.len() * MESSAGES);
    assert_eq!(
        checked["check"]["source_root"], checked["check"]["target_root"],
        "{checked:#}"
    );

    let before = convore.writes();
    site.ends(0, &["migrate", "copy", &migration]);
    assert_eq!(convore.writes(), before, "a second copy writes nothing");

    let witness = look_at(convore, &seeded);
    figures::print(
        "copy, killed",
        &[
            ("kills", killed.to_string()),
            ("doubts settled", doubts.to_string()),
            ("doubled", witness.doubled.to_string()),
            ("lost", witness.lost.to_string()),
            ("messages", (seeded.len() * MESSAGES).to_string()),
            ("seconds", started.elapsed().as_secs().to_string()),
            ("seed", seed.to_string()),
        ],
    );
    assert!(
        witness.findings.is_empty() && witness.lost + witness.doubled == 0,
        "seed {seed}: {} lost, {} doubled:\n{}",
        witness.lost,
        witness.doubled,
        witness.findings.join("\n")
    );
    assert!(convore.doubled().is_empty(), "{:#?}", convore.doubled());
}
