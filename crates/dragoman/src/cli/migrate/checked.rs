//! What a check found, line by line: a sign for each conversation, and what differs below it.

use std::collections::BTreeMap;

use backend::ports::{Finding, Item, Sign};
use conversation::ConversationId;
use migration::Status;

use super::report;
use super::shown;
use crate::cli::client::Reached;
use crate::cli::print;
use crate::failure::Failure;

/// So many exceptions are named by a job that is no check.
const NAMED_MAX: usize = 10;

/// Prints a line for each conversation, its exceptions below it, and the summary.
pub(super) async fn show(
    reached: &Reached,
    status: &Status,
    quiet_same: bool,
) -> Result<(), Failure> {
    let id = status.record.id.to_string();
    let mut of_conversations: BTreeMap<ConversationId, Vec<Finding>> = BTreeMap::new();
    let mut of_all = Vec::new();
    report::findings(reached, &id, |finding| {
        match finding.conversation {
            Some(conversation) => of_conversations
                .entry(conversation)
                .or_default()
                .push(finding),
            None => of_all.push(finding),
        }
        Ok(())
    })
    .await?;
    report::items(reached, &id, |item| {
        if quiet_same && item.sign == Some(Sign::Same) {
            return Ok(());
        }
        let findings = of_conversations
            .remove(&item.conversation)
            .unwrap_or_default();
        Ok(print::out(&lines(&item, &findings))?)
    })
    .await?;
    for finding in of_all.iter().chain(of_conversations.values().flatten()) {
        print::out(&line_of(finding))?;
    }
    print::out(&shown::checked(status))?;
    Ok(())
}

/// The first exceptions of a job that has some, a line for each with its conversation, and where all of them stand.
pub(super) async fn first_exceptions(reached: &Reached, id: &str) -> Result<String, Failure> {
    let (findings, has_more) = report::first_findings(reached, id, NAMED_MAX).await?;
    let mut text = String::new();
    for finding in &findings {
        if let Some(conversation) = finding.conversation {
            text.push_str(&format!("{conversation} "));
        }
        text.push_str(&line_of(finding));
    }
    if has_more {
        text.push_str(&format!("and more: dragoman migrate report {id}\n"));
    }
    Ok(text)
}

/// A conversation's line, with what was found of it.
fn lines(item: &Item, findings: &[Finding]) -> String {
    let sign = item.sign.map_or("?", Sign::as_str);
    let mut text = format!("{sign} {}\n", item.conversation);
    for finding in findings {
        text.push_str("  ");
        text.push_str(&line_of(finding));
    }
    text
}

fn line_of(finding: &Finding) -> String {
    let mut text = finding.sign.as_str().to_owned();
    if let Some(message) = &finding.message {
        text.push_str(&format!(" message {message}"));
    }
    text.push_str(&format!(" {}: {}", finding.reason, finding.detail));
    if !finding.next_step.is_empty() {
        text.push_str(&format!(" -> {}", finding.next_step));
    }
    text.push('\n');
    text
}
