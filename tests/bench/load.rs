//! Load with wrk: one kind of request over a set of paths, results as numbers.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// One kind of request.
pub(crate) struct Requests {
    pub(crate) method: &'static str,
    /// Used in turn, so that writes do not all meet in one conversation.
    pub(crate) paths: Vec<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<String>,
}

/// What one run of load saw.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
}

/// Runs load over a number of connections, with a thread for each base URL: the connections are spread evenly over
/// them, and one that stands there twice gets two shares. Any failed request makes the whole run fail: a fast error
/// is not speed.
pub(crate) fn run(
    folder: &Path,
    base_urls: &[&str],
    requests: &Requests,
    connections: usize,
    duration: Duration,
) -> io::Result<Seen> {
    let script = folder.join("load.lua");
    fs::write(&script, lua(base_urls, requests))?;
    let first_url = base_urls.first().copied().unwrap_or_default();
    let output = Command::new("wrk")
        .arg(format!("--threads={}", base_urls.len()))
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", duration.as_secs().max(1)))
        .arg("--timeout=10s")
        .arg("--script")
        .arg(&script)
        .arg(first_url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .map(|line| {
            line.split_whitespace()
                .filter_map(|field| field.parse().ok())
                .collect()
        })
        .unwrap_or_default();
    let [requests_done, microseconds, p50, p99, errors] = numbers[..] else {
        return Err(io::Error::other(format!(
            "wrk gave no result: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )));
    };
    if errors > 0.0 || requests_done == 0.0 {
        let first = requests.paths.first().map_or("", String::as_str);
        return Err(io::Error::other(format!(
            "{errors} of {requests_done} requests failed: {} {first_url}{first}",
            requests.method
        )));
    }
    Ok(Seen {
        requests: requests_done,
        per_second: requests_done * 1e6 / microseconds,
        p50_microseconds: p50,
        p99_microseconds: p99,
    })
}

/// The script that wrk runs. Text is written as JSON strings, whose escapes Lua reads alike for what stands here.
fn lua(base_urls: &[&str], requests: &Requests) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut script = String::from("local servers = {");
    for url in base_urls {
        let address = url.trim_start_matches("http://");
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
        write!(script, "{{{},{}}},", text(host), text(port))
            .expect("writing to a string cannot fail");
    }
    script.push_str("}\nlocal paths = {");
    for path in &requests.paths {
        write!(script, "{},", text(path)).expect("writing to a string cannot fail");
    }
    script.push_str("}\nlocal headers = {");
    for (name, value) in &requests.headers {
        write!(script, "[{}]={},", text(name), text(value))
            .expect("writing to a string cannot fail");
    }
    let body = requests
        .body
        .as_deref()
        .map_or_else(|| "nil".to_owned(), text);
    let method = text(requests.method);
    script.push_str("}\n");
    script.push_str(&format!(
        r#"local made, turn, threads = {{}}, 0, 0
setup = function(thread)
  threads = threads + 1
  local host, port = servers[threads][1], servers[threads][2]
  thread.addr = wrk.lookup(host, port)[1]
  thread:set("server", host .. ":" .. port)
  -- Threads begin at different paths: writes of two of them do not follow one another into one conversation.
  thread:set("first", math.floor((threads - 1) * #paths / #servers))
end
init = function()
  headers["Host"] = server
  turn = first
  for number, path in ipairs(paths) do made[number] = wrk.format({method}, path, headers, {body}) end
end
request = function()
  turn = turn % #made + 1
  return made[turn]
end
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format("RESULT %d %d %f %f %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
"#
    ));
    script
}
