// Goes through the API with the vendor's own JavaScript client, as it is published, and checks what it makes of the
// answers.
//
// Arguments: base URL, app id, key id, secret, a name that no other tour has, how many messages the one conversation of
// the user `<name>-reader` holds, each saying its number, and who serves the bytes of attachments: `facade`, or a `backend`
// whose URLs the facade cannot end. Ends with 1 and a sentence at the first surprise.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const sdk = require("sunshine-conversations-client");
const { contents, having } = require("./contents");
const { Mismatch, equal, refused } = require("./expect");

const LONGEST_RUN_MS = 120_000;
const UNKNOWN_ID = "f".repeat(24);
const [BASE_URL, APP, KEY_ID, SECRET, NAME, PREPARED, SERVED_BY] = process.argv.slice(2);

const api = sdk.ApiClient.instance;
api.basePath = BASE_URL;
const users = new sdk.UsersApi();
const conversations = new sdk.ConversationsApi();
const participants = new sdk.ParticipantsApi();
const messages = new sdk.MessagesApi();
const activities = new sdk.ActivitiesApi();
const attachments = new sdk.AttachmentsApi();

const ids = (listed) => listed.map((one) => one.id);
const by = (type, members) => having(new sdk.Author(type), members ?? {});

function logIn(username, password) {
  Object.assign(api.authentications.basicAuth, { username, password });
}

async function create(type, userIds, members) {
  const subscribeSDKClient = type === "sdkGroup" ? true : undefined;
  const body = having(new sdk.ConversationCreateBody(type), {
    participants: userIds.map((userId) => ({ userId, subscribeSDKClient })),
    ...members,
  });
  return (await conversations.createConversation(APP, body)).conversation;
}

async function post(conversation, content, author = by("business", { displayName: "Bot" }), members = {}) {
  const body = having(new sdk.MessagePost(author, content), members);
  const posted = (await messages.postMessage(APP, conversation, body)).messages;
  equal("messages of one post", posted.length, 1);
  return posted[0];
}

async function access() {
  for (const [username, password] of [[KEY_ID, "wrong"], ["nobody", SECRET]]) {
    logIn(username, password);
    await refused("a wrong key", 401, "unauthorized", () => users.getUser(APP, UNKNOWN_ID));
  }
  logIn(KEY_ID, SECRET);
}

async function madeUser() {
  const externalId = `${NAME}/1 ü`;
  const body = having(new sdk.UserCreateBody(), {
    externalId,
    signedUpAt: "2020-06-23T14:33:47.492Z",
    profile: { givenName: "Jane", email: "jane@example.org" },
    metadata: { lang: "en-ca", n: 1, b: true },
  });
  const { user } = await users.createUser(APP, body);
  equal("length of a user's id", user.id.length, 24);
  equal("a user", [user.signedUpAt, user.metadata], [body.signedUpAt, body.metadata]);
  await refused("the same external id", 409, "conflict", () => users.createUser(APP, body));
  for (const name of [user.id, externalId]) {
    equal("id of a found user", (await users.getUser(APP, name)).user.id, user.id);
  }
  const change = { profile: { givenName: "Jane", surname: "Doe" } };
  const changed = (await users.updateUser(APP, externalId, change)).user;
  equal("a changed user", [changed.profile.surname, changed.externalId], ["Doe", externalId]);
  await refused("an unknown user", 404, "user_not_found", () => users.getUser(APP, UNKNOWN_ID));
  const gone = (await users.createUser(APP, { externalId: `${NAME}-gone` })).user;
  await users.deleteUser(APP, gone.id);
  await refused("a deleted user", 404, "user_not_found", () => users.getUser(APP, `${NAME}-gone`));
  return user;
}

