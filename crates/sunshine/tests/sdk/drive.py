"""Goes through the whole API with the vendor's own Python client, version 16 or 17, and checks what it makes of it.

Arguments: base URL, app id, key id, secret. The server locks a conversation at MESSAGES_MAX messages and gives
MESSAGES_PER_PAGE of them a page. Ends with 1 and a sentence at the first thing that is not as expected.
"""

import faulthandler
import os
import sys
import tempfile
import urllib.request

import sunshine_conversations_client as sdk

MESSAGES_MAX = 40
MESSAGES_PER_PAGE = 10
LONGEST_RUN_SECONDS = 120

BASE_URL, APP_ID, KEY_ID, SECRET = sys.argv[1:5]
MAJOR = int(sdk.__version__.split(".")[0])
UNKNOWN_ID = "f" * 24
# Version 16 cannot read the metadata of users and messages: it looks for a model that is called `dict`.
READS_METADATA = MAJOR >= 17


class Mismatch(Exception):
    """Something is not as expected."""


def equal(what, found, expected):
    """Compares one value."""
    if found != expected:
        raise Mismatch(f"{what}: {found!r} instead of {expected!r}")


def refused(what, status, code, call, *arguments, **options):
    """A call that must fail with this status and this code in the vendor's error shape."""
    try:
        call(*arguments, **options)
    except sdk.ApiException as error:
        equal(f"{what}, status", error.status, status)
        body = error.body if isinstance(error.body, str) else error.body.decode()
        if f'"code":"{code}"' not in body.replace(": ", ":"):
            raise Mismatch(f"{what}: no code {code} in {body}") from error
        if MAJOR >= 17 and status in (404, 409):
            names = {404: "NotFoundException", 409: "ConflictException"}
            equal(f"{what}, class", type(error).__name__, names[status])
        return
    raise Mismatch(f"{what}: no error, {status} {code} was expected")


def union(name, value):
    """A value of a union: version 17 wraps it in a model of its own, version 16 takes it as it is."""
    return getattr(sdk, name)(value) if MAJOR >= 17 else value


def inner(value):
    """The value inside a union."""
    return getattr(value, "actual_instance", value)


def text_type(value):
    """An enumeration's word."""
    return getattr(value, "value", value)


def client(username=KEY_ID, password=SECRET):
    """A client with these credentials."""
    configuration = sdk.Configuration(host=BASE_URL, username=username, password=password)
    return sdk.ApiClient(configuration)


API = client()
USERS = sdk.UsersApi(API)
CONVERSATIONS = sdk.ConversationsApi(API)
PARTICIPANTS = sdk.ParticipantsApi(API)
MESSAGES = sdk.MessagesApi(API)
ACTIVITIES = sdk.ActivitiesApi(API)
ATTACHMENTS = sdk.AttachmentsApi(API)


def participant(user_id, subscribe=None):
    """A participant of a new conversation."""
    value = sdk.ParticipantWithUserId(user_id=user_id, subscribe_sdk_client=subscribe)
    return union("ParticipantSubSchema", value)


def create_conversation(kind, user_ids, **options):
    """Creates a conversation and gives it."""
    subscribe = True if kind == "sdkGroup" else None
    participants = [participant(user_id, subscribe) for user_id in user_ids]
    body = sdk.ConversationCreateBody(type=kind, participants=participants, **options)
    return CONVERSATIONS.create_conversation(APP_ID, body).conversation


def post(conversation_id, content, author=None, **options):
    """Posts a content and gives the stored message."""
    author = author or sdk.Author(type="business", display_name="Bot")
    body = sdk.MessagePost(author=author, content=union("Content", content), **options)
    messages = MESSAGES.post_message(APP_ID, conversation_id, body).messages
    equal("messages of one post", len(messages), 1)
    return messages[0]


def drive_users():
    """Users: made, found by both ids, changed, deleted."""
    body = sdk.UserCreateBody(
        external_id="ext/1 \u00fc",
        signed_up_at="2020-06-23T14:33:47.492Z",
        profile=sdk.Profile(given_name="Jane", email="jane@example.org"),
        **({"metadata": {"lang": "en-ca", "n": 1, "b": True}} if READS_METADATA else {}),
    )
    user = USERS.create_user(APP_ID, body).user
    equal("length of a user's id", len(user.id), 24)
    equal("signed up", user.signed_up_at, "2020-06-23T14:33:47.492Z")
    if READS_METADATA:
        equal("metadata of a user", user.metadata, {"lang": "en-ca", "n": 1, "b": True})
    refused("the same external id", 409, "conflict", USERS.create_user, APP_ID, body)
    for name in (user.id, "ext/1 \u00fc"):
        equal("id of a found user", USERS.get_user(APP_ID, name).user.id, user.id)
    change = sdk.UserUpdateBody(profile=sdk.Profile(given_name="Jane", surname="Doe"))
    changed = USERS.update_user(APP_ID, "ext/1 \u00fc", change).user
    equal("surname", changed.profile.surname, "Doe")
    equal("external id", changed.external_id, "ext/1 \u00fc")
    refused("an unknown user", 404, "user_not_found", USERS.get_user, APP_ID, UNKNOWN_ID)
    short_lived = USERS.create_user(APP_ID, sdk.UserCreateBody(external_id="gone")).user
    USERS.delete_user(APP_ID, short_lived.id)
    refused("a deleted user", 404, "user_not_found", USERS.get_user, APP_ID, "gone")
    return user


