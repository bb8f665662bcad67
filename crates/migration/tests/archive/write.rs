//! What is written is read back.

use std::io::Read;

use conversation::Digest;
use migration::archive::{
    ArchiveError, FRAME_MAX_BYTES, Line, MANIFEST, OverLine, Reader, RootDigest, Writer, verify,
};

use crate::memory::Memory;
use crate::samples::{about, archive, bytes_of, conversation, exception, export, id_of, many};

#[test]
fn an_archive_gives_back_its_lines_and_is_sound() {
    let lines = many(7);
    let (folder, manifest) = archive(&lines);
    let reader = Reader::open(&folder).unwrap();
    let read: Vec<Line> = reader.lines(None).map(Result::unwrap).collect();
    assert_eq!(read, lines);
    let sha256 = Digest::of(&bytes_of(1));
    assert_eq!(reader.attachment(&sha256).unwrap(), bytes_of(1));
    // Seven conversations name three files.
    assert_eq!(manifest.attachments.len(), 3);
    assert_eq!(manifest.counts.attachments, 7);
    let mut root = RootDigest::default();
    for line in &lines {
        if let Line::End(line) = line {
            root.add(line.id, line.digest);
        }
    }
    assert_eq!(manifest.root, Some(root.finish()));
    let found = verify(&folder, manifest.root, &mut |damage| panic!("{damage}")).unwrap();
    assert!(found.is_sound() && found.is_complete);
    assert_eq!(found.root, manifest.root);
    assert_eq!(found.counts, manifest.counts);
}

#[test]
fn lines_go_on_behind_a_conversation() {
    let lines = many(5);
    let (folder, _) = archive(&lines);
    let reader = Reader::open(&folder).unwrap();
    for after in 0..5 {
        let read: Vec<Line> = reader
            .lines(Some(id_of(after)))
            .map(Result::unwrap)
            .collect();
        let expected = many(5);
        let mut ends = 0;
        let behind = expected.iter().position(|line| {
            let is_behind = ends > after;
            ends += u64::from(matches!(line, Line::End(_)));
            is_behind
        });
        assert_eq!(read.len(), behind.map_or(0, |place| lines.len() - place));
    }
}

#[test]
fn frames_are_small_and_a_long_conversation_has_several() {
    let mut lines = conversation(0, 40, 100_000);
    lines.extend(conversation(1, 2, 10));
    lines.extend(conversation(2, 1, FRAME_MAX_BYTES + 10));
    let (folder, manifest) = archive(&lines);
    let frames = &manifest.segments[0].frames;
    assert!(frames.len() >= 5, "{}", frames.len());
    for frame in frames {
        assert!(frame.bytes <= FRAME_MAX_BYTES as u64 || frame.lines == 1);
    }
    // Ordinary tools read it: the frames are one stream.
    let mut text = String::new();
    let segment = folder.files["segments/000001.jsonl.zst"].as_slice();
    let mut decoder = zstd::stream::read::Decoder::new(segment).unwrap();
    decoder.read_to_string(&mut text).unwrap();
    let read: Vec<Line> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read, lines);
}

#[test]
fn an_empty_archive_is_sound() {
    let (folder, manifest) = archive(&[]);
    assert_eq!(manifest.root, Some(RootDigest::default().finish()));
    let found = verify(&folder, None, &mut |damage| panic!("{damage}")).unwrap();
    assert!(found.is_complete);
}

#[test]
fn exceptions_are_named_and_leave_the_archive_incomplete() {
    let mut lines = many(2);
    lines.push(exception(2));
    lines.extend(conversation(3, 1, 10));
    let (folder, manifest) = archive(&lines);
    assert!(!manifest.complete);
    assert_eq!(manifest.exceptions.len(), 1);
    let mut damages = Vec::new();
    let found = verify(&folder, None, &mut |damage| {
        damages.push(damage.to_string());
    })
    .unwrap();
    assert_eq!(
        damages,
        ["the export could not read everything: 1 exceptions"]
    );
    assert_eq!(found.exceptions[0].conversation, id_of(2));
    assert!(found.root.is_some() && !found.is_complete);
}

#[test]
fn a_writer_refuses_what_an_archive_cannot_prove() {
    let lines = conversation(1, 2, 10);
    let refused = |lines: Vec<Line>| {
        let mut folder = Memory::default();
        match export(&mut folder, &lines) {
            Err(ArchiveError::Misplaced(detail)) => detail,
            other => panic!("{other:?}"),
        }
    };
    // A message is left out.
    let mut fewer = lines.clone();
    fewer.remove(2);
    assert!(refused(fewer).contains("its end says 2"));
    // Two have changed places.
    let mut other = lines.clone();
    other.swap(2, 3);
    assert!(refused(other).contains("moved"));
    // The words are others.
    let mut other = lines.clone();
    if let Line::Message(line) = &mut other[3] {
        line.fields.subject = Some("planted".into());
    }
    assert!(refused(other).contains("msg_1_1"));
    // A conversation stands behind one with a greater id, or twice.
    let mut other = lines.clone();
    other.extend(conversation(0, 1, 10));
    assert!(refused(other).contains("order"));
    let mut other = lines.clone();
    other.extend(lines.clone());
    assert!(refused(other).contains("order"));
    // It has no end, or another one's.
    assert!(refused(lines[..4].to_vec()).contains("no end"));
    let mut other = lines.clone();
    other.remove(1);
    assert!(refused(other).contains("att_1"));
    assert!(refused(lines[2..].to_vec()).contains("outside"));
}

#[test]
fn a_finished_archive_and_foreign_folders_are_left_alone() {
    let (mut folder, _) = archive(&many(2));
    let before = folder.files.clone();
    let open = |folder: &mut Memory| match Writer::open(folder, &about(), "test") {
        Err(ArchiveError::Occupied(detail)) => detail,
        other => panic!("{other:?}"),
    };
    assert!(open(&mut folder).contains("finished"));
    assert_eq!(folder.files, before);
    let mut foreign = Memory::default();
    foreign.files.insert("letter.txt".into(), b"dear".to_vec());
    assert!(open(&mut foreign).contains("not empty"));
    let mut begun = Memory::default();
    drop(Writer::open(&mut begun, &Default::default(), "test").unwrap());
    assert!(open(&mut begun).contains("something else"));
    assert_eq!(begun.files.len(), 1);
    assert!(begun.files.contains_key(MANIFEST));
}

#[test]
fn a_cut_stream_cannot_be_finished() {
    let mut folder = Memory::default();
    let mut writer = Writer::open(&mut folder, &about(), "test").unwrap();
    for line in conversation(0, 2, 10) {
        if let Line::Attachment(line) = &line {
            writer.attachment(&line.sha256, &bytes_of(0)).unwrap();
        }
        writer.line(&line).unwrap();
    }
    let sent = OverLine {
        conversations: 2,
        messages: 4,
        exceptions: 0,
    };
    assert!(matches!(
        writer.finish(&sent),
        Err(ArchiveError::Misplaced(_))
    ));
}
