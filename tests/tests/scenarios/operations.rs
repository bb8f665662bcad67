//! The tables of the vendors' operations name routes that the server really serves.

use tests::dragoman::Launch;

use crate::callers::{client, routes};

#[tokio::test]
async fn every_route_of_the_operation_tables_is_served() {
    let dragoman = Launch::new().start();
    let served = routes(&client(&dragoman)).await;
    let is_served = |route: &str| {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        served.iter().any(|(known, template, _)| {
            let (template, path) = (template.split('/'), path.split('/'));
            known.as_str() == method
                && template.clone().count() == path.clone().count()
                && template.zip(path).all(|(known, named)| {
                    known == named || (known.starts_with('{') && named.starts_with('{'))
                })
        })
    };
    let vendors = [
        chatter::OPERATIONS,
        datamonkey::OPERATIONS,
        sunshine::OPERATIONS,
        convore::OPERATIONS,
    ];
    let mut seen = 0;
    for operation in vendors.into_iter().flatten() {
        // Routes stand in backticks, words beside them.
        let quoted = operation.routes.split('`').skip(1).step_by(2);
        for route in quoted.filter(|quoted| quoted.contains(" /v1/")) {
            assert!(is_served(route), "{}: {route}", operation.vendor);
            seen += 1;
        }
    }
    assert!(seen > 30, "the tables name routes");
}
