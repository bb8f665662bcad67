//! Whatever is changed is named, and damage in one place hides no other.

use conversation::{Digest, canonical_json};
use migration::archive::{
    Damage, Line, MANIFEST, Manifest, Reader, attachment_name, segment_name, verify,
};
use proptest::prelude::{Strategy, any, prop, proptest};

use crate::memory::Memory;
use crate::samples::{archive, bytes_of, conversation, id_of, many};

fn damages(folder: &Memory) -> Vec<Damage> {
    let mut damages = Vec::new();
    let found = verify(folder, None, &mut |damage| damages.push(damage)).unwrap();
    assert_eq!(found.damages, damages.len() as u64);
    assert_eq!(found.is_sound(), damages.is_empty());
    damages
}

fn seal(folder: &mut Memory, mut manifest: Manifest) {
    manifest.seal = None;
    manifest.seal = Some(Digest::of(canonical_json(&manifest).as_bytes()));
    let mut text = serde_json::to_vec_pretty(&manifest).unwrap();
    text.push(b'\n');
    folder.files.insert(MANIFEST.to_owned(), text);
}

/// Changes the lines of an archive by somebody who knows the format: every SHA-256 fits afterwards.
fn forged(lines: &[Line], change: impl FnOnce(&mut Vec<String>)) -> Memory {
    let (mut folder, mut manifest) = archive(lines);
    let name = segment_name(1);
    let text = zstd::stream::decode_all(folder.files[&name].as_slice()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut changed: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut changed);
    let mut text = changed.join("\n");
    text.push('\n');
    let packed = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    let segment = &mut manifest.segments[0];
    segment.length = packed.len() as u64;
    segment.frames.truncate(1);
    let frame = &mut segment.frames[0];
    frame.length = packed.len() as u64;
    frame.sha256 = Digest::of(&packed);
    frame.bytes = text.len() as u64;
    frame.lines = changed.len() as u64;
    folder.files.insert(name, packed);
    seal(&mut folder, manifest);
    folder
}

#[test]
fn every_flipped_byte_is_found() {
    let mut lines = conversation(0, 2, 20);
    lines.extend(conversation(1, 1, 20));
    let (folder, manifest) = archive(&lines);
    for (name, bytes) in &folder.files {
        for place in 0..bytes.len() {
            let mut changed = folder.clone();
            changed.files.get_mut(name).unwrap()[place] ^= 1 << (place % 8);
            let damages = damages(&changed);
            assert!(!damages.is_empty(), "{name} at {place}");
            if name.starts_with("segments/") {
                assert!(
                    matches!(&damages[0], Damage::Frame { segment, frame: 1, first: Some(first), last: Some(last), .. }
                        if segment == name && *first == id_of(0) && *last == id_of(1)),
                    "{damages:?}"
                );
            }
            if name.starts_with("attachments/") {
                assert!(
                    matches!(&damages[..], [Damage::Attachment { sha256, .. }] if attachment_name(sha256) == *name)
                );
            }
        }
    }
    assert!(manifest.complete);
}

#[test]
fn a_flipped_byte_hides_no_other() {
    let mut lines = Vec::new();
    for number in 0..8 {
        lines.extend(conversation(number, 2, 300_000));
    }
    let (mut folder, manifest) = archive(&lines);
    let frames = &manifest.segments[0].frames;
    assert!(frames.len() >= 4);
    for number in [0, 2] {
        let place = usize::try_from(frames[number].offset + frames[number].length / 2).unwrap();
        folder.files.get_mut(&segment_name(1)).unwrap()[place] ^= 1;
    }
    let file = attachment_name(&Digest::of(&bytes_of(1)));
    folder.files.get_mut(&file).unwrap()[7] ^= 1;
    folder
        .files
        .remove(&attachment_name(&Digest::of(&bytes_of(2))));
    folder
        .files
        .insert("attachments/planted".into(), Vec::new());
    let damages = damages(&folder);
    let damaged: Vec<usize> = damages
        .iter()
        .filter_map(|damage| match damage {
            Damage::Frame { frame, .. } => Some(*frame),
            _ => None,
        })
        .collect();
    assert_eq!(damaged, [1, 3], "{damages:?}");
    let others: Vec<String> = damages.iter().map(ToString::to_string).collect();
    let others = others.join("\n");
    assert!(others.contains("bytes were changed"), "{others}");
    assert!(others.contains("missing"), "{others}");
    assert!(others.contains("attachments/planted"), "{others}");
    // What the readers give is what is sound.
    let reader = Reader::open(&folder).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = reader.lines(None).partition(Result::is_ok);
    assert_eq!(bad.len(), 2);
    assert!(!good.is_empty());
    assert!(reader.attachment(&Digest::of(&bytes_of(1))).is_err());
    assert!(reader.attachment(&Digest::of(&bytes_of(2))).is_err());
}