async function madeConversations(user) {
  const metadata = { k: "v", n: 1.5, b: false };
  const first = await create("personal", [user.id], { displayName: "Héllo", metadata });
  equal("a conversation", [first.type, first.displayName, first.metadata, first.isDefault],
    ["personal", "Héllo", metadata, true]);
  const made = [first.id];
  for (let number = 0; number < 4; number += 1) {
    made.push((await create("personal", [user.id])).id);
  }
  const again = (await conversations.getConversation(APP, made[1])).conversation;
  equal("a second conversation", [again.isDefault, again.lastUpdatedAt], [false, again.createdAt]);
  // This client sends one member of a page only: a size, then a cursor.
  const filter = { userId: user.id };
  let listed = await conversations.listConversations(APP, filter, { page: { size: 2 } });
  equal("conversations of a page", [listed.conversations.length, listed.meta.hasMore], [2, true]);
  const found = ids(listed.conversations);
  listed = await conversations.listConversations(APP, filter, { page: { after: listed.meta.afterCursor } });
  found.push(...ids(listed.conversations));
  equal("conversations of all pages", [...found].sort(), [...made].sort());
  equal("no more", listed.meta.hasMore, false);
  listed = await conversations.listConversations(APP, filter, { page: { before: found[4] } });
  equal("conversations before the last", ids(listed.conversations), found.slice(0, 4));
  listed = await conversations.listConversations(APP, { userExternalId: user.externalId });
  equal("conversations by external id", ids(listed.conversations), found);
  const nobody = { userId: UNKNOWN_ID };
  await refused("nobody's list", 404, "user_not_found", () => conversations.listConversations(APP, nobody));
  await changedConversations(first.id, made);
  return made.slice(0, 4);
}

async function changedConversations(first, made) {
  const update = async (body) => (await conversations.updateConversation(APP, first, body)).conversation;
  let changed = await update({ displayName: "New", description: "About", metadata: { x: "y" } });
  equal("changed", [changed.displayName, changed.description, changed.metadata.x], ["New", "About", "y"]);
  changed = await update({ description: null });
  equal("cleared", [changed.displayName, changed.description ?? null], ["New", null]);
  const deleted = (id) => conversations.deleteConversation(APP, id);
  await refused("the default conversation", 400, "bad_request", () => deleted(first));
  await deleted(made[4]);
  const get = () => conversations.getConversation(APP, made[4]);
  await refused("a deleted conversation", 404, "conversation_not_found", get);
}

async function joinedAndLeft(user) {
  const others = [];
  for (let number = 0; number < 3; number += 1) {
    others.push((await users.createUser(APP, { externalId: `${NAME}-p${number}` })).user);
  }
  const group = await create("sdkGroup", [user.id]);
  equal("a group", group.type, "sdkGroup");
  for (const other of others) {
    const body = { userId: other.id, subscribeSDKClient: false };
    const { participant } = await participants.joinConversation(APP, group.id, body);
    equal("who joined", [participant.userId, participant.userExternalId], [other.id, other.externalId]);
  }
  let listed = await participants.listParticipants(APP, group.id, { page: { size: 3 } });
  equal("a page of participants", [listed.participants.length, listed.meta.hasMore], [3, true]);
  listed = await participants.listParticipants(APP, group.id, { page: { after: listed.meta.afterCursor } });
  equal("the rest", listed.participants.map((one) => one.userId), [others[2].id]);
  const leave = (body) => participants.leaveConversation(APP, group.id, body);
  await leave({ userId: others[0].id });
  await leave({ userExternalId: others[1].externalId });
  await leave({ participantId: listed.participants[0].id });
  await refused("who is not there", 404, "not_found", () => leave({ userId: others[0].id }));
  listed = await participants.listParticipants(APP, group.id);
  equal("who stayed", listed.participants.map((one) => one.userId), [user.id]);
}

async function saidEverything(user, conversation) {
  const hi = having(new sdk.TextMessage("text"), { text: "Hi" });
  const metadata = { src: "import" };
  const said = await post(conversation, hi, by("user", { userId: user.id }), { metadata });
  equal("a user's message", [said.author.type, said.author.userId, said.metadata], ["user", user.id, metadata]);
  const posted = [[said.id, hi, (read) => equal("text", read.text, "Hi")]];
  for (const [content, check] of contents()) {
    const message = await post(conversation, content);
    equal("author", [message.author.type, message.author.displayName], ["business", "Bot"]);
    check(message.content);
    posted.push([message.id, content, check]);
  }
  const listed = (await messages.listMessages(APP, conversation)).messages;
  equal("messages", ids(listed), posted.map(([id]) => id));
  listed.forEach((message, place) => {
    equal("content type", message.content.type, posted[place][1].type);
    posted[place][2](message.content);
  });
  await refused("a post to nowhere", 404, "conversation_not_found", () => post(UNKNOWN_ID, hi));
  await messages.deleteMessage(APP, conversation, said.id);
  const after = (await messages.listMessages(APP, conversation)).messages;
  equal("messages after one delete", ids(after), ids(listed).slice(1));
  const again = () => messages.deleteMessage(APP, conversation, said.id);
  await refused("a deleted message", 404, "conversation_not_found", again);
  await messages.deleteAllMessages(APP, conversation);
  equal("messages after all deletes", (await messages.listMessages(APP, conversation)).messages, []);
}

