//! The request metrics, with their handles kept: looking one up by its labels costs more than counting.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

/// `dragoman_http_requests_in_flight`, `dragoman_http_requests_total` and `dragoman_http_request_duration_seconds`.
pub(in crate::middleware) struct RequestMetrics {
    in_flight: Gauge,
    /// By route. Routes are the patterns of the route table, so there are few.
    routes: RwLock<HashMap<String, Arc<Outcomes>>>,
}

/// By method and status. A handful per route, so looking through them is cheap.
type Outcomes = RwLock<Vec<(&'static str, u16, Counter, Histogram)>>;

impl RequestMetrics {
    /// Handles of the recorder that is installed now.
    pub(in crate::middleware) fn new() -> Self {
        RequestMetrics {
            in_flight: metrics::gauge!("dragoman_http_requests_in_flight"),
            routes: RwLock::default(),
        }
    }

    pub(super) fn begin(&self) {
        self.in_flight.increment(1);
    }

    pub(super) fn end(&self, method: &'static str, route: &str, status: u16, duration: Duration) {
        self.in_flight.decrement(1);
        let outcomes = self.outcomes_of(route);
        let (counter, histogram) = handles_of(&outcomes, method, route, status);
        counter.increment(1);
        histogram.record(duration.as_secs_f64());
    }

    fn outcomes_of(&self, route: &str) -> Arc<Outcomes> {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcomes) = known.get(route) {
            return Arc::clone(outcomes);
        }
        drop(known);
        let mut known = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(route.to_owned()).or_default())
    }
}

fn handles_of(
    outcomes: &Outcomes,
    method: &'static str,
    route: &str,
    status: u16,
) -> (Counter, Histogram) {
    let find = |outcomes: &[(&'static str, u16, Counter, Histogram)]| {
        outcomes
            .iter()
            .find(|(known_method, known_status, ..)| {
                *known_method == method && *known_status == status
            })
            .map(|(_, _, counter, histogram)| (counter.clone(), histogram.clone()))
    };
    let found = find(&outcomes.read().unwrap_or_else(PoisonError::into_inner));
    if let Some(handles) = found {
        return handles;
    }
    let mut outcomes = outcomes.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(handles) = find(&outcomes) {
        return handles;
    }
    let (name, code) = (route.to_owned(), status.to_string());
    let counter = metrics::counter!(
        "dragoman_http_requests_total", "method" => method, "route" => name.clone(), "status" => code.clone()
    );
    let histogram = metrics::histogram!("dragoman_http_request_duration_seconds", "route" => name, "status" => code);
    outcomes.push((method, status, counter.clone(), histogram.clone()));
    (counter, histogram)
}
