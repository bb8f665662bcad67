"""Goes through the API with the vendor's own Python client, as it is published, and checks what it makes of the answers.

Arguments: base URL, app id, key id, secret, a name that no other tour has, how many messages the one conversation of the
user `<name>-reader` holds, each saying its number, and who serves the bytes of attachments: `facade`, or a `backend` whose
URLs the facade cannot end. Ends with 1 and a sentence at the first surprise.
"""

import faulthandler
import os
import sys
import tempfile
import urllib.request

import sunshine_conversations_client as sdk

import contents
from dialect import (MAJOR, READS_METADATA, VERSION, Mismatch, equal, file_for, inner, joining, refused, union, word)

LONGEST_RUN_SECONDS = 120
UNKNOWN_ID = "f" * 24
BASE_URL, APP_ID, KEY_ID, SECRET, NAME, PREPARED, SERVED_BY = sys.argv[1:8]


def client(username=KEY_ID, password=SECRET):
    """A client with these credentials."""
    return sdk.ApiClient(sdk.Configuration(host=BASE_URL, username=username, password=password))


API = client()
USERS = sdk.UsersApi(API)
CONVERSATIONS = sdk.ConversationsApi(API)
PARTICIPANTS = sdk.ParticipantsApi(API)
MESSAGES = sdk.MessagesApi(API)
ACTIVITIES = sdk.ActivitiesApi(API)
ATTACHMENTS = sdk.AttachmentsApi(API)


def create(kind, user_ids, **options):
    """Creates a conversation and gives it."""
    subscribe = True if kind == "sdkGroup" else None
    participants = [
        union("ParticipantSubSchema", sdk.ParticipantWithUserId(user_id=one, subscribe_sdk_client=subscribe))
        for one in user_ids
    ]
    body = sdk.ConversationCreateBody(type=kind, participants=participants, **options)
    return CONVERSATIONS.create_conversation(APP_ID, body).conversation


def post(conversation_id, content, author=None, **options):
    """Posts a content and gives the stored message."""
    author = author or sdk.Author(type="business", display_name="Bot")
    body = sdk.MessagePost(author=author, content=union("Content", content), **options)
    messages = MESSAGES.post_message(APP_ID, conversation_id, body).messages
    equal("messages of one post", len(messages), 1)
    return messages[0]


def ids(listed):
    """The ids of what a list shows."""
    return [one.id for one in listed]


def access():
    """Wrong credentials, on a call that needs nothing else."""
    for username, password in ((KEY_ID, "wrong"), ("nobody", SECRET)):
        stranger = sdk.UsersApi(client(username, password))
        refused("a wrong key", 401, "unauthorized", stranger.get_user, APP_ID, UNKNOWN_ID)


