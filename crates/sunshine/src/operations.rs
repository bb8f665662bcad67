//! The operations of the vendor that the adapter uses, and what needs them.

use crate::client::SunshineClient;

adapterkit::operations! {
    /// The messages page, and its neighbours that conversations need. Paths are below `/v2/apps/{appId}`.
    SunshineClient:
    documented "POST /conversations/{conversationId}/messages" => post_message => "`POST /v1/conversations/{id}/messages`, `POST /v1/conversations/{id}/messages:import` (`import_mode = \"post\"`)";
    documented "GET /conversations/{conversationId}/messages" => list_messages => "`GET /v1/conversations/{id}/messages`, `GET /v1/conversations/{id}/messages/{mid}`";
    documented "DELETE /conversations/{conversationId}/messages" => delete_all_messages => "`DELETE /v1/conversations/{id}` of a user's default conversation, which cannot be deleted";
    documented "DELETE /conversations/{conversationId}/messages/{messageId}" => delete_message => "`DELETE /v1/conversations/{id}/messages/{mid}`";
    neighbour "POST /conversations" => create_conversation => "`POST /v1/conversations`";
    neighbour "GET /conversations" => list_conversations => "`GET /v1/conversations` (discovery)";
    neighbour "GET /conversations/{conversationId}" => get_conversation => "`GET /v1/conversations/{id}`";
    neighbour "PATCH /conversations/{conversationId}" => update_conversation => "`PATCH /v1/conversations/{id}`";
    neighbour "DELETE /conversations/{conversationId}" => delete_conversation => "`DELETE /v1/conversations/{id}`";
    neighbour "GET /conversations/{conversationId}/participants" => list_participants => "`GET /v1/conversations/{id}/participants`";
    neighbour "POST /conversations/{conversationId}/join" => join_conversation => "`POST /v1/conversations/{id}/participants`";
    neighbour "POST /conversations/{conversationId}/leave" => leave_conversation => "`DELETE /v1/conversations/{id}/participants/{participant_id}`";
    neighbour "POST /conversations/{conversationId}/activity" => post_activity => "`POST /v1/conversations/{id}/activity`";
    neighbour "POST /users" => create_user => "`POST /v1/conversations`, `POST /v1/conversations/{id}/participants`";
    neighbour "GET /users/{userIdOrExternalId}" => get_user => "`GET /v1/conversations/{id}/participants`";
    neighbour "PATCH /users/{userIdOrExternalId}" => update_user => "`POST /v1/conversations/{id}/participants` of a user who is known already";
    neighbour "POST /attachments" => upload_attachment => "`POST /v1/attachments`";
    neighbour "POST /attachments/remove" => remove_attachment => "none: an attachment goes with its message or conversation";
}
