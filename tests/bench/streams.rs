//! Load with streams: many server-sent event streams at once, and how late each event arrives.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::future::try_join_all;

/// What one run of streams saw.
pub(crate) struct Arrived {
    pub(crate) events: usize,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
}

/// Reads one stream per request to its end. The sender writes its time into each event as `@nanoseconds@`.
pub(crate) async fn run(requests: Vec<reqwest::RequestBuilder>) -> Result<Arrived, Box<dyn Error>> {
    let delays = try_join_all(requests.into_iter().map(delays_of)).await?;
    let mut delays: Vec<f64> = delays.into_iter().flatten().collect();
    if delays.is_empty() {
        return Err("the streams carried no event".into());
    }
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    Ok(Arrived {
        events: delays.len(),
        p50_microseconds: at(0.5),
        p99_microseconds: at(0.99),
    })
}

async fn delays_of(request: reqwest::RequestBuilder) -> Result<Vec<f64>, reqwest::Error> {
    let mut chunks = request.send().await?.error_for_status()?.bytes_stream();
    let mut delays = Vec::new();
    let mut rest = String::new();
    while let Some(chunk) = chunks.next().await {
        rest.push_str(&String::from_utf8_lossy(&chunk?));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let complete = rest.rfind('\n').map_or(0, |at| at + 1);
        for line in rest[..complete].lines().filter(|line| is_delta(line)) {
            if let Some(sent) = line
                .split('@')
                .nth(1)
                .and_then(|stamp| stamp.parse::<u128>().ok())
            {
                delays.push(now.saturating_sub(sent) as f64 / 1000.0);
            }
        }
        rest.drain(..complete);
    }
    Ok(delays)
}

/// Whether a line holds one new piece of text, and not a summary that repeats the pieces.
fn is_delta(line: &str) -> bool {
    line.starts_with("data:") && line.matches('@').count() == 2
}
