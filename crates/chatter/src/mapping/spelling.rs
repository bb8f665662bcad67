//! How the vendor spells times.

/// A time as the vendor writes it: microseconds, or no fraction where it is zero.
pub(crate) fn spelled_time(time: conversation::Time) -> String {
    let text = time.to_string();
    let (seconds, fraction) = text
        .trim_end_matches('Z')
        .split_once('.')
        .unwrap_or((&text, ""));
    match fraction {
        "000" | "000000" | "" => format!("{seconds}Z"),
        fraction => format!("{seconds}.{fraction:0<6}Z"),
    }
}

/// Whether [`spelled_time`] spells this time, once read, the same way.
pub(super) fn is_spelled_as_usual(text: &str) -> bool {
    let fraction = match text.len() {
        20 => true,
        27 => text.as_bytes()[19] == b'.' && !text.ends_with(".000000Z"),
        _ => false,
    };
    fraction && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}
