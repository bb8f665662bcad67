//! A target with a rate limit: the plan says how long it takes, and the copy keeps to the limit, told or not.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use crate::fake_convore;
use crate::fake_sunshine;
use crate::seeds;
use crate::site::Site;
use crate::vendors::Vendors;

/// The limit decides how long the copy takes: ten requests in a second.
const REQUESTS_PER_MINUTE: u64 = 600;
const CONVERSATIONS: usize = 6;
const MESSAGES: usize = 9;
/// How far the estimate may be from what came of it.
const FACTOR: f64 = 1.5;

async fn limited() -> Arc<Vendors> {
    let convore = fake_convore::FakeOptions {
        requests_per_minute: Some(REQUESTS_PER_MINUTE),
        ..fake_convore::FakeOptions::default()
    };
    Arc::new(Vendors::start_with(fake_sunshine::FakeOptions::default(), convore).await)
}

/// Seeds, plans and copies; the plan, how long the copy took in seconds.
fn run(site: &Site) -> (Value, f64) {
    let (roster, seeded) = seeds::at_sunshine(&site.vendors.sunshine, 3, CONVERSATIONS, MESSAGES);
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
    let vendors = limited().await;
    let site = Site::new(&vendors).with("four", "requests_per_minute = 600");
    let (told, took) = run(&site);
    let estimate = &told["plan"]["estimate"];
    assert_eq!(
        estimate["requests_per_minute"], REQUESTS_PER_MINUTE,
        "{told:#}"
    );
    assert_eq!(estimate["basis"], "configured", "{told:#}");
    let seconds = estimate["seconds"].as_f64().expect("seconds");
    let ratio = took / seconds;
    assert!(
        (1.0 / FACTOR..=FACTOR).contains(&ratio),
        "the plan said {seconds} s, the copy took {took:.1} s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_nobody_told_is_learned() {
    let vendors = limited().await;
    let site = Site::new(&vendors);
    run(&site);
    let convore = &vendors.convore;
    let (refused, asked) = (convore.refused(), convore.requests().len());
    assert!(
        refused > 0 && 5 * refused < asked,
        "{refused} of {asked} requests were refused"
    );
}
