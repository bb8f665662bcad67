//! The vendor's one content and our parts, both ways.

use conversation::{
    Location, Media, Part, RawJson, Template, Text, TextFormat, Unknown, html_to_text,
};
use serde_json::Number;

use super::EXTENSION;
use super::structured::{
    actions_from_canonical, actions_to_canonical, field_from_canonical, field_to_canonical,
    item_from_canonical, item_to_canonical,
};
use crate::wire::{
    Action, CarouselMessage, Content, Coordinates, Extra, FileMessage, FormMessage,
    FormResponseMessage, ImageMessage, ListMessage, LocationMessage, Member, Place, Raw,
    TemplateMessage, TextMessage,
};

fn boxed(member: &Member<String>) -> Option<Box<str>> {
    member.value().map(|text| text.as_str().into())
}

fn member(text: &Option<Box<str>>) -> Member<String> {
    Member::from(text.as_deref().map(str::to_owned))
}

/// A content as parts: always at least one.
#[must_use]
pub fn parts_from_content(content: &Content) -> Vec<Part> {
    match content {
        Content::Text(text) => text_parts(text),
        Content::Image(image) => {
            let media = Media {
                url: Some(image.media_url.as_str().into()),
                attachment_id: None,
                media_type: boxed(&image.media_type),
                size: image.media_size.value().and_then(Number::as_u64),
                name: None,
                alt_text: boxed(&image.alt_text),
                caption: caption(&image.text, &image.html_text, &image.markdown_text),
            };
            with_actions(vec![Part::Image(media)], &image.actions)
        }
        Content::File(file) => vec![Part::File(Media {
            url: Some(file.media_url.as_str().into()),
            attachment_id: None,
            media_type: boxed(&file.media_type),
            size: file.media_size.value().and_then(Number::as_u64),
            name: None,
            alt_text: boxed(&file.alt_text),
            caption: caption(&file.text, &file.html_text, &file.markdown_text),
        })],
        // The text of carousels, lists and locations is the vendor's fallback and says nothing new.
        Content::Carousel(carousel) => {
            vec![Part::Carousel(
                carousel.items.iter().map(item_to_canonical).collect(),
            )]
        }
        Content::List(list) => {
            let items = list.items.iter().map(item_to_canonical).collect();
            with_actions(vec![Part::List(items)], &list.actions)
        }
        Content::Form(form) => {
            let fields = Part::Form(form.fields.iter().map(field_to_canonical).collect());
            match form.text.value() {
                Some(text) => vec![Part::text(text.as_str()), fields],
                None => vec![fields],
            }
        }
        Content::FormResponse(response) => {
            vec![Part::FormResponse(
                response.fields.iter().map(field_to_canonical).collect(),
            )]
        }
        Content::Location(location) => vec![location_part(content, location)],
        Content::Template(template) => vec![template_part(content, &template.template)],
        Content::Other(raw) => vec![unknown(raw)],
    }
}

fn with_actions(mut parts: Vec<Part>, actions: &Member<Vec<Action>>) -> Vec<Part> {
    if let Some(actions) = actions.value().filter(|actions| !actions.is_empty()) {
        parts.push(Part::Actions(actions_to_canonical(actions)));
    }
    parts
}

fn text_parts(text: &TextMessage) -> Vec<Part> {
    let formatted = |member: &Member<String>, format| {
        member.value().map(|text| {
            Part::Text(Text {
                text: text.as_str().into(),
                format,
            })
        })
    };
    // The plain text beside HTML is the vendor's own fallback.
    let said = formatted(&text.html_text, TextFormat::Html)
        .or_else(|| formatted(&text.markdown_text, TextFormat::Markdown))
        .or_else(|| formatted(&text.text, TextFormat::Plain));
    let parts = with_actions(said.into_iter().collect(), &text.actions);
    if parts.is_empty() {
        return vec![Part::text("")];
    }
    parts
}

