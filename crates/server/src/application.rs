//! What is served: the finished routes, which can be replaced while requests run.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use axum::Router;

/// The routes that are served. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Application(Arc<ArcSwap<Router>>);

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Application")
    }
}

impl From<Router> for Application {
    fn from(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }
}

impl Application {
    /// From now on every request is served by these routes. One that has begun ends on those that it began with.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    /// The routes for a request that begins now.
    pub(crate) fn now(&self) -> Router {
        Router::clone(&self.0.load())
    }
}

/// How many requests are in work. Cheap to clone; clones share it, so that the limit counts the requests of all
/// configurations together.
#[derive(Clone, Debug, Default)]
pub struct InWork(Arc<AtomicUsize>);

/// A request's place among those in work, until it is dropped.
#[derive(Debug)]
pub(crate) struct InWorkPlace(InWork);

impl InWork {
    /// A place, where fewer than `most` are taken.
    pub(crate) fn take(&self, most: usize) -> Option<InWorkPlace> {
        let taken = self.0.fetch_add(1, Ordering::Relaxed);
        // Given back when dropped, also where it was one too many.
        let place = InWorkPlace(self.clone());
        (taken < most).then_some(place)
    }
}

impl Drop for InWorkPlace {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_together_under_every_limit() {
        let in_work = InWork::default();
        let first = in_work.clone().take(2).unwrap();
        let second = in_work.take(2).unwrap();
        assert!(in_work.take(2).is_none());
        // A larger limit counts those that were taken under the smaller one.
        let third = in_work.take(3).unwrap();
        assert!(in_work.take(3).is_none());
        drop((first, second));
        assert!(in_work.take(1).is_none());
        drop(third);
        assert!(in_work.take(1).is_some());
    }
}
