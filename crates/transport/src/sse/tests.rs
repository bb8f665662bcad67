//! What the parser makes of well-formed, odd and hostile streams, whole and in pieces.

use proptest::prelude::*;

use super::*;
use crate::error::TransportErrorKind;

const LINE_MAX: usize = 200;
const EVENT_MAX: usize = 500;

/// The events of a stream that arrives in these pieces, and whether it ended inside an event.
fn read(pieces: &[&[u8]]) -> Result<(Vec<SseEvent>, bool), TransportErrorKind> {
    let mut parser = SseParser::new(LINE_MAX, EVENT_MAX);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(piece);
        while let Some(event) = parser.next_event().map_err(|error| error.kind())? {
            events.push(event);
        }
    }
    Ok((events, parser.is_inside_event()))
}

fn event(event: Option<&str>, data: &str, id: Option<&str>) -> SseEvent {
    SseEvent {
        event: event.map(str::to_owned),
        data: data.to_owned(),
        id: id.map(str::to_owned),
    }
}

fn data(text: &str) -> SseEvent {
    event(None, text, None)
}

#[test]
fn streams_are_read_as_the_standard_says() {
    let table: [(&str, Vec<SseEvent>, bool); 26] = [
        ("", vec![], false),
        ("data: a\n\n", vec![data("a")], false),
        ("data:a\n\n", vec![data("a")], false),
        ("data:  a \n\n", vec![data(" a ")], false),
        (
            "data: a\r\n\r\ndata: b\r\n\r\n",
            vec![data("a"), data("b")],
            false,
        ),
        ("data: a\r\rdata: b\r\r", vec![data("a"), data("b")], false),
        (
            "data: a\n\r\ndata: b\r\n\rdata: c\r\n\n",
            vec![data("a"), data("b"), data("c")],
            false,
        ),
        (
            "data: a\ndata: b\ndata: c\n\n",
            vec![data("a\nb\nc")],
            false,
        ),
        ("data\ndata\n\n", vec![data("\n")], false),
        ("data\n\n", vec![data("")], false),
        ("data:\n\n", vec![data("")], false),
        ("\n\n\n\ndata: a\n\n\n\n", vec![data("a")], false),
        (
            ": hello\n\n:\n\ndata: a\n: between\ndata: b\n\n",
            vec![data("a\nb")],
            false,
        ),
        (
            "event: delta\ndata: a\nid: 7\n\n",
            vec![event(Some("delta"), "a", Some("7"))],
            false,
        ),
        (
            "id: 7\ndata: a\n\ndata: b\n\n",
            vec![event(None, "a", Some("7")), data("b")],
            false,
        ),
        ("event: lost\n\ndata: a\n\n", vec![data("a")], false),
        ("event: x\nevent:\ndata: a\n\n", vec![data("a")], false),
        ("id: a\0b\ndata: a\n\n", vec![data("a")], false),
        (
            "retry: 5\nunknown: 1\nDATA: x\n data: y\ndata: a\n\n",
            vec![data("a")],
            false,
        ),
        ("data: a: b:\n\n", vec![data("a: b:")], false),
        ("\u{feff}data: a\n\n", vec![data("a")], false),
        ("\u{feff}\u{feff}data: a\n\n", vec![], false),
        ("data: \u{feff}a\n\n", vec![data("\u{feff}a")], false),
        ("data: a\n\ndata: lost\n", vec![data("a")], true),
        ("data: a\n\ndata: lost", vec![data("a")], true),
        (
            "data: {\"x\": \"\u{e9}\u{1f600}\"}\n\n",
            vec![data("{\"x\": \"\u{e9}\u{1f600}\"}")],
            false,
        ),
    ];
    for (stream, events, inside) in table {
        assert_eq!(
            read(&[stream.as_bytes()]),
            Ok((events, inside)),
            "{stream:?}"
        );
    }
}