def drive_conversations(user):
    """Conversations: made, listed page by page, changed, deleted; the default one stays."""
    first = create_conversation(
        "personal", [user.id], display_name="H\u00e9llo", metadata={"k": "v", "n": 1.5, "b": False}
    )
    equal("type", text_type(first.type), "personal")
    equal("display name", first.display_name, "H\u00e9llo")
    equal("metadata", first.metadata, {"k": "v", "n": 1.5, "b": False})
    equal("the first personal conversation", first.is_default, True)
    ids = [first.id]
    for _ in range(4):
        ids.append(create_conversation("personal", [user.id]).id)
    again = CONVERSATIONS.get_conversation(APP_ID, ids[1]).conversation
    equal("a second personal conversation", again.is_default, False)
    equal("no messages yet", again.last_updated_at, again.created_at)

    by_id = sdk.ConversationListFilter(user_id=user.id)
    walk_forwards(ids, by_id)
    by_external_id = sdk.ConversationListFilter(user_external_id=user.external_id)
    listed = CONVERSATIONS.list_conversations(APP_ID, filter=by_external_id)
    equal("conversations by external id", [one.id for one in listed.conversations], ids)
    nobody = sdk.ConversationListFilter(user_id=UNKNOWN_ID)
    refused("nobody's list", 404, "user_not_found", CONVERSATIONS.list_conversations, APP_ID, filter=nobody)

    change = sdk.ConversationUpdateBody(display_name="New", description="About", metadata={"x": "y"})
    changed = CONVERSATIONS.update_conversation(APP_ID, first.id, change).conversation
    equal("changed name", changed.display_name, "New")
    equal("changed description", changed.description, "About")
    equal("changed metadata", changed.metadata["x"], "y")
    change = sdk.ConversationUpdateBody(description=None)
    changed = CONVERSATIONS.update_conversation(APP_ID, first.id, change).conversation
    equal("cleared description", changed.description, None)
    equal("untouched name", changed.display_name, "New")

    delete = CONVERSATIONS.delete_conversation
    refused("the default conversation", 400, "bad_request", delete, APP_ID, first.id)
    delete(APP_ID, ids[4])
    get = CONVERSATIONS.get_conversation
    refused("a deleted conversation", 404, "conversation_not_found", get, APP_ID, ids[4])
    return ids


def walk_forwards(ids, list_filter):
    """All conversations in pages of two."""
    found, cursor = [], None
    while True:
        options = {"after": cursor} if cursor else {}
        page = sdk.Page(size=2, **options)
        listed = CONVERSATIONS.list_conversations(APP_ID, filter=list_filter, page=page)
        found += [one.id for one in listed.conversations]
        if not listed.meta.has_more:
            break
        equal("next link", listed.meta.after_cursor in listed.links.next, True)
        cursor = listed.meta.after_cursor
    equal("conversations of all pages", found, ids)


def drive_participants(user):
    """Groups: joined, listed and left in each way."""
    others = [USERS.create_user(APP_ID, sdk.UserCreateBody(external_id=f"p{n}")).user for n in range(3)]
    group = create_conversation("sdkGroup", [user.id])
    equal("type of a group", text_type(group.type), "sdkGroup")
    for other in others:
        body = sdk.ParticipantJoinBody(user_id=other.id, subscribe_sdk_client=False)
        joined = PARTICIPANTS.join_conversation(APP_ID, group.id, body).participant
        equal("who joined", (joined.user_id, joined.user_external_id), (other.id, other.external_id))
    listed = PARTICIPANTS.list_participants(APP_ID, group.id, page=sdk.Page(size=3))
    equal("participants of a page", len(listed.participants), 3)
    equal("more participants", listed.meta.has_more, True)
    page = sdk.Page(size=3, after=listed.meta.after_cursor)
    rest = PARTICIPANTS.list_participants(APP_ID, group.id, page=page)
    equal("the rest", [one.user_id for one in rest.participants], [others[2].id])
    equal("no more", rest.meta.has_more, False)
    leave = PARTICIPANTS.leave_conversation
    bodies = [
        sdk.ParticipantLeaveBodyUserId(user_id=others[0].id),
        sdk.ParticipantLeaveBodyUserExternalId(user_external_id=others[1].external_id),
        sdk.ParticipantLeaveBodyParticipantId(participant_id=rest.participants[0].id),
    ]
    for body in bodies:
        leave(APP_ID, group.id, union("ParticipantLeaveBody", body))
    gone = union("ParticipantLeaveBody", bodies[0])
    refused("who is not there", 404, "not_found", leave, APP_ID, group.id, gone)
    listed = PARTICIPANTS.list_participants(APP_ID, group.id)
    equal("who stayed", [one.user_id for one in listed.participants], [user.id])


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