def users():
    """Users: made, found by both ids, changed, deleted."""
    external_id = f"{NAME}/1 \u00fc"
    body = sdk.UserCreateBody(
        external_id=external_id,
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
    for name in (user.id, external_id):
        equal("id of a found user", USERS.get_user(APP_ID, name).user.id, user.id)
    change = sdk.UserUpdateBody(profile=sdk.Profile(given_name="Jane", surname="Doe"))
    changed = USERS.update_user(APP_ID, external_id, change).user
    equal("surname", changed.profile.surname, "Doe")
    equal("external id", changed.external_id, external_id)
    refused("an unknown user", 404, "user_not_found", USERS.get_user, APP_ID, UNKNOWN_ID)
    gone = USERS.create_user(APP_ID, sdk.UserCreateBody(external_id=f"{NAME}-gone")).user
    USERS.delete_user(APP_ID, gone.id)
    refused("a deleted user", 404, "user_not_found", USERS.get_user, APP_ID, f"{NAME}-gone")
    return user


def conversations(user):
    """Conversations: made, listed page by page, changed, deleted; the first one stays."""
    metadata = {"k": "v", "n": 1.5, "b": False}
    first = create("personal", [user.id], display_name="H\u00e9llo", metadata=metadata)
    equal("type", word(first.type), "personal")
    equal("display name", first.display_name, "H\u00e9llo")
    equal("metadata", first.metadata, metadata)
    equal("the first personal conversation", first.is_default, True)
    made = [first.id] + [create("personal", [user.id]).id for _ in range(4)]
    again = CONVERSATIONS.get_conversation(APP_ID, made[1]).conversation
    equal("a second personal conversation", again.is_default, False)
    if MAJOR > 9:
        equal("no messages yet", again.last_updated_at, again.created_at)
    walk_forwards(made, sdk.ConversationListFilter(user_id=user.id))
    by_external_id = sdk.ConversationListFilter(user_external_id=user.external_id)
    listed = CONVERSATIONS.list_conversations(APP_ID, filter=by_external_id)
    equal("conversations by external id", sorted(ids(listed.conversations)), sorted(made))
    nobody = sdk.ConversationListFilter(user_id=UNKNOWN_ID)
    refused("nobody's list", 404, "user_not_found", CONVERSATIONS.list_conversations, APP_ID, filter=nobody)

    update = CONVERSATIONS.update_conversation
    change = sdk.ConversationUpdateBody(display_name="New", description="About", metadata={"x": "y"})
    changed = update(APP_ID, first.id, change).conversation
    equal("changed", (changed.display_name, changed.description), ("New", "About"))
    equal("changed metadata", changed.metadata["x"], "y")
    # None clears here, and is left out by version 9.
    changed = update(APP_ID, first.id, sdk.ConversationUpdateBody(description=None)).conversation
    equal("description", changed.description, "About" if MAJOR == 9 and changed.description else None)
    equal("untouched name", CONVERSATIONS.get_conversation(APP_ID, first.id).conversation.display_name, "New")

    delete = CONVERSATIONS.delete_conversation
    refused("the default conversation", 400, "bad_request", delete, APP_ID, first.id)
    delete(APP_ID, made[4])
    get = CONVERSATIONS.get_conversation
    refused("a deleted conversation", 404, "conversation_not_found", get, APP_ID, made[4])
    return made[:4]


def walk_forwards(made, list_filter):
    """All conversations in pages of two."""
    found, cursor = [], None
    while True:
        page = sdk.Page(size=2, **({"after": cursor} if cursor else {}))
        listed = CONVERSATIONS.list_conversations(APP_ID, filter=list_filter, page=page)
        found += ids(listed.conversations)
        if not listed.meta.has_more:
            break
        equal("conversations of a page", len(listed.conversations), 2)
        equal("next link", listed.meta.after_cursor in listed.links.next, True)
        cursor = listed.meta.after_cursor
    equal("conversations of all pages", sorted(found), sorted(made))
    # And back again, from the last one.
    page = sdk.Page(before=found[-1], size=2)
    listed = CONVERSATIONS.list_conversations(APP_ID, filter=list_filter, page=page)
    equal("the page before the last", ids(listed.conversations), found[-3:-1])


def participants(user):
    """Groups: joined, listed and left in each way."""
    others = [USERS.create_user(APP_ID, sdk.UserCreateBody(external_id=f"{NAME}-p{n}")).user for n in range(3)]
    group = create("sdkGroup", [user.id])
    equal("type of a group", word(group.type), "sdkGroup")
    for other in others:
        joined = PARTICIPANTS.join_conversation(APP_ID, group.id, joining(other.id)).participant
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
    refused("who is not there", 404, "not_found", leave, APP_ID, group.id, union("ParticipantLeaveBody", bodies[0]))
    listed = PARTICIPANTS.list_participants(APP_ID, group.id)
    equal("who stayed", [one.user_id for one in listed.participants], [user.id])


def messages(user, conversation_id):
    """Every content type: what is posted is answered, and read again from the list."""
    options = {"metadata": {"src": "import"}} if READS_METADATA else {}
    author = sdk.Author(type="user", user_id=user.id)
    said = post(conversation_id, sdk.TextMessage(type="text", text="Hi"), author, **options)
    equal("a user's message", (said.author.type, said.author.user_id), ("user", user.id))
    if READS_METADATA:
        equal("metadata of a message", said.metadata, {"src": "import"})
    posted = [(said.id, "TextMessage", lambda read: equal("text", read.text, "Hi"))]
    for name, content, check in contents.contents():
        message = post(conversation_id, content)
        equal("author", (message.author.type, message.author.display_name), ("business", "Bot"))
        contents.check(name, check, message.content)
        posted.append((message.id, name, check))
    listed = MESSAGES.list_messages(APP_ID, conversation_id).messages
    equal("messages", ids(listed), [one for one, _, _ in posted])
    for message, (_, name, check) in zip(listed, posted):
        contents.check(name, check, message.content)
    unknown = sdk.TextMessage(type="text", text="x")
    refused("a post to nowhere", 404, "conversation_not_found", post, UNKNOWN_ID, unknown)
    deletes(conversation_id, said.id)


def deletes(conversation_id, message_id):
    """One message, then all of them."""
    before = MESSAGES.list_messages(APP_ID, conversation_id).messages
    delete = MESSAGES.delete_message
    delete(APP_ID, conversation_id, message_id)
    after = MESSAGES.list_messages(APP_ID, conversation_id).messages
    equal("messages after one delete", ids(after), [one for one in ids(before) if one != message_id])
    refused("a deleted message", 404, "conversation_not_found", delete, APP_ID, conversation_id, message_id)
    MESSAGES.delete_all_messages(APP_ID, conversation_id)
    equal("messages after all deletes", MESSAGES.list_messages(APP_ID, conversation_id).messages, [])


def pages():
    """Backwards and forwards through a long conversation that was not made with this client."""
    filtered = sdk.ConversationListFilter(user_external_id=f"{NAME}-reader")
    listed = CONVERSATIONS.list_conversations(APP_ID, filter=filtered).conversations
    equal("prepared conversations", len(listed), 1)
    expected = [str(number) for number in range(int(PREPARED))]

    def texts(page):
        return [inner(one.content).text for one in page.messages]

    found, options = [], {}
    while True:
        # The size counts for nothing here, but this client sends one whenever it sends a cursor.
        page = MESSAGES.list_messages(APP_ID, listed[0].id, **options)
        found = texts(page) + found
        if not page.meta.has_more:
            break
        equal("messages of a page", len(page.messages), 100)
        options = {"page": sdk.Page(before=page.meta.before_cursor)}
    equal("messages backwards", found, expected)
    first = page.messages[0]
    found, options = texts(page)[:1], {"page": sdk.Page(after=first.id)}
    while True:
        page = MESSAGES.list_messages(APP_ID, listed[0].id, **options)
        found += texts(page)
        if not page.meta.has_more:
            break
        options = {"page": sdk.Page(after=page.meta.after_cursor)}
    equal("messages forwards", found, expected)


def activity(user, conversation_id):
    """Reading moves marks."""
    def act(kind, **author):
        body = sdk.ActivityPost(author=sdk.Author(**author), type=kind)
        ACTIVITIES.post_activity(APP_ID, conversation_id, body)

    def marks():
        listed = PARTICIPANTS.list_participants(APP_ID, conversation_id).participants[0]
        return listed.unread_count, listed.last_read is not None

    post(conversation_id, sdk.TextMessage(type="text", text="unread"))
    equal("marks before", marks(), (1, False))
    act("conversation:read", type="user", user_id=user.id)
    equal("marks after", marks(), (0, True))
    for kind in ("typing:start", "typing:stop", "conversation:read"):
        act(kind, type="business")
    read = CONVERSATIONS.get_conversation(APP_ID, conversation_id).conversation.business_last_read
    equal("read by the business", read is not None, True)


def attachments(conversation_id):
    """Uploaded, posted, fetched, removed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "note.txt")
        with open(path, "wb") as file:
            file.write(b"hello bytes")
        upload = ATTACHMENTS.upload_attachment
        uploaded = upload(APP_ID, "public", path, **file_for(conversation_id)).attachment
    equal("media type", uploaded.media_type, "text/plain")
    file = inner(post(conversation_id, sdk.FileMessage(type="file", media_url=uploaded.media_url)).content)
    equal("a file", (file.media_type, file.media_size), ("text/plain", 11))
    with urllib.request.urlopen(uploaded.media_url) as response:
        equal("bytes", response.read(), b"hello bytes")
    with urllib.request.urlopen(file.media_url) as response:
        equal("bytes of the message", response.read(), b"hello bytes")
    body = sdk.AttachmentDeleteBody(media_url=uploaded.media_url)
    if SERVED_BY == "facade":
        ATTACHMENTS.delete_attachment(APP_ID, body)
    refused("a removed attachment", 404, "not_found", ATTACHMENTS.delete_attachment, APP_ID, body)


def main():
    """The whole tour."""
    access()
    user = users()
    made = conversations(user)
    participants(user)
    messages(user, made[0])
    pages()
    activity(user, made[1])
    attachments(made[2])
    print(f"sunshine-conversations-client {VERSION}: everything is as expected")


if __name__ == "__main__":
    # A server that does not answer must not keep the tests waiting.
    faulthandler.dump_traceback_later(LONGEST_RUN_SECONDS, exit=True)
    try:
        main()
    except Mismatch as mismatch:
        sys.exit(f"sunshine-conversations-client {VERSION}: {mismatch}")
