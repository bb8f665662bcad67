//! What an operator should know before copying, told from what both backends can do.

use backend::{Capabilities, Enumerates, SettleSupport};

use crate::run::Run;

/// All notices, those of the source first.
pub(super) fn notices(run: &Run) -> Vec<String> {
    let mut notices = of_source(run, &run.from.stack.capabilities());
    notices.extend(of_target(run, &run.to.stack.capabilities()));
    if !run.spec.filter.is_whole() || !run.spec.roster.is_empty() {
        notices.push(
            "new conversations do not follow to the target by themselves after the switch: only a migration of all \
             conversations, or of all of one tenant, leads them there"
                .to_owned(),
        );
    }
    notices
}

fn of_source(run: &Run, can: &Capabilities) -> Vec<String> {
    let name = &run.spec.from;
    let mut notices = Vec::new();
    if can.enumerates == Enumerates::User && run.spec.roster.is_empty() {
        notices.push(format!(
            "`{name}` lists conversations by end user, and no roster is given: only conversations that the gateway knows \
             already are migrated"
        ));
    }
    if can.access_expires {
        notices.push(format!(
            "access to conversations of `{name}` ends by itself: copy and switch before it does; what is kept here \
             remains readable"
        ));
    }
    match (can.transactional, can.change_mark) {
        // Nobody writes to it past the gateway, which knows what has changed.
        (true, _) => {}
        (false, true) => notices.push(format!(
            "`{name}` tells that a message was added to a conversation, and not that one was edited past the gateway: a \
             further copy overlooks that, until a check has found it"
        )),
        (false, false) => notices.push(format!(
            "`{name}` does not tell that a conversation has changed: each further copy reads all messages again"
        )),
    }
    let limit = run
        .from
        .requests_per_minute
        .or(can.limits.requests_per_minute);
    if let Some(limit) = limit {
        notices.push(shared_limit(name, limit));
    }
    notices
}

fn of_target(run: &Run, can: &Capabilities) -> Vec<String> {
    let name = &run.spec.to;
    let mut notices = Vec::new();
    let has_vendor = can.create_requests > 0;
    if has_vendor && can.import_requests == 0 {
        notices.push(format!(
            "history is kept beside `{name}` and not given to its vendor: nobody is notified of it, and only readers \
             through the gateway see it"
        ));
    }
    if can.import_requests > 0 && can.delivers {
        notices.push(format!(
            "history is written to the vendor of `{name}`, which delivers messages: copies are imported and never \
             posted, yet the vendor's own webhooks or bots may see them; where that must not be, set up the backend to \
             keep imported history beside it"
        ));
    }
    if can.access_expires {
        notices.push(format!(
            "access to conversations of `{name}` ends by itself: what the vendor holds is out of reach then, what is \
             kept here remains readable"
        ));
    }
    if has_vendor && can.settle == SettleSupport::None {
        notices.push(format!(
            "whether a write to `{name}` was done whose answer was lost cannot be found out: such conversations stop and \
             are named"
        ));
    }
    if has_vendor && !can.conversation_delete.works() {
        notices.push(format!(
            "`{name}` deletes no conversations: copies that are not wanted any more stay at its vendor"
        ));
    }
    notices.push(format!(
        "how many messages of a conversation are unread begins anew at `{name}`: what was read elsewhere is not copied"
    ));
    if !can.respond.works() {
        notices.push(format!(
            "`{name}` has no AI of its own: conversations there are answered by people, or by a responder of the gateway"
        ));
    }
    let limit = run
        .to
        .requests_per_minute
        .or(can.limits.requests_per_minute);
    if let Some(limit) = limit {
        notices.push(shared_limit(name, limit));
    }
    notices
}

fn shared_limit(name: &str, limit: u64) -> String {
    format!(
        "`{name}` is asked at most {limit} times a minute by migrations; where that is all that its vendor allows, live \
         traffic shares it: set `requests_per_minute` lower to leave room"
    )
}
