//! Copies at a backend that stores only through its AI.

use backend::ports::{Directory as _, NewDirectoryEntry};
use backend::{Applied, Backend as _, Context, Intent, Location, Settled, Write};
use conversation::{ConversationId, NewConversation, Role, Time};

use crate::bench::{Bench, asking, completed, cx, texts};
use crate::chatty::Manner;

fn copying(id: ConversationId) -> Context {
    Context {
        copying: true,
        public_id: Some(id),
        ..cx()
    }
}

fn of_title(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

#[tokio::test]
async fn a_copy_has_its_public_id_also_where_its_create_was_lost() {
    let bench = Bench::new(Manner::default());
    let id = ConversationId::generate();
    let cx = copying(id);
    let long = "a title that is longer than it takes";
    let started_at = Time::now();
    let made = bench
        .overlay
        .create_conversation(&cx, of_title(long))
        .await
        .unwrap();
    assert_eq!((made.location.id, made.conversation.id), (id, id));
    let intent = Intent {
        id: cx.intent,
        location: None,
        write: Write::CreateConversation(of_title(long)),
        started_at,
        deadline_at: Time::now(),
    };
    for looks_only in [true, false] {
        let cx = Context {
            looks_only,
            ..cx.clone()
        };
        let settled = bench.restarted().settle(&cx, &intent).await.unwrap();
        let Settled::Applied(Applied::Conversation(found)) = settled else {
            panic!("{settled:?}")
        };
        assert_eq!(found.location, made.location);
        assert_eq!(found.conversation.id, id);
    }
    let read = bench
        .overlay
        .get_conversation(&cx, &made.location)
        .await
        .unwrap();
    assert_eq!((read.id, read.title.as_deref()), (id, Some(long)));
}

#[tokio::test]
async fn a_copy_whose_access_ended_moves_into_a_new_home_that_is_renamed() {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let id = ConversationId::generate();
    let made = bench
        .overlay
        .create_conversation(&copying(id), of_title("old"))
        .await
        .unwrap();
    let at = Location {
        renamed: true,
        ..made.location
    };
    let entry = NewDirectoryEntry {
        location: at.clone(),
        tenant: Some("t".into()),
        owner: Some("u".into()),
        document: made.conversation,
    };
    bench.state.insert(entry).await.unwrap();
    bench
        .import(&at, &[(Role::User, "before", "2001-01-01T00:00:00Z")])
        .await;
    bench.chatty.end(&at.native);
    let events = bench.ask(&at, asking("go on")).await;
    completed(&events);
    let home = bench.home(&at).await;
    assert_ne!(home.native, at.native);
    assert_eq!(home.id, id);
    let home = Location {
        renamed: true,
        ..home
    };
    let shown = texts(&bench.shown(&home).await);
    assert_eq!(shown[..2], ["before", "go on"]);
    let cx = cx();
    bench
        .overlay
        .delete_conversation(&cx, &home, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_delete_tells_that_an_earlier_home_is_still_held() {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.ask(&at, asking("first")).await;
    bench.chatty.end(&at.native);
    bench.ask(&at, asking("second")).await;
    let home = bench.home(&at).await;
    let cx = cx();
    bench
        .overlay
        .delete_conversation(&cx, &home, None)
        .await
        .unwrap();
    let fates = cx.trace.fates();
    assert!(
        fates.iter().any(|(of, fate)| **of == *at.id.to_string()
            && fate.detail.starts_with("hidden, still held")),
        "{fates:?}"
    );
    // One that lived in one place only is gone.
    let at = bench.create().await;
    bench.ask(&at, asking("first")).await;
    let cx = self::cx();
    bench
        .overlay
        .delete_conversation(&cx, &at, None)
        .await
        .unwrap();
    assert_eq!(cx.trace.fates(), []);
}
