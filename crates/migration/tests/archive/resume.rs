//! An export that is killed at any write goes on, and ends as if it had not been.

use migration::archive::{Line, MANIFEST, Reader, verify};

use crate::memory::Memory;
use crate::samples::{conversation, export, many};

fn lines() -> Vec<Line> {
    let mut lines = many(3);
    // Several frames, one conversation over two of them.
    for number in 3..6 {
        let messages = if number == 4 { 4 } else { 2 };
        lines.extend(conversation(number, messages, 270_000));
    }
    lines
}

#[test]
fn an_export_that_is_killed_at_any_write_goes_on() {
    let lines = lines();
    let mut whole = Memory::default();
    let expected = export(&mut whole, &lines).unwrap();
    let mut kills = 0;
    for writes in 1.. {
        let mut folder = Memory {
            writes_left: Some(writes),
            ..Memory::default()
        };
        if export(&mut folder, &lines).is_ok() {
            break;
        }
        kills += 1;
        if writes % 2 == 0 {
            // Killed once more on the way.
            folder.writes_left = Some(4);
            let _killed_again = export(&mut folder, &lines);
        }
        folder.writes_left = None;
        let manifest = match export(&mut folder, &lines) {
            Ok(manifest) => manifest,
            // The second run came to the end.
            Err(_) => Reader::open(&folder).unwrap().manifest().clone(),
        };
        assert_eq!(manifest.root, expected.root, "killed at write {writes}");
        assert_eq!(manifest.counts, expected.counts);
        assert_eq!(manifest.attachments, expected.attachments);
        let read: Vec<Line> = Reader::open(&folder)
            .unwrap()
            .lines(None)
            .map(Result::unwrap)
            .collect();
        assert_eq!(read, lines);
        let found = verify(&folder, expected.root, &mut |damage| panic!("{damage}")).unwrap();
        assert!(found.is_complete);
    }
    assert!(kills >= 8, "{kills}");
}

#[test]
fn what_is_whole_is_not_fetched_again() {
    let lines = lines();
    let mut folder = Memory {
        writes_left: Some(8),
        ..Memory::default()
    };
    export(&mut folder, &lines).unwrap_err();
    folder.writes_left = None;
    let writer =
        migration::archive::Writer::open(&mut folder, &crate::samples::about(), "test").unwrap();
    assert!(writer.after().is_some());
    assert!(writer.written().conversations >= 3);
}

#[test]
fn an_archive_without_its_end_is_told_as_incomplete() {
    let lines = lines();
    let mut folder = Memory {
        writes_left: Some(8),
        ..Memory::default()
    };
    export(&mut folder, &lines).unwrap_err();
    let mut damages = Vec::new();
    let found = verify(&folder, None, &mut |damage| {
        damages.push(damage.to_string());
    })
    .unwrap();
    assert!(!found.is_complete);
    assert!(damages[0].contains("not finished"), "{damages:?}");
    assert!(Reader::open(&folder).is_err());
    assert!(folder.files.contains_key(MANIFEST));
}
