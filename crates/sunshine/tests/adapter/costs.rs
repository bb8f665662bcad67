//! What a copy costs, as many requests as the capabilities say; and what a delete leaves behind.

use std::num::NonZeroU32;

use backend::{Applied, Backend, Context, Intent, Kind, Location, Settled, Write};
use conversation::{NewConversation, NewMessage, Role, Time};
use sunshine::{ImportMode, Sunshine, SunshineConfig};

use crate::fake::FakeSunshine;
use crate::support::{config, create, cx};

fn with(fake: &FakeSunshine, import_mode: ImportMode, most: Option<u32>) -> Sunshine {
    let config = SunshineConfig {
        import_mode,
        requests_per_minute: most.and_then(NonZeroU32::new),
        ..config(fake)
    };
    Sunshine::new("sunshine", &config).unwrap()
}

#[tokio::test]
async fn a_create_and_an_import_take_as_many_requests_as_is_said() {
    for mode in [ImportMode::Overlay, ImportMode::Post] {
        let fake = FakeSunshine::start().await;
        let sunshine = with(&fake, mode, None);
        let can = sunshine.capabilities();
        create(&sunshine).await;
        let mut places = Vec::new();
        for _ in 0..3 {
            let before = fake.received().len();
            places.push(create(&sunshine).await);
            let sent = fake.received().len() - before;
            assert_eq!(u32::try_from(sent), Ok(can.create_requests));
        }
        if mode == ImportMode::Overlay {
            assert_eq!(
                (can.import_requests, can.message_import.works()),
                (0, false)
            );
            continue;
        }
        for count in [1_usize, 1, 1, 10, 20] {
            let history = (0..count).map(|number| NewMessage {
                sent_at: "2020-01-01T00:00:00.000Z".parse().ok(),
                ..NewMessage::text(Role::Assistant, number.to_string())
            });
            let before = fake.received().len();
            let results = sunshine
                .import_messages(&cx(), &places[0], history.collect())
                .await;
            assert!(results.unwrap().iter().all(Result::is_ok));
            let sent = fake.received().len() - before;
            assert_eq!(sent, usize::try_from(can.import_requests).unwrap() * count);
        }
    }
}

#[tokio::test]
async fn copies_are_paced_only_where_that_is_configured() {
    let fake = FakeSunshine::start().await;
    for (set, wanted) in [(None, None), (Some(7), Some(7))] {
        let limits = with(&fake, ImportMode::Overlay, set).capabilities().limits;
        assert_eq!(limits.requests_per_minute, wanted);
    }
}

#[tokio::test]
async fn a_delete_tells_that_a_users_first_conversation_stays() {
    let fake = FakeSunshine::start().await;
    let sunshine = with(&fake, ImportMode::Overlay, None);
    let mut told = Vec::new();
    let intent = |cx: &Context, at: &Location| Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write: Write::DeleteConversation,
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    // Of two conversations of a user one is the first, which the vendor does not let go.
    for _ in 0..2 {
        let made = sunshine
            .create_conversation(&cx(), NewConversation::default())
            .await
            .unwrap();
        told.push((made.location, Vec::new()));
    }
    for (at, fates) in &mut told {
        let cx = cx();
        sunshine.delete_conversation(&cx, at, None).await.unwrap();
        *fates = cx.trace.fates();
        let gone = sunshine.get_conversation(&cx, at).await;
        assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
        // Also for who asks what became of it, and who deletes it again.
        let (asking, again) = (self::cx(), self::cx());
        let settled = sunshine.settle(&asking, &intent(&cx, at)).await.unwrap();
        assert_eq!(settled, Settled::Applied(Applied::Nothing));
        let gone = sunshine.delete_conversation(&again, at, None).await;
        assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
        assert_eq!(
            (asking.trace.fates(), again.trace.fates()),
            (fates.clone(), fates.clone())
        );
    }
    let kept: Vec<_> = told.iter().filter(|(_, fates)| !fates.is_empty()).collect();
    assert_eq!(kept.len(), 1, "{told:?}");
    let (at, fates) = kept[0];
    assert_eq!(*fates[0].0, *at.id.to_string());
    assert!(
        fates[0]
            .1
            .detail
            .starts_with("hidden, still held by sunshine")
    );
}
