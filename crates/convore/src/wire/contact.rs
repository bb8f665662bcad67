//! People that an account knows.

use adapterkit::wire_object;

use super::ContactHandle;

wire_object! {
    /// Somebody that the account knows.
    pub struct Contact {
        /// Its id, such as `cntct_…`.
        required id: String,
        /// Its name.
        required name: String,
        /// What is noted of it.
        optional description: String,
        /// Where it is reached.
        required handles: Vec<ContactHandle>,
        /// When it became known.
        required created_at: String,
    }
}

wire_object! {
    /// Body of `POST /v1/contacts`.
    pub struct ContactCreate {
        /// Its name.
        required name: String,
        /// What is noted of it.
        optional description: String,
        /// Where it is reached.
        required handles: Vec<ContactHandle>,
    }
}

wire_object! {
    /// Body of `PATCH /v1/contacts/{id}`. The list replaces; `null` is no way to clear anything.
    pub struct ContactUpdate {
        /// Its name.
        optional name: String,
        /// What is noted of it.
        optional description: String,
        /// All places where it is reached.
        optional handles: Vec<ContactHandle>,
    }
}