fn caption(
    text: &Member<String>,
    html: &Member<String>,
    markdown: &Member<String>,
) -> Option<Box<str>> {
    boxed(text)
        .or_else(|| html.value().map(|html| html_to_text(html).into()))
        .or_else(|| boxed(markdown))
}

fn location_part(content: &Content, location: &LocationMessage) -> Part {
    let (latitude, longitude) = (
        location.coordinates.lat.as_f64(),
        location.coordinates.long.as_f64(),
    );
    let (Some(latitude), Some(longitude)) = (latitude, longitude) else {
        return whole(content);
    };
    let place = location.location.value();
    Part::Location(Location {
        latitude,
        longitude,
        name: place.and_then(|place| boxed(&place.name)),
        address: place.and_then(|place| boxed(&place.address)),
    })
}

/// The members of a channel's template that have a canonical home.
#[derive(serde::Deserialize)]
struct Named {
    name: Box<str>,
    #[serde(default)]
    language: Option<Language>,
}

#[derive(serde::Deserialize)]
struct Language {
    code: Box<str>,
}

fn template_part(content: &Content, template: &Raw) -> Part {
    let (Ok(named), Ok(mut parameters)) = (
        template.decode::<Named>(),
        template.decode::<conversation::JsonMap>(),
    ) else {
        return whole(content);
    };
    parameters.remove("name");
    // A language with more than its code stays among the parameters, whole.
    let only_code = parameters.get("language").is_some_and(|language| {
        language
            .to::<conversation::JsonMap>()
            .is_ok_and(|members| members.len() == 1)
    });
    if only_code {
        parameters.remove("language");
    }
    Part::Template(Template {
        name: named.name,
        language: named.language.map(|language| language.code),
        parameters,
        text: None,
    })
}

fn whole(content: &Content) -> Part {
    Raw::encode(content).map_or_else(|_| Part::text(""), |raw| unknown(&raw))
}

fn unknown(raw: &Raw) -> Part {
    // The transport bounds how deep an answer nests, well below what can be kept.
    let value = RawJson::parse(raw.text()).unwrap_or_default();
    Part::Unknown(Unknown {
        vendor: EXTENSION.into(),
        value,
    })
}

/// The content that these parts are together, where there is one. Limits are not looked at.
#[must_use]
pub fn content_from_parts(parts: &[Part]) -> Option<Content> {
    Some(match parts {
        [Part::Text(text)] => Content::Text(text_content(Some(text), &[])),
        [Part::Text(text), Part::Actions(actions)] => {
            Content::Text(text_content(Some(text), actions))
        }
        [Part::Actions(actions)] => Content::Text(text_content(None, actions)),
        [Part::Image(media)] => Content::Image(image(media, &[])?),
        [Part::Image(media), Part::Actions(actions)] => Content::Image(image(media, actions)?),
        [Part::File(media)] => Content::File(file(media)?),
        [Part::Carousel(items)] => Content::Carousel(CarouselMessage {
            kind: "carousel".to_owned(),
            text: Member::Absent,
            block_chat_input: Member::Absent,
            items: items.iter().map(item_from_canonical).collect(),
            display_settings: Member::Absent,
            extra: Extra::new(),
        }),
        [Part::List(items)] => Content::List(list(items, &[])),
        [Part::List(items), Part::Actions(actions)] => Content::List(list(items, actions)),
        [Part::Form(fields)] => Content::Form(form(None, fields)),
        [Part::Text(text), Part::Form(fields)] if text.format == TextFormat::Plain => {
            Content::Form(form(Some(&text.text), fields))
        }
        [Part::FormResponse(fields)] => Content::FormResponse(FormResponseMessage {
            kind: "formResponse".to_owned(),
            fields: fields.iter().map(field_from_canonical).collect(),
            text_fallback: Member::Absent,
            extra: Extra::new(),
        }),
        [Part::Location(location)] => Content::Location(location_content(location)?),
        [Part::Template(template)] => Content::Template(TemplateMessage {
            kind: "template".to_owned(),
            block_chat_input: Member::Absent,
            template: template_body(template)?,
            extra: Extra::new(),
        }),
        [Part::Unknown(unknown)] if &*unknown.vendor == EXTENSION => {
            serde_json::from_str(unknown.value.get()).ok()?
        }
        _ => return None,
    })
}