def drive_contents(user, conversation_id):
    """Every content type: what is posted, what the platform makes of it, what the client reads back."""
    options = {"metadata": {"src": "import"}} if READS_METADATA else {}
    text = post(conversation_id, sdk.TextMessage(type="text", text="Hello"), **options)
    equal("text", inner(text.content).text, "Hello")
    equal("author", (text.author.type, text.author.display_name), ("business", "Bot"))
    equal("source", text.source.type, "api:conversations")
    if READS_METADATA:
        equal("metadata of a message", text.metadata, {"src": "import"})

    author = sdk.Author(type="user", user_id=user.id)
    said = post(conversation_id, sdk.TextMessage(type="text", text="Hi"), author)
    equal("a user's message", (said.author.type, said.author.user_id), ("user", user.id))

    rich = inner(post(conversation_id, sdk.TextMessage(type="text", markdown_text="*so*")).content)
    equal("text of Markdown", rich.text, "so")
    equal("HTML of Markdown", rich.html_text, "<p><em>so</em></p>")
    equal("Markdown itself", rich.markdown_text, None)

    pressed = inner(post(conversation_id, sdk.TextMessage(type="text", text="Choose", actions=all_actions())).content)
    types = [inner(action).type for action in pressed.actions]
    equal("actions", types, ["buy", "link", "locationRequest", "postback", "reply", "webview"])
    actions = [inner(action) for action in pressed.actions]
    equal("a price", (actions[0].amount, actions[0].currency), (1000, "usd"))
    equal("metadata of an action", actions[1].metadata, {"m": "n"})
    equal("a fallback", actions[5].fallback, "https://example.org/f")

    image = inner(post(conversation_id, sdk.ImageMessage(type="image", media_url="https://example.org/cat.png")).content)
    equal("an image", (image.type, image.media_type, image.alt_text), ("image", "image/png", "cat.png"))
    carousel = inner(post(conversation_id, sdk.CarouselMessage(type="carousel", items=[item("Tacos"), item("Ramen")])).content)
    equal("items", [one.title for one in carousel.items], ["Tacos", "Ramen"])
    equal("fallback of a carousel", "Tacos" in carousel.text, True)
    equal("an item's actions", [inner(action).type for action in carousel.items[0].actions], ["link", "postback"])
    listed = inner(post(conversation_id, sdk.ListMessage(type="list", items=[item("One")])).content)
    equal("a list", (listed.type, listed.items[0].title), ("list", "One"))
    fields = [
        sdk.FormMessageField(type="text", name="name", label="Name", min_size=2, max_size=20),
        sdk.FormMessageField(type="email", name="mail", label="Mail"),
    ]
    form = inner(post(conversation_id, sdk.FormMessage(type="form", fields=fields)).content)
    equal("a form", [(one.type, one.name) for one in form.fields], [("text", "name"), ("email", "mail")])
    equal("an open form", form.submitted, False)
    coordinates = sdk.LocationMessageCoordinates(lat=51.5, long=-0.25)
    location = inner(post(conversation_id, sdk.LocationMessage(type="location", coordinates=coordinates)).content)
    equal("a place", (location.coordinates.lat, location.coordinates.long), (51.5, -0.25))
    equal("fallback of a place", "51.5,-0.25" in location.text, True)

    classes = [type(inner(one.content)).__name__ for one in MESSAGES.list_messages(APP_ID, conversation_id).messages]
    if MAJOR >= 17:
        texts = ["TextMessage"] * 4
        others = ["ImageMessage", "CarouselMessage", "ListMessage", "FormMessage", "LocationMessage"]
        equal("classes of contents", classes, texts + others)
    return text.id


