//! Every operation of the vendor's two published pages, and what needs it.

use crate::client::ChatterClient;

adapterkit::operations! {
    /// The operations of the Chat and Conversations pages. V1 serves conversations under both prefixes, V0 and V2 under
    /// one of them.
    ChatterClient:
    documented "POST /api/v1/conversations/" => create_conversation => "`POST /v1/conversations`";
    documented "GET /api/v1/conversations/" => list_conversations => "`GET /v1/conversations` (discovery)";
    documented "GET /api/v1/conversations/{id}" => get_conversation => "`GET /v1/conversations/{id}`, `GET /v1/conversations/{id}/messages`, `GET /v1/conversations/{id}/messages/{mid}`";
    documented "PUT /api/v1/conversations/{id}" => update_conversation => "`PATCH /v1/conversations/{id}`";
    documented "DELETE /api/v1/conversations/{id}" => delete_conversation => "`DELETE /v1/conversations/{id}`";
    documented "GET /api/v1/conversations/{id}/messages" => list_messages => "settling only: its pages repeat and skip messages";
    documented "DELETE /api/v1/conversations/{id}/messages/{mid}" => delete_message => "`DELETE /v1/conversations/{id}/messages/{mid}`";
    documented "PATCH /api/v1/conversations/{id}/messages/{mid}/rating" => rate_message => "`PUT /v1/conversations/{id}/messages/{mid}/rating`";
    documented "POST /api/v1/chat/conversations" => create_conversation => "`POST /v1/conversations` (V0)";
    documented "GET /api/v1/chat/conversations" => list_conversations => "`GET /v1/conversations` (V0)";
    documented "GET /api/v1/chat/conversations/{id}" => get_conversation => "`GET /v1/conversations/{id}`, `GET /v1/conversations/{id}/messages` (V0)";
    documented "PUT /api/v1/chat/conversations/{id}" => update_conversation => "`PATCH /v1/conversations/{id}` (V0)";
    documented "DELETE /api/v1/chat/conversations/{id}" => delete_conversation => "`DELETE /v1/conversations/{id}` (V0)";
    documented "GET /api/v1/chat/conversations/{id}/messages" => list_messages => "settling only (V0)";
    documented "DELETE /api/v1/chat/conversations/{id}/messages/{mid}" => delete_message => "`DELETE /v1/conversations/{id}/messages/{mid}` (V0)";
    documented "PATCH /api/v1/chat/conversations/{id}/messages/{mid}/rating" => rate_message => "the other prefix serves it wherever there are ratings";
    documented "POST /api/v1/chat/chat" => chat => "`POST /v1/conversations/{id}/responses` (V1)";
    documented "POST /api/v1/chat/streaming" => chat_streaming => "`POST /v1/conversations/{id}/responses` (V2)";
    documented "POST /api/v1/chat/template/{name}" => chat_with_template => "`POST /v1/conversations/{id}/responses` with `template`";
    documented "GET /api/v1/chat/templates" => templates => "`GET /v1/backends/{name}/templates`";
    documented "GET /api/v1/chat/tools/available" => tools => "`GET /v1/backends/{name}/tools`";
    documented "GET /api/v1/chat/performance/stats" => performance_stats => "`GET /v1/backends/{name}/statistics`";
    documented "GET /api/v1/chat/mcp/status" => mcp_status => "`GET /v1/backends/{name}/status`";
    neighbour "POST /api/v1/auth/login" => login => "every route, where the backend has a user name and a password";
}
