//! Path templates: matched per raw segment, so that a `%2F` inside a value is no slash.

/// Decoded values of the templates, by name.
pub(super) type Values = Vec<(String, String)>;

/// A path of the description.
#[derive(Debug)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    Fixed(String),
    /// `before{name}after`.
    Wild {
        before: String,
        name: String,
        after: String,
    },
}

impl Template {
    pub(super) fn new(path: &str) -> Self {
        Self(path.split('/').map(Segment::new).collect())
    }

    /// The values, if the path fits.
    pub(super) fn matches(&self, path: &str) -> Option<Values> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() != self.0.len() {
            return None;
        }
        let mut values = Values::new();
        for (template, segment) in self.0.iter().zip(segments) {
            match template {
                Segment::Fixed(text) => {
                    if *text != decoded(segment)? {
                        return None;
                    }
                }
                Segment::Wild {
                    before,
                    name,
                    after,
                } => {
                    let value = segment.strip_prefix(before.as_str())?;
                    let value = value.strip_suffix(after.as_str())?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push((name.clone(), decoded(value)?));
                }
            }
        }
        Some(values)
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        let wild = text.split_once('{').and_then(|(before, rest)| {
            let (name, after) = rest.split_once('}')?;
            Some((before, name, after))
        });
        match wild {
            Some((before, name, after)) => Self::Wild {
                before: before.to_owned(),
                name: name.to_owned(),
                after: after.to_owned(),
            },
            None => Self::Fixed(text.to_owned()),
        }
    }
}

/// A segment without percent-encoding; `None` where that is malformed.
fn decoded(segment: &str) -> Option<String> {
    if !well_encoded(segment) {
        return None;
    }
    // A path knows no `+` for a space, so it is hidden from the form decoding.
    let pair = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(value.into_owned())
}

/// Whether each `%` stands before two hexadecimal digits.
pub(super) fn well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().iter().take(2);
        digits.clone().count() == 2 && digits.into_iter().all(u8::is_ascii_hexdigit)
    })
}
