//! What facades keep beside conversations: objects by name and by other name, spelled ids, and that both are erased.

use backend::Kind;
use backend::ports::{
    BackendBinding, CredentialName, Credentials, Directory, Erasure as _, FacadeObject,
    FacadeState, Keys, ObjectName, ObjectQuery,
};
use conversation::ConversationId;
use secrecy::SecretString;
use store::State;

use crate::directory::{entry, titled};
use crate::persons::{person, record};
use crate::support::{open, open_in, seconds};

fn name(tenant: &str, kind: &str, id: &str) -> ObjectName {
    ObjectName {
        facade: "vendor".into(),
        tenant: tenant.into(),
        kind: kind.into(),
        id: id.into(),
    }
}

fn object(id: &str, alias: Option<&str>) -> FacadeObject {
    FacadeObject {
        name: name("acme", "user", id),
        alias: alias.map(Into::into),
        document: format!("{{\"id\":\"{id}\"}}").into(),
        conversation: None,
        person: None,
        created_at: seconds(1),
        updated_at: seconds(2),
    }
}

fn query(after: Option<&str>, limit: usize) -> ObjectQuery {
    ObjectQuery {
        facade: "vendor".into(),
        tenant: "acme".into(),
        kind: "user".into(),
        after: after.map(Into::into),
        limit,
    }
}

async fn ids(state: &State, query: &ObjectQuery) -> Vec<Box<str>> {
    let found = state.objects(query).await.unwrap();
    found.into_iter().map(|object| object.name.id).collect()
}

#[tokio::test]
async fn an_object_is_found_by_its_name_and_by_its_other_name() {
    let (directory, store, state) = open();
    let conversation = ConversationId::generate();
    let one = FacadeObject {
        conversation: Some(conversation),
        person: Some("ann".into()),
        ..object("1", Some("one"))
    };
    state.insert_object(&one).await.unwrap();
    assert_eq!(state.object(&one.name).await.unwrap(), Some(one.clone()));
    let by_alias = state
        .object_by_alias(&name("acme", "user", ""), "one")
        .await;
    assert_eq!(by_alias.unwrap(), Some(one.clone()));
    // Nobody else's: of another tenant, of another kind.
    for other in [name("other", "user", "1"), name("acme", "label", "1")] {
        assert_eq!(state.object(&other).await.unwrap(), None);
        assert_eq!(state.object_by_alias(&other, "one").await.unwrap(), None);
    }
    drop((store, state));
    let (_store, state) = open_in(&directory);
    assert_eq!(state.object(&one.name).await.unwrap(), Some(one));
}

#[tokio::test]
async fn no_two_objects_have_one_name() {
    let (_directory, _store, state) = open();
    state
        .insert_object(&object("1", Some("one")))
        .await
        .unwrap();
    for taken in [object("1", None), object("2", Some("one"))] {
        let error = state.insert_object(&taken).await.unwrap_err();
        assert_eq!(error.kind, Kind::Conflict, "{error}");
    }
    state.insert_object(&object("2", None)).await.unwrap();
    // Many have no other name.
    state.insert_object(&object("3", None)).await.unwrap();
    let renamed = object("2", Some("one"));
    let error = state.replace_object(&object("2", None), &renamed).await;
    assert_eq!(error.unwrap_err().kind, Kind::Conflict);
    let kept = state.object(&name("acme", "user", "2")).await.unwrap();
    assert_eq!(kept, Some(object("2", None)));
}

#[tokio::test]
async fn an_object_is_replaced_only_where_it_is_what_it_was() {
    let (_directory, _store, state) = open();
    let before = object("1", Some("one"));
    state.insert_object(&before).await.unwrap();
    let after = FacadeObject {
        alias: Some("two".into()),
        document: "{}".into(),
        conversation: Some(ConversationId::generate()),
        person: Some("ann".into()),
        updated_at: seconds(3),
        ..before.clone()
    };
    assert!(state.replace_object(&before, &after).await.unwrap());
    assert_eq!(
        state.object(&before.name).await.unwrap(),
        Some(after.clone())
    );
    // Somebody who read it before knows nothing of that change.
    assert!(
        !state
            .replace_object(&before, &object("1", None))
            .await
            .unwrap()
    );
    assert!(state.remove_object(&before.name).await.unwrap());
    assert!(!state.remove_object(&before.name).await.unwrap());
    assert!(!state.replace_object(&after, &after).await.unwrap());
}