fn text_content(text: Option<&Text>, actions: &[conversation::Action]) -> TextMessage {
    let mut content = TextMessage::empty();
    if let Some(text) = text {
        let words = Member::Value(String::from(&*text.text));
        match text.format {
            TextFormat::Html => content.html_text = words,
            TextFormat::Markdown => content.markdown_text = words,
            TextFormat::Plain | TextFormat::Other(_) => content.text = words,
        }
    }
    content.actions = actions_from_canonical(actions);
    content
}

fn image(media: &Media, actions: &[conversation::Action]) -> Option<ImageMessage> {
    Some(ImageMessage {
        kind: "image".to_owned(),
        media_url: String::from(&**media.url.as_ref()?),
        media_type: member(&media.media_type),
        media_size: Member::from(media.size.map(Number::from)),
        alt_text: member(&media.alt_text),
        text: member(&media.caption),
        block_chat_input: Member::Absent,
        html_text: Member::Absent,
        markdown_text: Member::Absent,
        actions: actions_from_canonical(actions),
        attachment_id: Member::Absent,
        extra: Extra::new(),
    })
}

fn file(media: &Media) -> Option<FileMessage> {
    Some(FileMessage {
        kind: "file".to_owned(),
        media_url: String::from(&**media.url.as_ref()?),
        media_size: Member::from(media.size.map(Number::from)),
        media_type: member(&media.media_type),
        alt_text: member(&media.alt_text),
        text: member(&media.caption),
        block_chat_input: Member::Absent,
        html_text: Member::Absent,
        markdown_text: Member::Absent,
        attachment_id: Member::Absent,
        extra: Extra::new(),
    })
}

fn list(items: &[conversation::Item], actions: &[conversation::Action]) -> ListMessage {
    ListMessage {
        kind: "list".to_owned(),
        text: Member::Absent,
        block_chat_input: Member::Absent,
        items: items.iter().map(item_from_canonical).collect(),
        actions: actions_from_canonical(actions),
        extra: Extra::new(),
    }
}

fn form(text: Option<&str>, fields: &[conversation::Field]) -> FormMessage {
    FormMessage {
        kind: "form".to_owned(),
        submitted: Member::Absent,
        block_chat_input: Member::Absent,
        fields: fields.iter().map(field_from_canonical).collect(),
        text: Member::from(text.map(str::to_owned)),
        extra: Extra::new(),
    }
}

fn location_content(location: &Location) -> Option<LocationMessage> {
    let place = (location.name.is_some() || location.address.is_some()).then(|| Place {
        address: member(&location.address),
        name: member(&location.name),
        extra: Extra::new(),
    });
    Some(LocationMessage {
        kind: "location".to_owned(),
        text: Member::Absent,
        block_chat_input: Member::Absent,
        coordinates: Coordinates {
            lat: Number::from_f64(location.latitude)?,
            long: Number::from_f64(location.longitude)?,
            extra: Extra::new(),
        },
        location: Member::from(place),
        extra: Extra::new(),
    })
}

fn template_body(template: &Template) -> Option<Raw> {
    let mut members = template.parameters.clone();
    members.insert("name".into(), RawJson::string(&template.name));
    if let Some(code) = &template.language
        && !members.contains_key("language")
    {
        let language = RawJson::from_serialize(&serde_json::json!({ "code": code })).ok()?;
        members.insert("language".into(), language);
    }
    Raw::encode(&members).ok()
}