def drive_deletes(conversation_id, message_id):
    """One message, then all of them."""
    before = MESSAGES.list_messages(APP_ID, conversation_id).messages
    MESSAGES.delete_message(APP_ID, conversation_id, message_id)
    after = MESSAGES.list_messages(APP_ID, conversation_id).messages
    equal("messages after one delete", [one.id for one in after], [one.id for one in before if one.id != message_id])
    delete = MESSAGES.delete_message
    refused("a deleted message", 404, "conversation_not_found", delete, APP_ID, conversation_id, message_id)
    MESSAGES.delete_all_messages(APP_ID, conversation_id)
    listed = MESSAGES.list_messages(APP_ID, conversation_id)
    equal("messages after all deletes", listed.messages, [])


def drive_pages(conversation_id):
    """Backwards through a conversation that is full in the end."""
    ids = [post(conversation_id, sdk.TextMessage(type="text", text=str(n))).id for n in range(MESSAGES_MAX)]
    refused("a full conversation", 423, "locked", post, conversation_id, sdk.TextMessage(type="text", text="x"))
    found, cursor = [], None
    while True:
        # The size counts for nothing here, but this client sends one whenever it sends a cursor.
        options = {"page": sdk.Page(before=cursor)} if cursor else {}
        listed = MESSAGES.list_messages(APP_ID, conversation_id, **options)
        equal("messages of a page", len(listed.messages), MESSAGES_PER_PAGE)
        found = [one.id for one in listed.messages] + found
        if not listed.meta.has_more:
            break
        cursor = listed.meta.before_cursor
    equal("messages of all pages", found, ids)
    page = sdk.Page(after=ids[-2])
    listed = MESSAGES.list_messages(APP_ID, conversation_id, page=page)
    equal("messages after a cursor", [one.id for one in listed.messages], ids[-1:])


def drive_activity(user, conversation_id):
    """Reading moves marks."""
    def act(kind, **author):
        body = sdk.ActivityPost(author=sdk.Author(**author), type=kind)
        ACTIVITIES.post_activity(APP_ID, conversation_id, body)

    def marks():
        listed = PARTICIPANTS.list_participants(APP_ID, conversation_id).participants[0]
        return listed.unread_count, listed.last_read is not None

    equal("marks before", marks(), (1, False))
    act("conversation:read", type="user", user_id=user.id)
    equal("marks after", marks(), (0, True))
    equal("unread", CONVERSATIONS.get_conversation(APP_ID, conversation_id).conversation.business_last_read, None)
    for kind in ("typing:start", "typing:stop", "conversation:read"):
        act(kind, type="business")
    read = CONVERSATIONS.get_conversation(APP_ID, conversation_id).conversation.business_last_read
    equal("read by the business", read is not None, True)


def drive_attachments(conversation_id):
    """Uploaded, posted, fetched, removed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "note.txt")
        with open(path, "wb") as file:
            file.write(b"hello bytes")
        options = {"_for": "message", "conversation_id": conversation_id}
        if MAJOR >= 17:
            options["var_for"] = options.pop("_for")
        uploaded = ATTACHMENTS.upload_attachment(APP_ID, "public", path, **options).attachment
    equal("media type", uploaded.media_type, "text/plain")
    file = inner(post(conversation_id, sdk.FileMessage(type="file", media_url=uploaded.media_url)).content)
    equal("a file", (file.media_type, file.media_size, file.alt_text), ("text/plain", 11, "note.txt"))
    with urllib.request.urlopen(uploaded.media_url) as response:
        equal("bytes", response.read(), b"hello bytes")
    remove = ATTACHMENTS.delete_attachment
    body = sdk.AttachmentDeleteBody(media_url=uploaded.media_url)
    remove(APP_ID, body)
    refused("a removed attachment", 404, "not_found", remove, APP_ID, body)


def drive_access():
    """Wrong credentials and another app."""
    stranger = sdk.UsersApi(client(password="wrong"))
    refused("a wrong secret", 401, "unauthorized", stranger.get_user, APP_ID, UNKNOWN_ID)
    refused("another app", 404, "app_not_found", USERS.get_user, UNKNOWN_ID, UNKNOWN_ID)


def main():
    """The whole tour."""
    drive_access()
    user = drive_users()
    conversation_ids = drive_conversations(user)
    drive_participants(user)
    message_id = drive_contents(user, conversation_ids[0])
    drive_deletes(conversation_ids[0], message_id)
    drive_pages(conversation_ids[1])
    post(conversation_ids[2], sdk.TextMessage(type="text", text="unread"))
    drive_activity(user, conversation_ids[2])
    drive_attachments(conversation_ids[3])
    print(f"sunshine-conversations-client {sdk.__version__}: everything is as expected")


if __name__ == "__main__":
    # A server that does not answer must not keep the tests waiting.
    faulthandler.dump_traceback_later(LONGEST_RUN_SECONDS, exit=True)
    try:
        main()
    except Mismatch as mismatch:
        sys.exit(f"sunshine-conversations-client {sdk.__version__}: {mismatch}")
