//! The login, `POST /api/v1/auth/login`. No part of the two published APIs, but the way to a token.

use super::Raw;
use adapterkit::wire_object;

wire_object! {
    /// Body of the login: a user name or an address, and the password.
    pub struct LoginRequest {
        /// One of the two names.
        optional username: String,
        /// One of the two names.
        optional email: String,
        /// The password in plain text.
        required password: String,
    }
}

wire_object! {
    /// Answer of the login. The refresh token travels in a cookie, so `refresh_token` is null here.
    pub struct LoginResponse {
        /// A JWT, sent back as `Authorization: Bearer …`.
        required access_token: String,
        /// Null after a login; a JWT after a registration.
        optional refresh_token: String,
        /// `bearer`.
        required token_type: String,
        /// Seconds; 1800.
        required expires_in: u64,
        /// Missing after a refresh.
        optional user: UserResponse,
    }
}

wire_object! {
    /// The user who logged in.
    pub struct UserResponse {
        /// Address.
        required email: String,
        /// Name for the login.
        required username: String,
        /// Name for people.
        optional full_name: String,
        /// About the user.
        optional bio: String,
        /// A picture.
        optional avatar_url: String,
        /// A number.
        optional phone_number: String,
        /// ULID.
        required id: String,
        /// Whether the account may be used.
        optional is_active: bool,
        /// Whether the address is verified.
        optional is_verified: bool,
        /// Whether the user is an administrator.
        optional is_superuser: bool,
        /// Null.
        optional default_llm_provider: String,
        /// Null.
        optional default_profile_id: String,
        /// Null.
        optional daily_message_limit: Raw,
        /// Null.
        optional monthly_message_limit: Raw,
        /// Null.
        optional max_file_size_mb: Raw,
        /// Null.
        optional api_key_name: String,
        /// RFC 3339.
        required created_at: String,
        /// RFC 3339.
        optional updated_at: String,
        /// RFC 3339.
        optional last_login_at: String,
    }
}
