//! Lines of conversations that look like real ones, and archives of them.

use conversation::{
    AttachmentId, ConversationId, Digest, Media, Message, NewConversation, NewMessage, Part, Role,
    RunningDigest, Time,
};
use migration::archive::{
    About, AttachmentLine, ConversationLine, EndLine, ExceptionLine, Line, Manifest, MessageLine,
    OverLine, Writer,
};

use crate::memory::Memory;

/// The bytes of the attachment of conversation `number`; every third has the same.
pub(crate) fn bytes_of(number: u64) -> Vec<u8> {
    format!("file {}", number % 3).repeat(100).into_bytes()
}

pub(crate) fn id_of(number: u64) -> ConversationId {
    ConversationId::from_bits(u128::from(number) + 1)
}

fn message(number: u64, index: u64, text: &str) -> Message {
    let mut new = NewMessage::text(Role::User, text);
    new.sent_at = Some(Time::from_micros(i64::try_from(index).unwrap() * 1_000_000).unwrap());
    if index == 0 {
        let media = Media {
            attachment_id: Some(format!("att_{number}").parse().unwrap()),
            ..Media::default()
        };
        new.parts.push(Part::File(media));
    }
    let id = format!("msg_{number}_{index}").parse().unwrap();
    new.into_message(id, id_of(number), Time::now())
}

/// The lines of conversation `number` with so many messages of about so many bytes.
pub(crate) fn conversation(number: u64, messages: u64, bytes: usize) -> Vec<Line> {
    let new = NewConversation {
        title: Some(format!("conversation {number}").into()),
        ..NewConversation::default()
    };
    let document = new.into_conversation(id_of(number), "store", Time::now());
    let line = ConversationLine::of(&document, Some("acme".into()), Some("ada".into()));
    let mut digest = RunningDigest::default();
    digest.add(line.digest);
    let mut lines = vec![Line::Conversation(Box::new(line))];
    let file = bytes_of(number);
    lines.push(Line::Attachment(AttachmentLine {
        id: format!("att_{number}").parse::<AttachmentId>().unwrap(),
        name: Some("a.txt".into()),
        media_type: "text/plain".into(),
        size: file.len() as u64,
        sha256: Digest::of(&file),
    }));
    for index in 0..messages {
        let mut text = format!("words {number} {index} ");
        // What does not compress well, so that segments have some size.
        while text.len() < bytes {
            let seed = format!("{number} {index} {}", text.len());
            text.push_str(&Digest::of(seed.as_bytes()).to_string());
        }
        let line = MessageLine::of(message(number, index, &text));
        digest.add(line.digest);
        lines.push(Line::Message(Box::new(line)));
    }
    lines.push(Line::End(EndLine {
        id: id_of(number),
        messages,
        digest: digest.finish(),
        is_whole: true,
    }));
    lines
}

/// A conversation of which nothing could be read.
pub(crate) fn exception(number: u64) -> Line {
    Line::Exception(ExceptionLine {
        conversation: id_of(number),
        attachment: None,
        reason: "unreadable".into(),
        detail: "the vendor answered 500".into(),
        next_step: "export again".into(),
        temporary: true,
    })
}

pub(crate) fn about() -> About {
    About {
        tenant: Some("acme".into()),
        ..About::default()
    }
}

/// Writes `lines` behind what the folder holds already, as an export does.
pub(crate) fn export(
    folder: &mut Memory,
    lines: &[Line],
) -> Result<Manifest, migration::archive::ArchiveError> {
    let mut writer = Writer::open(folder, &about(), "test")?;
    let after = writer.after();
    let mut sent = OverLine::default();
    let mut number = 0;
    let mut is_behind = after.is_none();
    for line in lines {
        match line {
            Line::Conversation(line) => {
                is_behind |= after.is_some_and(|after| line.id > after);
                number = u64::try_from(line.id.bits() - 1).unwrap();
                sent.conversations += u64::from(is_behind);
            }
            Line::Exception(line) => {
                is_behind |= after.is_some_and(|after| line.conversation > after);
                sent.exceptions += u64::from(is_behind);
            }
            Line::Message(_) => sent.messages += u64::from(is_behind),
            _ => {}
        }
        if !is_behind {
            continue;
        }
        if let Line::Attachment(line) = line
            && writer.lacks(&line.sha256)
        {
            writer.attachment(&line.sha256, &bytes_of(number))?;
        }
        writer.line(line)?;
    }
    writer.finish(&sent)
}

/// So many conversations, each with a few messages.
pub(crate) fn many(conversations: u64) -> Vec<Line> {
    let each = (0..conversations).map(|number| conversation(number, 3 + number % 5, 300));
    each.flatten().collect()
}

/// An archive of `lines`.
pub(crate) fn archive(lines: &[Line]) -> (Memory, Manifest) {
    let mut folder = Memory::default();
    let manifest = export(&mut folder, lines).unwrap();
    (folder, manifest)
}
