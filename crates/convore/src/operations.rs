//! The operations of the vendor that the adapter uses, and what needs them.

use crate::client::ConvoreClient;

adapterkit::operations! {
    /// The messages page, and its neighbours that conversations need.
    ConvoreClient:
    documented "GET /v1/messages" => list_messages => "`GET /v1/conversations/{id}/messages`";
    documented "POST /v1/messages" => send_message => "`POST /v1/conversations/{id}/messages` (outbound)";
    documented "POST /v1/messages/import" => import_message => "`POST /v1/conversations/{id}/messages:import`, `POST /v1/conversations/{id}/messages` (inbound)";
    documented "GET /v1/messages/{message_id}" => get_message => "`GET /v1/conversations/{id}/messages/{mid}`";
    documented "PATCH /v1/messages/{message_id}" => update_message => "`PATCH /v1/conversations/{id}/messages/{mid}`";
    neighbour "GET /v1/conversations" => list_conversations => "`GET /v1/conversations` (discovery)";
    neighbour "POST /v1/conversations" => create_conversation => "`POST /v1/conversations`";
    neighbour "GET /v1/conversations/{conversation_id}" => get_conversation => "`GET /v1/conversations/{id}`";
    neighbour "PATCH /v1/conversations/{conversation_id}" => update_conversation => "`PATCH /v1/conversations/{id}`, `DELETE /v1/conversations/{id}`, `POST /v1/conversations/{id}/participants`, `POST /v1/conversations/{id}/activity`";
    neighbour "GET /v1/labels" => list_labels => "`POST /v1/conversations`, `PATCH /v1/conversations/{id}` with labels";
    neighbour "POST /v1/labels" => create_label => "`POST /v1/conversations`, `PATCH /v1/conversations/{id}` with new labels";
    neighbour "POST /v1/attachments" => upload_attachment => "`POST /v1/attachments` with `message_id`";
    neighbour "GET /v1/attachments/{attachment_id}/download" => download_attachment => "`GET /v1/attachments/{attachment_id}/content`";
    neighbour "DELETE /v1/attachments/{attachment_id}" => delete_attachment => "`PATCH /v1/conversations/{id}/messages/{mid}` that leaves a file out";
}
