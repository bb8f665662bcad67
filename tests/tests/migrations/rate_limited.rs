//! A target with a rate limit: the plan says how long it takes, and the copy keeps to the limit, told or not.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use crate::fake_convore;
use crate::fake_sunshine;
use crate::seeds;
use crate::site::Site;
use crate::vendors::Vendors;

/// The limit decides how long the copy takes, also on a slow machine: two requests in a second.
const REQUESTS_PER_MINUTE: u64 = 120;
/// Ten in a second: after each refusal so many pass.
const MORE_PER_MINUTE: u64 = 600;
/// A machine that asks less often than this in a second meets no limit.
const SLOW_PER_SECOND: f64 = 2.0;
/// How many conversations, and messages of each: a few, and more than may come at once.
const FEW: (usize, usize) = (2, 5);
const MANY: (usize, usize) = (6, 9);
/// By how much the copy may be faster than was estimated.
const FACTOR: f64 = 1.5;

async fn limited(requests_per_minute: u64) -> Arc<Vendors> {
    let convore = fake_convore::FakeOptions {
        requests_per_minute: Some(requests_per_minute),
        ..fake_convore::FakeOptions::default()
    };
    Arc::new(Vendors::start_with(fake_sunshine::FakeOptions::default(), convore).await)
}

/// Seeds, plans and copies; the plan, how long the copy took in seconds.
fn run(site: &Site, (conversations, messages): (usize, usize)) -> (Value, f64) {
    let (roster, seeded) = seeds::at_sunshine(&site.vendors.sunshine, 3, conversations, messages);
    let roster = site.write("roster.txt", &roster);
    drop(site.serve());
    let (migration, told) = site.plan("three", "four", &["--roster", &roster]);
    let started = Instant::now();
    site.ends(0, &["migrate", "copy", &migration]);
    let took = started.elapsed().as_secs_f64();
    let checked = site.tells(0, &["migrate", "check", &migration]);
    assert_eq!(checked["check"]["same"], seeded.len(), "{checked:#}");
    let doubled = site.vendors.convore.doubled();
    assert!(doubled.is_empty(), "{doubled:#?}");
    (told, took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_says_how_long_a_limited_copy_takes() {
    let vendors = limited(REQUESTS_PER_MINUTE).await;
    let site = Site::new(&vendors).with("four", "requests_per_minute = 120");
    let (told, took) = run(&site, FEW);
    let estimate = &told["plan"]["estimate"];
    assert_eq!(
        estimate["requests_per_minute"], REQUESTS_PER_MINUTE,
        "{told:#}"
    );
    assert_eq!(estimate["basis"], "configured", "{told:#}");
    let seconds = estimate["seconds"].as_u64().expect("seconds");
    let requests = estimate["target_requests"].as_u64().expect("a count");
    let limited = (requests * 60).div_ceil(REQUESTS_PER_MINUTE);
    assert_eq!(seconds, limited, "{told:#}");
    // How much longer it takes is the machine's affair; faster it can hardly be.
    assert!(
        took * FACTOR >= seconds as f64,
        "the plan said {seconds} s, the copy took {took:.1} s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_nobody_told_is_learned() {
    let vendors = limited(MORE_PER_MINUTE).await;
    let site = Site::new(&vendors);
    let began = Instant::now();
    run(&site, MANY);
    let convore = &vendors.convore;
    let (refused, asked) = (convore.refused(), convore.requests().len());
    let is_slow = (asked as f64) < SLOW_PER_SECOND * began.elapsed().as_secs_f64();
    assert!(
        (refused > 0 || is_slow) && 5 * refused < asked,
        "{refused} of {asked} requests were refused"
    );
}
