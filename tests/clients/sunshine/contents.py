"""Every content type that the vendor's Python client can express: how it is posted, and what must be read back."""

import sunshine_conversations_client as sdk

from dialect import MAJOR, Mismatch, equal, field, inner, union


def item(title):
    """An item of a carousel or list."""
    actions = [
        sdk.Link(type="link", text="More", uri="https://example.org/more"),
        sdk.Postback(type="postback", text="Take", payload=title),
    ]
    return sdk.Item(
        title=title,
        description="An item",
        media_url="https://example.org/item.png",
        actions=[union("ActionSubset", action) for action in actions],
    )


def all_actions():
    """One action of each type."""
    actions = [
        sdk.Buy(type="buy", text="Buy", amount=1000, currency="usd"),
        sdk.Link(type="link", text="Open", uri="https://example.org", metadata={"m": "n"}),
        sdk.LocationRequest(type="locationRequest", text="Where?"),
        sdk.Postback(type="postback", text="Press", payload="P"),
        sdk.Reply(type="reply", text="Yes", payload="Y", icon_url="https://example.org/y.png"),
        sdk.Webview(type="webview", text="See", uri="https://example.org/w", fallback="https://example.org/f", size="tall"),
    ]
    return [union("Action", action) for action in actions]


def check_text(read):
    equal("text", read.text, "Hello <b> \u00fcnic\u00f6de")


def check_markdown(read):
    equal("text of Markdown", read.text, "so")
    equal("HTML of Markdown", read.html_text, "<p><em>so</em></p>")
    equal("Markdown itself", read.markdown_text, None)


def check_html(read):
    equal("HTML", read.html_text, "<p>so <b>bold</b></p>")
    equal("text of HTML", read.text, "so bold")


def check_actions(read):
    actions = [inner(action) for action in read.actions]
    types = [action.type for action in actions]
    equal("actions", types, ["buy", "link", "locationRequest", "postback", "reply", "webview"])
    equal("a price", (actions[0].amount, actions[0].currency), (1000, "usd"))
    equal("an address", actions[1].uri, "https://example.org")
    equal("metadata of an action", actions[1].metadata, {"m": "n"})
    equal("a payload", (actions[3].payload, actions[4].payload), ("P", "Y"))
    equal("a fallback", (actions[5].fallback, actions[5].size), ("https://example.org/f", "tall"))


def check_image(read):
    equal("an image", (read.media_url, read.media_type), ("https://example.org/cat.png", "image/png"))
    equal("a caption", (read.text, read.alt_text), ("a cat", "a sleeping cat"))


def check_file(read):
    equal("a file", (read.media_url, read.media_type), ("https://example.org/bill.pdf", "application/pdf"))


def check_carousel(read):
    equal("items", [one.title for one in read.items], ["Tacos", "Ramen"])
    equal("an item", (read.items[0].description, read.items[0].media_url), ("An item", "https://example.org/item.png"))
    equal("an item's actions", [inner(action).type for action in read.items[0].actions], ["link", "postback"])
    equal("fallback of a carousel", "Tacos" in read.text, True)


def check_list(read):
    equal("a list", [one.title for one in read.items], ["One", "Two"])
    equal("a list's actions", [inner(action).text for action in read.actions], ["Take"])


def check_form(read):
    equal("a form", [(one.type, one.name, one.label) for one in read.fields],
          [("text", "name", "Name"), ("email", "mail", "Mail")])
    # Version 16 loses the sizes of fields that it reads.
    if MAJOR != 16:
        equal("sizes", (read.fields[0].min_size, read.fields[0].max_size), (2, 20))


def check_location(read):
    equal("a place", (read.coordinates.lat, read.coordinates.long), (51.5, -0.25))
    equal("its name", (read.location.address, read.location.name), ("1 Main St", "Home"))


def check_template(read):
    name = read.template["name"] if isinstance(read.template, dict) else None
    equal("a template", name, "greeting")


def contents():
    """Name, value and check of each content type; the name is also the class that version 17 reads."""
    table = [
        ("TextMessage", sdk.TextMessage(type="text", text="Hello <b> \u00fcnic\u00f6de"), check_text),
        ("TextMessage", sdk.TextMessage(type="text", text="Choose", actions=all_actions()), check_actions),
        ("ImageMessage", sdk.ImageMessage(type="image", media_url="https://example.org/cat.png", text="a cat",
                                          alt_text="a sleeping cat"), check_image),
        ("FileMessage", sdk.FileMessage(type="file", media_url="https://example.org/bill.pdf"), check_file),
        ("CarouselMessage", sdk.CarouselMessage(type="carousel", items=[item("Tacos"), item("Ramen")]), check_carousel),
        ("ListMessage", sdk.ListMessage(
            type="list", items=[item("One"), item("Two")],
            actions=[union("ActionSubset", sdk.Postback(type="postback", text="Take", payload="both"))]), check_list),
        ("FormMessage", sdk.FormMessage(type="form", fields=[
            field(type="text", name="name", label="Name", min_size=2, max_size=20),
            field(type="email", name="mail", label="Mail")]), check_form),
        ("LocationMessage", sdk.LocationMessage(
            type="location", coordinates=sdk.LocationMessageCoordinates(lat=51.5, long=-0.25),
            location=sdk.LocationMessageLocation(address="1 Main St", name="Home")), check_location),
        ("TemplateMessage", sdk.TemplateMessage(
            type="template", template={"name": "greeting", "language": {"code": "en"}}), check_template),
    ]
    if MAJOR > 9:
        table += [
            ("TextMessage", sdk.TextMessage(type="text", markdown_text="*so*"), check_markdown),
            ("TextMessage", sdk.TextMessage(type="text", html_text="<p>so <b>bold</b></p>"), check_html),
        ]
    return table


def check(name, check_one, read):
    """Checks one content that was read."""
    content = inner(read)
    try:
        check_one(content)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise Mismatch(f"{name}: {error} in {content}") from error
    if MAJOR >= 17:
        equal("class of a content", type(content).__name__, name)