#[test]
fn a_message_that_was_forged_is_named() {
    let lines = many(3);
    let folder = forged(&lines, |lines| {
        let line = lines.iter_mut().find(|line| line.contains("msg_1_2"));
        let line = line.unwrap();
        *line = line.replace("words 1 2", "lies! 1 2");
    });
    assert_eq!(
        damages(&folder),
        [Damage::Message {
            conversation: Some(id_of(1)),
            id: "msg_1_2".parse().unwrap(),
        }]
    );
}

#[test]
fn a_message_that_was_taken_out_or_moved_names_its_conversation() {
    for is_moved in [false, true] {
        let folder = forged(&many(3), |lines| {
            let place = lines.iter().position(|line| line.contains("msg_1_1"));
            let line = lines.remove(place.unwrap());
            if is_moved {
                lines.insert(place.unwrap() + 1, line);
            }
        });
        let damages = damages(&folder);
        assert!(
            matches!(&damages[0], Damage::Conversation { id, .. } if *id == id_of(1)),
            "{damages:?}"
        );
    }
}

#[test]
fn a_conversation_that_was_forged_or_taken_out_is_found() {
    let folder = forged(&many(3), |lines| {
        let line = lines
            .iter_mut()
            .find(|line| line.contains("conversation 2"))
            .unwrap();
        *line = line.replace("conversation 2", "conversation 9");
    });
    assert!(matches!(&damages(&folder)[..], [Damage::Conversation { id, .. }] if *id == id_of(2)));
    let folder = forged(&many(3), |lines| {
        let begin = lines
            .iter()
            .position(|line| line.contains("conversation 1"))
            .unwrap();
        let end = lines[begin..]
            .iter()
            .position(|line| line.starts_with("{\"end\""))
            .unwrap();
        lines.drain(begin..=begin + end);
    });
    let damages = damages(&folder);
    assert!(
        damages
            .iter()
            .any(|damage| matches!(damage, Damage::Root { .. })),
        "{damages:?}"
    );
    assert!(
        damages
            .iter()
            .any(|damage| matches!(damage, Damage::Counts { .. }))
    );
}

#[test]
fn a_replaced_archive_is_found_by_a_root_that_was_noted_elsewhere() {
    let (_, noted) = archive(&many(3));
    let (folder, _) = archive(&many(2));
    let mut found = Vec::new();
    verify(&folder, noted.root, &mut |damage| found.push(damage)).unwrap();
    assert!(matches!(&found[..], [Damage::Root { .. }]));
}

#[test]
fn without_a_manifest_everything_else_is_still_checked() {
    let (folder, _) = archive(&many(3));
    let mut lost = folder.clone();
    lost.files.remove(MANIFEST);
    assert_eq!(
        damages(&lost),
        [Damage::MissingFile {
            name: MANIFEST.to_owned()
        }]
    );
    let mut broken = folder.clone();
    broken
        .files
        .insert(MANIFEST.to_owned(), b"{\"format\":".to_vec());
    let file = attachment_name(&Digest::of(&bytes_of(1)));
    broken.files.get_mut(&file).unwrap()[0] ^= 1;
    let damages = damages(&broken);
    assert!(matches!(&damages[0], Damage::Manifest { .. }));
    assert!(matches!(&damages[1], Damage::Attachment { .. }));
}

#[test]
fn a_missing_segment_is_named() {
    let (mut folder, _) = archive(&many(3));
    folder.files.remove(&segment_name(1));
    assert!(
        matches!(&damages(&folder)[0], Damage::MissingFile { name } if *name == segment_name(1))
    );
}

#[test]
fn a_manifest_opens_no_file_that_is_no_archives() {
    let (mut folder, mut manifest) = archive(&many(1));
    manifest.segments[0].name = "../../etc/passwd".to_owned();
    seal(&mut folder, manifest);
    assert!(matches!(&damages(&folder)[0], Damage::Manifest { .. }));
    assert!(Reader::open(&folder).is_err());
}

