//! Labels of conversations.

use adapterkit::{wire_object, wire_word};

wire_word! {
    /// Where a label is known.
    pub enum LabelType {
        /// In all channels.
        Shared = "shared",
        /// In one channel, where it mirrors a label of the mail provider.
        ChannelPrivate = "channel_private",
    }
}

wire_object! {
    /// A label.
    pub struct Label {
        /// Its id, such as `lbl_…`.
        required id: String,
        /// Its name.
        required name: String,
        /// What it is for.
        optional description: String,
        /// When it was made.
        required created_at: String,
        /// Where it is known.
        required kind = "type": LabelType,
        /// The channel of a private one.
        optional channel_id: String,
        /// Its id at the mail provider.
        optional external_label_id: String,
        /// The shared twin of a private one: whoever gets one gets the other too.
        optional shared_label_id: String,
    }
}

wire_object! {
    /// Body of `POST /v1/labels`.
    pub struct LabelCreate {
        /// Its name.
        required name: String,
        /// What it is for.
        optional description: String,
        /// Where it is known.
        optional kind = "type": LabelType,
        /// The channel of a private one.
        optional channel_id: String,
        /// Its id at the mail provider.
        optional external_label_id: String,
        /// The shared twin of a private one.
        optional shared_label_id: String,
    }
}

wire_object! {
    /// Body of `PATCH /v1/labels/{id}`. `null` is no way to clear anything.
    pub struct LabelUpdate {
        /// Its name.
        optional name: String,
        /// What it is for.
        optional description: String,
        /// The shared twin of a private one.
        optional shared_label_id: String,
    }
}
