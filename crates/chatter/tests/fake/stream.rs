//! The streaming chat call: frames of each generation, and what it leaves behind.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use chatter::wire::{self, Member, MessageRole, Raw, STREAM_DONE, StreamEvent, StreamEventType};
use tokio::sync::mpsc;

use super::answer::{Answer, Refusal};
use super::chat::{failure, model_says, open, read, store_step};
use super::conversations::wait_for_lock;
use super::data::StoredConversation;
use super::serve::Call;
use super::{Generation, Server};

/// Chunks that wait for a slow client.
const CHUNKS_WAITING: usize = 16;

/// The stream was cut: the server notices and stops too.
struct Cut;

/// Sends frames in chunks of the chosen size, and cuts the stream where a test asked for it.
struct Frames {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk_bytes: usize,
    cut_after: Option<usize>,
    sent: usize,
    correlation_id: String,
}

impl Frames {
    fn event(&self, kind: StreamEventType, content: &str) -> StreamEvent {
        StreamEvent {
            kind,
            content: Member::Value(content.to_owned()),
            usage: Member::Null,
            conversation_id: Member::Null,
            message_id: Member::Null,
            correlation_id: Member::Value(self.correlation_id.clone()),
            metadata: Member::Null,
            error: Member::Absent,
            extra: wire::Extra::new(),
        }
    }

    async fn send(&mut self, event: &StreamEvent) -> Result<(), Cut> {
        let text = event.encode().expect("a frame is JSON");
        self.line(&text).await
    }

    async fn line(&mut self, text: &str) -> Result<(), Cut> {
        if self.cut_after == Some(self.sent) {
            // A client that has already left is no failure of the fake.
            let _ = self
                .sender
                .send(Err(io::ErrorKind::ConnectionReset.into()))
                .await;
            return Err(Cut);
        }
        self.sent += 1;
        for chunk in format!("data: {text}\n\n")
            .as_bytes()
            .chunks(self.chunk_bytes)
        {
            let _ = self.sender.send(Ok(Bytes::copy_from_slice(chunk))).await;
        }
        Ok(())
    }

    async fn error(&mut self, text: &str) -> Result<(), Cut> {
        let event = self.event(StreamEventType::Error, text);
        self.send(&event).await
    }

    /// The frame that names the conversation in its metadata: the first, and on V1 and V2 the last.
    async fn about_conversation(&mut self, kind: StreamEventType, id: &str) -> Result<(), Cut> {
        let mut event = self.event(kind, "");
        event.metadata = Member::Value(spaced(format!("{{\"conversation_id\": \"{id}\"}}")));
        self.send(&event).await
    }
}

pub(crate) async fn stream(call: &Call) -> Result<Answer, Refusal> {
    let request = read(call)?;
    if let Some(id) = request.conversation_id.value() {
        wait_for_lock(call, id).await;
    }
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    let frames = Frames {
        sender,
        chunk_bytes: call.server.options.stream_chunk_bytes,
        cut_after: call.cut_stream_after,
        sent: 0,
        correlation_id: call.correlation_id.clone(),
    };
    let opened = {
        let mut data = call.server.data();
        open(call, &mut data, &request)
    };
    let failed = failure(call, &request);
    let server = Arc::clone(&call.server);
    tokio::spawn(async move {
        let mut frames = frames;
        // A cut stream has no end to be told.
        let _ = tell_all(&server, &mut frames, opened, &request, failed).await;
    });
    let chunks = futures_util::stream::unfold(receiver, async |mut receiver| {
        let chunk: io::Result<Bytes> = receiver.recv().await?;
        Some((chunk, receiver))
    });
    Ok(Answer::events(Body::from_stream(chunks)))
}

async fn tell_all(
    server: &Arc<Server>,
    frames: &mut Frames,
    opened: Result<StoredConversation, String>,
    request: &wire::ChatRequest,
    failed: Option<String>,
) -> Result<(), Cut> {
    match opened {
        Err(text) => frames.error(&text).await?,
        Ok(stored) => tell(server, frames, stored, request, failed).await?,
    }
    frames.line(STREAM_DONE).await
}

async fn tell(
    server: &Arc<Server>,
    frames: &mut Frames,
    stored: StoredConversation,
    request: &wire::ChatRequest,
    failed: Option<String>,
) -> Result<(), Cut> {
    let generation = server.options.generation;
    let id = stored.row.id.clone();
    // What the call leaves behind: see the table in the crate's README.
    let known = server.data().conversations.contains_key(&id);
    match generation {
        Generation::V2 => {
            store_step(
                &mut server.data(),
                stored,
                MessageRole::User,
                &request.message,
            );
        }
        Generation::V1NewFastApi => store_at_start(server, stored, &request.message),
        Generation::V1OldFastApi if known => {
            if let Some(stored) = server.data().conversations.get_mut(&id) {
                stored.locked = true;
            }
        }
        Generation::V1OldFastApi | Generation::V0 => {}
    }
    frames
        .about_conversation(StreamEventType::Start, &id)
        .await?;
    if let Some(text) = failed {
        let text = text.replace("Basic workflow execution", "Plain workflow streaming");
        return frames
            .error(&text.replace("workflow execution", "workflow streaming"))
            .await;
    }
    if generation == Generation::V2 {
        let says = model_says(&request.message);
        if says.is_empty() {
            return frames.error("Assistant response has no content").await;
        }
        tell_answer(server, frames, &id, &says).await?;
    }
    frames.about_conversation(StreamEventType::End, &id).await
}

/// V2: the answer in tokens, then whole, and stored under the id that was announced.
async fn tell_answer(
    server: &Arc<Server>,
    frames: &mut Frames,
    id: &str,
    says: &str,
) -> Result<(), Cut> {
    let message_id = server.data().new_id();
    let about_message = |mut event: StreamEvent| {
        event.conversation_id = Member::Value(id.to_owned());
        event.message_id = Member::Value(message_id.clone());
        event
    };
    let start = about_message(frames.event(StreamEventType::Start, ""));
    frames.send(&start).await?;
    for token in says.split_inclusive([' ', '\n']) {
        tokio::time::sleep(server.options.model_delay).await;
        let token = about_message(frames.event(StreamEventType::Token, token));
        frames.send(&token).await?;
    }
    store_answer(server, id, &message_id, says);
    let mut complete = about_message(frames.event(StreamEventType::Complete, ""));
    let metadata = format!(
        "{{\"final_content\": {}, \"message_complete\": true}}",
        escaped(says)
    );
    complete.metadata = Member::Value(spaced(metadata));
    frames.send(&complete).await
}

/// A JSON string as the server writes it in streams: ASCII only.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a text is JSON");
    let mut escaped = String::new();
    for character in quoted.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

fn store_answer(server: &Arc<Server>, id: &str, message_id: &str, says: &str) {
    let mut data = server.data();
    if let Some(stored) = data.conversations.get(id) {
        let copy = StoredConversation {
            row: stored.row.clone(),
            messages: stored.messages.clone(),
            locked: false,
        };
        store_step(&mut data, copy, MessageRole::Assistant, says);
        if let Some(message) = data
            .conversations
            .get_mut(id)
            .and_then(|stored| stored.messages.last_mut())
        {
            message_id.clone_into(&mut message.id);
        }
    }
}

/// V1 on new FastAPI: the user's message is stored, an answer never is.
fn store_at_start(server: &Arc<Server>, stored: StoredConversation, message: &str) {
    store_step(&mut server.data(), stored, MessageRole::User, message);
}

fn spaced(text: String) -> Raw {
    Raw::from_text(text).expect("JSON with spaces")
}
