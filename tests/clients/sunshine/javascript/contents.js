// Every content type that the vendor's JavaScript client can express: how it is posted, and what must be read back. Its
// models know neither HTML nor Markdown, and lose the sizes of fields that they read.
"use strict";

const sdk = require("sunshine-conversations-client");
const { equal } = require("./expect");

// Required members are arguments of a model's constructor, the others are set afterwards.
const having = (model, members) => Object.assign(model, members);

const link = having(new sdk.Link("link", "More", "https://example.org/more"));
const take = (payload) => new sdk.Postback("postback", "Take", payload);

function item(title) {
  const media = { description: "An item", mediaUrl: "https://example.org/item.png" };
  return having(new sdk.Item(title, [link, take(title)]), media);
}

function allActions() {
  return [
    having(new sdk.Buy("buy", "Buy", 1000), { currency: "usd" }),
    having(new sdk.Link("link", "Open", "https://example.org"), { metadata: { m: "n" } }),
    new sdk.LocationRequest("locationRequest", "Where?"),
    new sdk.Postback("postback", "Press", "P"),
    having(new sdk.Reply("reply", "Yes", "Y"), { iconUrl: "https://example.org/y.png" }),
    having(new sdk.Webview("webview", "See", "https://example.org/w", "https://example.org/f"), { size: "tall" }),
  ];
}

function checkActions(read) {
  const types = ["buy", "link", "locationRequest", "postback", "reply", "webview"];
  equal("actions", read.actions.map((one) => one.type), types);
  equal("a price", [read.actions[0].amount, read.actions[0].currency], [1000, "usd"]);
  equal("metadata of an action", read.actions[1].metadata, { m: "n" });
  equal("payloads", [read.actions[3].payload, read.actions[4].payload], ["P", "Y"]);
  equal("a fallback", [read.actions[5].fallback, read.actions[5].size], ["https://example.org/f", "tall"]);
}

function checkItems(titles) {
  return (read) => {
    equal("items", read.items.map((one) => one.title), titles);
    equal("an item's picture", read.items[0].mediaUrl, "https://example.org/item.png");
    equal("an item's actions", read.items[0].actions.map((one) => one.type), ["link", "postback"]);
  };
}

function checkForm(read) {
  const fields = read.fields.map((one) => [one.type, one.name, one.label]);
  equal("a form", fields, [["text", "name", "Name"], ["email", "mail", "Mail"]]);
}

// Each content with the check of what is read.
function contents() {
  const picture = "https://example.org/cat.png";
  const location = having(new sdk.LocationMessage("location"), {
    coordinates: new sdk.LocationMessageCoordinates(51.5, -0.25),
    location: having(new sdk.LocationMessageLocation(), { address: "1 Main St", name: "Home" }),
  });
  const fields = [
    having(new sdk.FormMessageField("text", "name", "Name"), { minSize: 2, maxSize: 20 }),
    new sdk.FormMessageField("email", "mail", "Mail"),
  ];
  return [
    [having(new sdk.TextMessage("text"), { text: "Hello <b> ünicöde" }), (read) => equal("text", read.text, "Hello <b> ünicöde")],
    [having(new sdk.TextMessage("text"), { text: "Choose", actions: allActions() }), checkActions],
    [having(new sdk.ImageMessage("image", picture), { text: "a cat", altText: "a sleeping cat" }),
      (read) => equal("an image", [read.mediaUrl, read.mediaType, read.text, read.altText],
        [picture, "image/png", "a cat", "a sleeping cat"])],
    [new sdk.FileMessage("file", "https://example.org/bill.pdf"),
      (read) => equal("a file", [read.mediaUrl, read.mediaType], ["https://example.org/bill.pdf", "application/pdf"])],
    [new sdk.CarouselMessage("carousel", [item("Tacos"), item("Ramen")]), checkItems(["Tacos", "Ramen"])],
    [having(new sdk.ListMessage("list", [item("One"), item("Two")]), { actions: [take("both")] }), checkItems(["One", "Two"])],
    [new sdk.FormMessage("form", fields), checkForm],
    [location, (read) => equal("a place", [read.coordinates.lat, read.coordinates.long, read.location.name], [51.5, -0.25, "Home"])],
    [new sdk.TemplateMessage("template", { name: "greeting", language: { code: "en" } }),
      (read) => equal("a template", read.template.name, "greeting")],
  ];
}

module.exports = { contents, having };