#[test]
fn a_decompression_bomb_is_refused() {
    let (mut folder, mut manifest) = archive(&many(1));
    let mut bomb = Vec::new();
    let mut encoder = zstd::stream::write::Encoder::new(&mut bomb, 3).unwrap();
    let zeros = vec![b'a'; 1 << 20];
    for _ in 0..200 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    encoder.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let frame = &mut manifest.segments[0].frames[0];
    frame.length = bomb.len() as u64;
    frame.sha256 = Digest::of(&bomb);
    frame.bytes = u64::MAX;
    manifest.segments[0].length = bomb.len() as u64;
    folder.files.insert(segment_name(1), bomb);
    seal(&mut folder, manifest);
    let damages = damages(&folder);
    assert!(
        matches!(&damages[0], Damage::Frame { detail, .. } if detail.contains("more than")),
        "{damages:?}"
    );
}

#[test]
fn a_frame_that_claims_to_be_huge_takes_no_memory() {
    let (mut folder, mut manifest) = archive(&many(1));
    let frame = &mut manifest.segments[0].frames[0];
    frame.length = u64::MAX;
    frame.offset = u64::MAX / 2;
    seal(&mut folder, manifest);
    assert!(!damages(&folder).is_empty());
}

/// Changes of a file: bytes replaced, a piece cut out, a piece put in.
fn change() -> impl Strategy<Value = (usize, usize, usize, Vec<u8>)> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    (any::<usize>(), any::<usize>(), 0_usize..40, bytes)
}

proptest! {
    #[test]
    fn no_change_is_missed_and_none_panics(changes in prop::collection::vec(change(), 1..4)) {
        let (folder, _) = archive(&many(2));
        let mut changed = folder.clone();
        let names: Vec<String> = folder.files.keys().cloned().collect();
        for (file, place, cut, put) in changes {
            let bytes = changed.files.get_mut(&names[file % names.len()]).unwrap();
            let place = place % (bytes.len() + 1);
            let end = (place + cut).min(bytes.len());
            bytes.splice(place..end, put);
        }
        let is_same = changed.files == folder.files;
        assert_eq!(damages(&changed).is_empty(), is_same);
        if let Ok(reader) = Reader::open(&changed) {
            reader.lines(None).for_each(drop);
        }
    }
}

#[test]
fn bytes_that_no_frame_covers_are_named() {
    for (place, shift) in [(0, 1), (1, 1), (1, 0)] {
        let mut lines = Vec::new();
        for number in 0..4 {
            lines.extend(conversation(number, 2, 300_000));
        }
        let (mut folder, mut manifest) = archive(&lines);
        let segment = &mut manifest.segments[0];
        assert!(segment.frames.len() >= 2);
        segment.frames[place].offset += shift;
        segment.length += 1 - shift;
        seal(&mut folder, manifest);
        let found = damages(&folder);
        assert!(
            matches!(&found[0], Damage::Manifest { detail } if detail.contains("do not follow")),
            "{found:?}"
        );
        assert!(Reader::open(&folder).is_err());
    }
}

#[test]
fn a_segment_that_is_not_there_is_told_once_and_ends_nothing() {
    let mut lines = Vec::new();
    for number in 0..4 {
        lines.extend(conversation(number, 2, 300_000));
    }
    let (mut folder, manifest) = archive(&lines);
    assert!(manifest.segments[0].frames.len() >= 2);
    folder.files.remove(&segment_name(1));
    let reader = Reader::open(&folder).unwrap();
    let read: Vec<String> = reader
        .lines(None)
        .map(|line| line.unwrap_err().to_string())
        .collect();
    assert_eq!(read.len(), 1, "{read:?}");
    assert!(
        read[0].contains("segments/000001.jsonl.zst: the file is missing"),
        "{read:?}"
    );
}

#[test]
fn no_file_is_read_because_a_manifest_claims_that_it_is_huge() {
    let (mut folder, mut manifest) = archive(&conversation(0, 1, 20));
    let sha256 = manifest.attachments[0].sha256;
    manifest.attachments[0].size = u64::MAX;
    seal(&mut folder, manifest);
    // Nobody opens it.
    folder.files.remove(&attachment_name(&sha256));
    let reader = Reader::open(&folder).unwrap();
    let error = reader.attachment(&sha256).unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
}