#[test]
fn a_line_that_ends_with_cr_is_read_without_waiting_for_more() {
    let mut parser = SseParser::new(LINE_MAX, EVENT_MAX);
    parser.push(b"data: a\r\r");
    assert_eq!(parser.next_event().unwrap(), Some(data("a")));
    parser.push(b"\ndata: b\r\n\r");
    assert_eq!(parser.next_event().unwrap(), Some(data("b")));
    parser.push(b"\n");
    assert_eq!(parser.next_event().unwrap(), None);
    assert!(!parser.is_inside_event());
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_would_be_kept() {
    assert_eq!(
        read(&[b"data: \xff\n\n"]),
        Err(TransportErrorKind::InvalidResponse)
    );
    assert_eq!(
        read(&[b"data: \xc3\ndata: \xa9\n\n"]),
        Err(TransportErrorKind::InvalidResponse)
    );
    assert_eq!(
        read(&[b": \xff\ndata: a\n\n"]),
        Ok((vec![data("a")], false))
    );
}

#[test]
fn lines_and_events_at_the_limit_pass_and_longer_ones_fail() {
    let line = |bytes: usize| format!("data:{}", "x".repeat(bytes - "data:".len()));
    let too_large = Err(TransportErrorKind::BodyTooLarge);

    let stream = format!("{}\n\n", line(LINE_MAX));
    assert_eq!(read(&[stream.as_bytes()]).unwrap().0.len(), 1);
    let stream = format!("{}\n\n", line(LINE_MAX + 1));
    assert_eq!(read(&[stream.as_bytes()]), too_large);
    // An endless line is noticed before its end, comments included.
    assert_eq!(read(&[line(LINE_MAX + 1).as_bytes()]), too_large);
    assert_eq!(
        read(&[format!(":{}", "x".repeat(LINE_MAX)).as_bytes()]),
        too_large
    );

    // 251 empty data lines make 250 line feeds; 501 make 500, 502 make one too many.
    let lines = |count: usize| format!("{}\n", "data:\n".repeat(count));
    assert_eq!(
        read(&[lines(EVENT_MAX + 1).as_bytes()]).unwrap().0[0]
            .data
            .len(),
        EVENT_MAX
    );
    assert_eq!(read(&[lines(EVENT_MAX + 2).as_bytes()]), too_large);
}

#[test]
fn debug_of_an_event_does_not_show_its_data() {
    assert!(!format!("{:?}", data("planted-secret")).contains("planted"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_cutting_of_a_stream_gives_the_same_events(
        lines in prop::collection::vec(
            prop_oneof![
                4 => Just(String::new()),
                4 => "data: ?[a\u{e9}\u{1f600}: ]{0,8}",
                1 => "(event|id|retry|data|:|\u{feff}|x)[:\u{feff} a\0]{0,4}",
                1 => "data:x{150,220}",
            ],
            0..20,
        ),
        ends in prop::collection::vec(prop_oneof![Just("\n"), Just("\r"), Just("\r\n")], 20),
        begins_with_mark in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut stream = if begins_with_mark { "\u{feff}".to_owned() } else { String::new() };
        for (line, end) in lines.iter().zip(&ends) {
            stream.push_str(line);
            stream.push_str(end);
        }
        let stream = stream.as_bytes();
        let whole = read(&[stream]);

        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(&bytes), &whole);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&stream[from..cut]);
            from = cut;
        }
        pieces.push(&stream[from..]);
        prop_assert_eq!(&read(&pieces), &whole);
    }

    #[test]
    fn written_events_are_read_back(
        events in prop::collection::vec(
            (prop::option::of("[a-z]{1,5}"), "[^\r\0]{0,40}", prop::option::of("[a-z0-9]{1,5}")),
            0..8,
        ),
        end in prop_oneof![Just("\n"), Just("\r"), Just("\r\n")],
    ) {
        let mut stream = String::new();
        let mut expected = Vec::new();
        for (name, text, id) in &events {
            if let Some(name) = name {
                stream.push_str(&format!("event: {name}{end}"));
            }
            for line in text.split('\n') {
                stream.push_str(&format!("data: {line}{end}"));
            }
            if let Some(id) = id {
                stream.push_str(&format!("id: {id}{end}"));
            }
            stream.push_str(end);
            expected.push(event(name.as_deref(), text, id.as_deref()));
        }
        prop_assert_eq!(read(&[stream.as_bytes()]), Ok((expected, false)));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_exceed_the_limits(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok((events, _)) = read(&[&bytes]) {
            for event in events {
                prop_assert!(event.data.len() <= EVENT_MAX);
            }
        }
    }
}