// Backwards and forwards through a long conversation that was not made with this client.
async function paged() {
  const listed = await conversations.listConversations(APP, { userExternalId: `${NAME}-reader` });
  equal("prepared conversations", listed.conversations.length, 1);
  const [{ id }] = listed.conversations;
  const expected = Array.from({ length: Number(PREPARED) }, (_, number) => String(number));
  const texts = (page) => page.messages.map((one) => one.content.text);
  let found = [];
  let page;
  for (let options = {}; ; options = { page: { before: page.meta.beforeCursor } }) {
    page = await messages.listMessages(APP, id, options);
    found = [...texts(page), ...found];
    if (!page.meta.hasMore) break;
    equal("messages of a page", page.messages.length, 100);
  }
  equal("messages backwards", found, expected);
  found = texts(page).slice(0, 1);
  for (let after = page.messages[0].id; ; after = page.meta.afterCursor) {
    page = await messages.listMessages(APP, id, { page: { after } });
    found.push(...texts(page));
    if (!page.meta.hasMore) break;
  }
  equal("messages forwards", found, expected);
}

async function read(user, conversation) {
  const act = (type, author) => activities.postActivity(APP, conversation, new sdk.ActivityPost(author, type));
  const marks = async () => {
    const [one] = (await participants.listParticipants(APP, conversation)).participants;
    return [one.unreadCount, one.lastRead !== undefined];
  };
  await post(conversation, having(new sdk.TextMessage("text"), { text: "unread" }));
  equal("marks before", await marks(), [1, false]);
  await act("conversation:read", by("user", { userId: user.id }));
  equal("marks after", await marks(), [0, true]);
  for (const type of ["typing:start", "typing:stop", "conversation:read"]) {
    await act(type, by("business"));
  }
  const { conversation: shown } = await conversations.getConversation(APP, conversation);
  equal("read by the business", typeof shown.businessLastRead, "string");
}

async function attached(conversation) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tour-"));
  let uploaded;
  try {
    const file = path.join(folder, "note.txt");
    fs.writeFileSync(file, "hello bytes");
    const options = { _for: "message", conversationId: conversation };
    const source = fs.createReadStream(file);
    uploaded = (await attachments.uploadAttachment(APP, "public", source, options)).attachment;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  equal("media type", uploaded.mediaType, "text/plain");
  const { content } = await post(conversation, new sdk.FileMessage("file", uploaded.mediaUrl));
  equal("a file", [content.mediaType, content.mediaSize], ["text/plain", 11]);
  for (const url of [uploaded.mediaUrl, content.mediaUrl]) {
    equal("bytes", await (await fetch(url)).text(), "hello bytes");
  }
  const remove = () => attachments.deleteAttachment(APP, new sdk.AttachmentDeleteBody(uploaded.mediaUrl));
  if (SERVED_BY === "facade") await remove();
  await refused("a removed attachment", 404, "not_found", remove);
}

async function main() {
  await access();
  const user = await madeUser();
  const made = await madeConversations(user);
  await joinedAndLeft(user);
  await saidEverything(user, made[0]);
  await paged();
  await read(user, made[1]);
  await attached(made[2]);
  console.log("sunshine-conversations-client for JavaScript: everything is as expected");
}

// A server that does not answer must not keep the tests waiting.
setTimeout(() => {
  console.error("the tour does not end");
  process.exit(1);
}, LONGEST_RUN_MS).unref();
main().catch((error) => {
  console.error(error instanceof Mismatch ? error.message : error);
  process.exit(1);
});
