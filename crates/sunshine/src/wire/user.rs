//! Users: `/v2/apps/{appId}/users`.

use adapterkit::wire_object;

use super::Raw;

wire_object! {
    /// One user.
    pub struct User {
        /// 24 lower-case hexadecimal characters in all examples.
        optional id: String,
        /// Whether the user proved who they are.
        optional authenticated: bool,
        /// Our own id for the user; cannot be changed. 1 to 1,024 characters.
        optional external_id = "externalId": String,
        /// Decimal digits.
        optional zendesk_id = "zendeskId": String,
        /// Decimal digits, at most 24.
        optional brand_id = "brandId": String,
        /// RFC 3339; can be set.
        optional signed_up_at = "signedUpAt": String,
        /// Whether the user outlives the inactive expiry.
        optional to_be_retained = "toBeRetained": bool,
        /// Connected identities.
        optional identities: Vec<Identity>,
        /// Name, mail address, picture, language.
        optional profile: Profile,
        /// Flat, 4 KB.
        optional metadata: Raw,
    }
}

wire_object! {
    /// Who a user is.
    pub struct Profile {
        /// 1 to 128 characters.
        optional given_name = "givenName": String,
        /// 1 to 128 characters.
        optional surname: String,
        /// A mail address, at most 128 characters.
        optional email: String,
        /// A URL, at most 2,048 characters.
        optional avatar_url = "avatarUrl": String,
        /// BCP 47, at most 64 characters.
        optional locale: String,
    }
}

wire_object! {
    /// A connected identity.
    pub struct Identity {
        /// For example `email`.
        optional kind = "type": String,
        /// The identity itself.
        optional value: String,
        /// How it was verified.
        optional verification: String,
    }
}

wire_object! {
    /// Body of `POST …/users`. Answers 201, or 409 where the external id is taken. Nothing is required.
    pub struct UserCreateBody {
        /// 1 to 1,024 characters.
        optional external_id = "externalId": String,
        /// Decimal digits, at most 24.
        optional brand_id = "brandId": String,
        /// RFC 3339.
        optional signed_up_at = "signedUpAt": String,
        /// Whether the user outlives the inactive expiry.
        optional to_be_retained = "toBeRetained": bool,
        /// Name, mail address, picture, language.
        optional profile: Profile,
        /// Flat, 4 KB.
        optional metadata: Raw,
    }
}

wire_object! {
    /// Body of `PATCH …/users/{userIdOrExternalId}`.
    pub struct UserUpdateBody {
        /// RFC 3339.
        optional signed_up_at = "signedUpAt": String,
        /// Whether the user outlives the inactive expiry.
        optional to_be_retained = "toBeRetained": bool,
        /// Name, mail address, picture, language.
        optional profile: Profile,
        /// Flat, 4 KB.
        optional metadata: Raw,
    }
}

wire_object! {
    /// Answer with one user.
    pub struct UserResponse {
        /// The user.
        required user: User,
    }
}
