//! What is previewed is what is sent, whatever is written.

use std::sync::LazyLock;

use backend::{Backend as _, Fate, Write};
use conversation::NewConversation;
use convore::{Convore, ConvoreConfig};
use proptest::prelude::*;
use testkit::generate::{Chance, assert_preview_is_stable, write};

static CONVORE: LazyLock<Convore> = LazyLock::new(|| {
    let config = ConvoreConfig::new("http://127.0.0.1:9", "key", "chnnl_1");
    Convore::new("convore", &config).expect("a usable configuration")
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_would_be_sent_has_nothing_that_is_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..160),
    ) {
        assert_preview_is_stable(&*CONVORE, &write(&mut Chance::new(&bytes)));
    }
}

#[test]
fn convore_says_itself_when_a_conversation_was_made() {
    let new = NewConversation {
        created_at: "2020-01-01T00:00:00Z".parse().ok(),
        ..NewConversation::default()
    };
    let projection = CONVORE.preview(&Write::CreateConversation(new));
    let fates: Vec<(&str, Fate)> = projection
        .fates
        .iter()
        .map(|fate| (&*fate.pointer, fate.fate))
        .collect();
    assert_eq!(fates, [("/created_at", Fate::Rejected)]);
    let left = Write::CreateConversation(NewConversation::default());
    assert_eq!(projection.write, left);
}