#[tokio::test]
async fn objects_are_listed_by_id_a_page_at_a_time() {
    let (_directory, _store, state) = open();
    for id in ["c", "a", "b"] {
        state.insert_object(&object(id, None)).await.unwrap();
    }
    let other = FacadeObject {
        name: name("other", "user", "d"),
        ..object("d", None)
    };
    state.insert_object(&other).await.unwrap();
    assert_eq!(ids(&state, &query(None, 2)).await, ["a".into(), "b".into()]);
    assert_eq!(ids(&state, &query(Some("b"), 2)).await, ["c".into()]);
    assert_eq!(state.count_objects(&query(Some("b"), 1)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_spelled_id_leads_to_its_conversation_for_ever() {
    let (_directory, _store, state) = open();
    let (one, two) = (ConversationId::generate(), ConversationId::generate());
    let noted = [("A".into(), one), ("B".into(), two)];
    state.spell("vendor", &noted).await.unwrap();
    state.spell("vendor", &noted).await.unwrap();
    assert_eq!(state.spelled("vendor", "A").await.unwrap(), Some(one));
    // What was shown once is not given to another.
    state.spell("vendor", &[("A".into(), two)]).await.unwrap();
    assert_eq!(state.spelled("vendor", "A").await.unwrap(), Some(one));
    assert_eq!(state.spelled("vendor", "a").await.unwrap(), None);
    assert_eq!(state.spelled("other", "A").await.unwrap(), None);
}

#[tokio::test]
async fn a_conversation_is_erased_with_what_facades_keep_of_it() {
    let (_directory, _store, state) = open();
    let (one, two) = (ConversationId::generate(), ConversationId::generate());
    for (id, conversation) in [("1", Some(one)), ("2", Some(two)), ("3", None)] {
        let object = FacadeObject {
            conversation,
            ..object(id, None)
        };
        state.insert_object(&object).await.unwrap();
    }
    for facade in ["vendor", "vendor.messages"] {
        let noted = [("A".into(), one), ("B".into(), two)];
        state.spell(facade, &noted).await.unwrap();
    }
    let erased = state.erase_conversation(one).await.unwrap();
    assert_eq!(erased.kept, 3);
    assert_eq!(ids(&state, &query(None, 9)).await, ["2".into(), "3".into()]);
    for facade in ["vendor", "vendor.messages"] {
        assert_eq!(state.spelled(facade, "A").await.unwrap(), None);
        assert_eq!(state.spelled(facade, "B").await.unwrap(), Some(two));
    }
}

#[tokio::test]
async fn a_person_is_erased_with_what_facades_keep_of_them() {
    let (_directory, _store, state) = open();
    for (tenant, id, who) in [
        ("acme", "1", Some("ann")),
        ("acme", "2", Some("bob")),
        ("acme", "3", None),
        ("other", "4", Some("ann")),
    ] {
        let object = FacadeObject {
            name: name(tenant, "user", id),
            person: who.map(Into::into),
            ..object(id, None)
        };
        state.insert_object(&object).await.unwrap();
    }
    let own = record("k-ann", "acme", Some("ann"));
    let others = record("k-bob", "acme", Some("bob"));
    for key in [&own, &others] {
        Keys::insert(&state, key).await.unwrap();
        let name = signing(&key.id);
        let secret = SecretString::from("secret");
        state.put(&name, &secret).await.unwrap();
    }
    let erased = state.erase_person(&person("acme", "ann")).await.unwrap();
    assert_eq!((erased.kept, erased.credentials), (1, 1));
    assert_eq!(ids(&state, &query(None, 9)).await, ["2".into(), "3".into()]);
    let other = state.object(&name("other", "user", "4")).await.unwrap();
    assert!(other.is_some());
    assert!(
        Credentials::get(&state, &signing("k-ann"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        Credentials::get(&state, &signing("k-bob"))
            .await
            .unwrap()
            .is_some()
    );
}

fn signing(key: &str) -> CredentialName {
    CredentialName {
        backend: "facade/vendor".into(),
        reference: format!("signing/{key}").into(),
    }
}

#[tokio::test]
async fn a_deleted_conversation_keeps_its_spelled_id_and_nothing_else() {
    let (_directory, _store, state) = open();
    let new = entry(Some("acme"), None, 1, titled("talk"));
    let id = new.location.id;
    Directory::insert(&state, new).await.unwrap();
    let about = FacadeObject {
        conversation: Some(id),
        ..object("1", None)
    };
    state.insert_object(&about).await.unwrap();
    state.spell("vendor", &[("A".into(), id)]).await.unwrap();
    state.tombstone(id).await.unwrap();
    assert_eq!(state.object(&about.name).await.unwrap(), None);
    assert_eq!(state.spelled("vendor", "A").await.unwrap(), Some(id));
}

#[tokio::test]
async fn a_backends_kind_is_remembered_when_it_is_configured_no_more() {
    let (directory, store, state) = open();
    for (name, kind) in [("b", "vendor"), ("a", "vendor"), ("c", "other")] {
        let binding = BackendBinding {
            name: name.into(),
            kind: kind.into(),
            base_url: "https://vendor.example".into(),
            account: name.into(),
        };
        state.bind_backend(&binding).await.unwrap();
    }
    drop((store, state));
    let (_store, state) = open_in(&directory);
    let names = state.backends_of_kind("vendor").unwrap();
    assert_eq!(names, ["a".into(), "b".into()]);
    assert_eq!(state.backends_of_kind("none").unwrap(), []);
}
