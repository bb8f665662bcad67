//! What chats took, for each user: the vendor documents such statistics and never answered with any.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backend::Principal;
use conversation::Time;

use crate::wire::{Extra, PerformanceStatsResponse, Raw};

/// Counted since the start of this process.
#[derive(Clone, Debug, Default)]
struct Counted {
    chats: u64,
    total_ms: u64,
    shortest_ms: Option<u64>,
    longest_ms: u64,
    workflows: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
}

/// Whose figures they are: a tenant's, of one of its users or of those who are nobody's.
type Whose = (Box<str>, Option<Box<str>>);

/// Users of whom figures are kept; those of later ones are their tenants'.
const USERS_MAX: usize = 10_000;

/// The figures of all users.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<HashMap<Whose, Counted>>);

impl Counted {
    fn add(&mut self, other: &Self) {
        self.chats += other.chats;
        self.total_ms = self.total_ms.saturating_add(other.total_ms);
        self.shortest_ms = self.shortest_ms.into_iter().chain(other.shortest_ms).min();
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        for (counts, more) in [
            (&mut self.workflows, &other.workflows),
            (&mut self.errors, &other.errors),
        ] {
            for (name, count) in more {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
    }
}

impl Figures {
    /// One chat that ended, with the word for its failure where it failed.
    pub(super) fn note(
        &self,
        principal: &Principal,
        workflow: &str,
        took: Duration,
        failure: Option<&'static str>,
    ) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // Counters are whole after every step but the last, and then off by one.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whose = (principal.tenant.clone(), principal.user.clone());
        if all.len() >= USERS_MAX && !all.contains_key(&whose) {
            whose.1 = None;
        }
        let counted = all.entry(whose).or_default();
        counted.chats += 1;
        counted.total_ms = counted.total_ms.saturating_add(took);
        counted.shortest_ms = Some(counted.shortest_ms.map_or(took, |least| least.min(took)));
        counted.longest_ms = counted.longest_ms.max(took);
        *counted.workflows.entry(workflow.to_owned()).or_default() += 1;
        if let Some(failure) = failure {
            *counted.errors.entry(failure.to_owned()).or_default() += 1;
        }
    }

    /// What this caller may see: its user's own, or its whole tenant's where it is nobody's.
    pub(super) fn of(&self, principal: &Principal) -> serde_json::Result<PerformanceStatsResponse> {
        let mut counted = Counted::default();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((tenant, user), of_user) in all.iter() {
            let is_seen = principal.user.is_none() || principal.user == *user;
            if *tenant == principal.tenant && is_seen {
                counted.add(of_user);
            }
        }
        drop(all);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a date")]
        let timestamp = Time::now().as_millis() as f64 / 1_000.0;
        Ok(PerformanceStatsResponse {
            total_executions: counted.chats,
            avg_execution_time_ms: counted.total_ms.checked_div(counted.chats).unwrap_or(0),
            min_execution_time_ms: counted.shortest_ms.unwrap_or(0),
            max_execution_time_ms: counted.longest_ms,
            workflow_types: counted.workflows,
            error_counts: counted.errors,
            cache_stats: Raw::from_text("{}".to_owned())?,
            tool_stats: Raw::from_text("{}".to_owned())?,
            timestamp,
            extra: Extra::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(tenant: &str, user: Option<&str>) -> Principal {
        Principal {
            tenant: tenant.into(),
            key: "key".into(),
            user: user.map(Into::into),
            scopes: Vec::new(),
        }
    }

    #[test]
    fn figures_are_a_users_own_and_their_sum_the_tenants() {
        let figures = Figures::default();
        let (ada, bob) = (principal("a", Some("ada")), principal("a", Some("bob")));
        figures.note(&ada, "plain", Duration::from_millis(10), None);
        figures.note(&bob, "rag", Duration::from_millis(30), Some("timeout"));
        let own = figures.of(&ada).unwrap();
        assert_eq!((own.total_executions, own.max_execution_time_ms), (1, 10));
        assert!(own.error_counts.is_empty());
        let all = figures.of(&principal("a", None)).unwrap();
        assert_eq!(
            (
                all.total_executions,
                all.avg_execution_time_ms,
                all.min_execution_time_ms,
                all.max_execution_time_ms
            ),
            (2, 20, 10, 30)
        );
        assert_eq!(all.workflow_types.get("rag"), Some(&1));
        assert_eq!(all.error_counts.get("timeout"), Some(&1));
        let other = figures.of(&principal("b", None)).unwrap();
        assert_eq!(other.total_executions, 0);
    }
}
