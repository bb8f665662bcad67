//! Looking through a whole database for what should not be: for operators, before an upgrade and after a copy.

use backend::Result;

use crate::sql::params;
use crate::store::Store;

/// What must not be found, and the statement that counts it.
const RULES: &[(&str, &str)] = &[
    (
        "conversations whose number of messages is not that of the messages they have",
        "SELECT count(*) FROM conversations c WHERE c.messages <> \
         (SELECT count(*) FROM messages m WHERE m.conversation = c.number)",
    ),
    (
        "messages that are numbered beyond what came into their conversation",
        "SELECT count(*) FROM messages m JOIN conversations c ON c.number = m.conversation \
         WHERE m.arrival > c.arrivals",
    ),
    (
        "ratings that are not counted at their message",
        "SELECT count(*) FROM messages m WHERE m.votes <> \
         (SELECT count(*) FROM ratings r WHERE r.message = m.number)",
    ),
    (
        "attachments whose bytes are missing",
        "SELECT count(*) FROM attachments a WHERE NOT EXISTS \
         (SELECT 1 FROM blobs b WHERE b.sha256 = a.sha256)",
    ),
    (
        "attachments beside a vendor whose bytes are missing",
        "SELECT count(*) FROM overlay_attachments a WHERE NOT EXISTS \
         (SELECT 1 FROM blobs b WHERE b.sha256 = a.sha256)",
    ),
    (
        "kept messages that are numbered beyond what came into their conversation",
        "SELECT count(*) FROM overlay_messages m JOIN overlay_conversations c ON c.number = m.conversation \
         WHERE m.arrival > c.arrivals",
    ),
    (
        "terms of filters that belong to no conversation",
        "SELECT count(*) FROM directory_terms t WHERE NOT EXISTS \
         (SELECT 1 FROM directory d WHERE d.number = t.entry)",
    ),
    (
        "items of migrations that are counted wrongly",
        "SELECT count(*) FROM (SELECT i.migration, i.state, i.sign, count(*) AS found FROM migration_items i \
         GROUP BY i.migration, i.state, i.sign) s LEFT JOIN migration_tallies t ON t.migration = s.migration \
         AND t.state = s.state AND t.sign = s.sign WHERE coalesce(t.conversations, 0) <> s.found",
    ),
];

impl Store {
    /// Looks through the whole database: its structure, as far as the engine tells, and rules of ours. What it finds, in
    /// words; nothing where all is well. Slow, and meant for a quiet hour: the rules are looked at in one moment.
    ///
    /// # Errors
    /// Where the database cannot be read, or its engine says that it is damaged.
    pub async fn verify(&self) -> Result<Vec<String>> {
        if let Some(sqlite) = self.sqlite() {
            sqlite.check_integrity()?;
        }
        self.read_together(|connection| {
            let mut findings = Vec::new();
            for (what, sql) in RULES {
                let count: u64 = connection
                    .prepare_cached(sql)?
                    .query_row(params![], |row| row.get(0))?;
                if count > 0 {
                    findings.push(format!("{count} {what}"));
                }
            }
            Ok(findings)
        })
        .await
    }
}
