//! Every operation of the vendor's chat page, and what needs it.

use crate::client::DatamonkeyClient;

adapterkit::operations! {
    /// The operations of the chat page, all that the vendor has for conversations.
    DatamonkeyClient:
    documented "POST /api/v1/chat" => create_conversation => "`POST /v1/conversations`";
    documented "GET /api/v1/chat" => list_conversations => "`GET /v1/conversations` (discovery), health";
    documented "GET /api/v1/chat/{id}" => get_conversation => "`GET /v1/conversations/{id}`";
    documented "DELETE /api/v1/chat/{id}" => delete_conversation => "`DELETE /v1/conversations/{id}`";
    documented "GET /api/v1/chat/{id}/messages" => list_messages => "`GET /v1/conversations/{id}/messages`, `GET /v1/conversations/{id}/messages/{mid}`";
    documented "POST /api/v1/chat/{id}/messages" => send_message => "`POST /v1/conversations/{id}/responses`";
}
