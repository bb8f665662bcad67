//! The same JSON with its members in another order.

use conversation::RawJson;
use serde_json::value::RawValue;

/// `json` with the members of every object turned around by a number drawn from `seed`.
pub(crate) fn shuffled(json: &str, seed: u64) -> String {
    let mut state = seed;
    turn(json, &mut state)
}

fn next(state: &mut u64) -> usize {
    // Knuth's MMIX constants; any spread will do.
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn turn(json: &str, state: &mut u64) -> String {
    match json.as_bytes().first() {
        Some(b'{') => {
            let members: std::collections::BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(json).expect("valid by construction");
            let mut members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| {
                    format!(
                        "{}: {}",
                        serde_json::to_string(&key).expect("valid by construction"),
                        turn(value.get(), state)
                    )
                })
                .collect();
            // Fisher–Yates.
            for index in (1..members.len()).rev() {
                members.swap(index, next(state) % (index + 1));
            }
            format!("{{ {} }}", members.join(" , "))
        }
        Some(b'[') => {
            let items: Vec<Box<RawValue>> =
                serde_json::from_str(json).expect("valid by construction");
            let items: Vec<String> = items.iter().map(|item| turn(item.get(), state)).collect();
            format!("[{}]", items.join(","))
        }
        _ => json.to_owned(),
    }
}

#[test]
fn shuffling_changes_the_order_and_nothing_else() {
    let json = r#"{"a":1,"b":[{"c":2,"d":{"e":3,"f":4}}],"g":"x { y"}"#;
    let orders: std::collections::BTreeSet<String> =
        (0..20).map(|seed| shuffled(json, seed)).collect();
    assert!(orders.len() > 5, "{orders:?}");
    for order in orders {
        assert_eq!(
            RawJson::parse(&order).expect("valid by construction"),
            RawJson::parse(json).expect("valid by construction")
        );
    }
}
