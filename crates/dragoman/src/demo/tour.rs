//! The tour: each step is said in words, shown as a command, done, and held against what has to come of it.

use std::io;

use serde_json::{Value, json};

use super::call::{Auth, Call, Gateway};
use super::reading::{same, text, texts};
use super::stage::{FIRST_HOME, Stage};
use crate::failure::Failure;

/// The app that programs for Sunshine name; a gateway knows any.
const APP: &str = "/facade/sunshine/v2/apps/demo";
const CHATTER: &str = "/facade/chatter/api/v1/chat";
const DATAMONKEY: &str = "/facade/datamonkey/api/v1/chat";
const CONVORE: &str = "/facade/convore/v1";

const FIRST_WORDS: &str = "Where is my order?";
const NEXT_WORDS: &str = "Thank you, that was quick!";

/// Where the tour tells what it does.
type Out<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

pub(super) struct Tour<'a> {
    pub(super) gateway: Gateway,
    out: Out<'a>,
    step: usize,
    title: String,
}

/// The conversation, as each API names it.
pub(super) struct Names {
    pub(super) public: String,
    sunshine: String,
    chatter: String,
    datamonkey: String,
    convore: String,
}

/// Goes through all steps.
///
/// # Errors
/// The first step that failed, by its number and title.
pub(crate) async fn tour(stage: &Stage, out: Out<'_>) -> Result<(), Failure> {
    let key = &stage.key;
    let gateway = Gateway::new(&stage.base_url(), &key.key, &key.id, &key.secret)?;
    out(&beginning(stage))?;
    let mut tour = Tour {
        gateway,
        out,
        step: 0,
        title: String::new(),
    };
    match tour.whole().await {
        Ok(()) => {
            (tour.out)("\nThe tour is over: every step did what it had to.\n")?;
            Ok(())
        }
        Err(failure) => Err(Failure::runtime(format!(
            "step {} failed ({}): {}",
            tour.step,
            tour.title,
            failure.message()
        ))),
    }
}

fn beginning(stage: &Stage) -> String {
    let key = &stage.key;
    format!(
        "\n  Four simulated vendors and a gateway, all on this machine, until this ends.\n\
         \n  export GATEWAY={}\n  export KEY={} KEY_ID={} KEY_SECRET={}\n",
        stage.base_url(),
        key.key,
        key.id,
        key.secret
    )
}

impl Tour<'_> {
    async fn whole(&mut self) -> Result<(), Failure> {
        let sunshine = self.with_sunshine().await?;
        let public = self.answered_by_the_first_vendor().await?;
        let names = self.known_as(public, sunshine).await?;
        let said = self.said_with_chatter(&names).await?;
        self.read_everywhere(&names, &said).await?;
        self.moved(&names).await?;
        self.read_everywhere(&names, &said).await
    }

    /// A program that was written for Sunshine begins a conversation.
    async fn with_sunshine(&mut self) -> Result<String, Failure> {
        self.begin("A program written for Sunshine makes a user")?;
        let user = json!({"externalId": "jane", "profile": {"givenName": "Jane"}});
        let made = Call::post(format!("{APP}/users"), Auth::Basic, user);
        let made = self.ask(&made).await?;
        self.came(&format!("user {}", text(&made, "/user/id")?))?;

        self.begin("It begins a conversation; the gateway makes it at Chatter")?;
        let new = json!({
            "type": "personal",
            "displayName": "An order",
            "participants": [{"userExternalId": "jane"}],
        });
        let made = Call::post(format!("{APP}/conversations"), Auth::Basic, new);
        let made = self.ask(&made).await?;
        let id = text(&made, "/conversation/id")?.to_owned();
        self.came(&format!("conversation {id}, as Sunshine spells ids"))?;

        self.begin("Jane says something")?;
        let words = json!({
            "author": {"type": "user", "userExternalId": "jane"},
            "content": {"type": "text", "text": FIRST_WORDS},
        });
        let path = format!("{APP}/conversations/{id}/messages");
        let posted = self.ask(&Call::post(path, Auth::Basic, words)).await?;
        self.came(&format!(
            "{:?} is there",
            text(&posted, "/messages/0/content/text")?
        ))?;
        Ok(id)
    }

    /// Asks Chatter's AI, and gives the conversation's public id.
    async fn answered_by_the_first_vendor(&mut self) -> Result<String, Failure> {
        self.begin("Our own API knows the same conversation, and where it lives")?;
        let listed = Call::get("/v1/conversations", Auth::Bearer);
        let listed = self.ask(&listed).await?;
        let (id, home) = (
            text(&listed, "/data/0/id")?,
            text(&listed, "/data/0/backend")?,
        );
        lives_at(home, FIRST_HOME)?;
        self.came(&format!("{id} lives at {home}"))?;

        self.begin("Chatter's AI answers, which Sunshine has not")?;
        let ask = format!("/v1/conversations/{id}/responses");
        let answer = self.ask(&Call::post(ask, Auth::Bearer, json!({}))).await?;
        self.came(&format!("{:?}", text(&answer, "/message/parts/0/text")?))?;
        Ok(id.to_owned())
    }

    /// How the other APIs name the conversation.
    async fn known_as(&mut self, public: String, sunshine: String) -> Result<Names, Failure> {
        self.begin("Each vendor's API lists it, with an id in that vendor's spelling")?;
        let chatter = Call::get(format!("{CHATTER}/conversations"), Auth::Bearer);
        let chatter = self.ask(&chatter).await?;
        let datamonkey = self.ask(&Call::get(DATAMONKEY, Auth::UserToken)).await?;
        let convore = Call::get(format!("{CONVORE}/conversations"), Auth::Bearer);
        let convore = self.ask(&convore).await?;
        let names = Names {
            chatter: text(&chatter, "/conversations/0/id")?.to_owned(),
            datamonkey: text(&datamonkey, "/conversations/0/id")?.to_owned(),
            convore: text(&convore, "/data/0/id")?.to_owned(),
            public,
            sunshine,
        };
        self.came(&format!(
            "Chatter: {}\nDatamonkey: {}\nSunshine: {}\nConvore: {}",
            names.chatter, names.datamonkey, names.sunshine, names.convore
        ))?;
        Ok(names)
    }

    /// A program that was written for Chatter goes on with it. Gives everything that was said.
    async fn said_with_chatter(&mut self, names: &Names) -> Result<Vec<String>, Failure> {
        self.begin("A program written for Chatter goes on with the same conversation")?;
        let body = json!({"conversation_id": names.chatter, "message": NEXT_WORDS});
        let chat = Call::post(format!("{CHATTER}/chat"), Auth::Bearer, body);
        let answer = self.ask(&chat).await?;
        let answer = text(&answer, "/message/content")?;
        self.came(&format!("{answer:?}"))?;
        Ok([
            FIRST_WORDS.to_owned(),
            format!("echo: {FIRST_WORDS}"),
            NEXT_WORDS.to_owned(),
            answer.to_owned(),
        ]
        .into())
    }

    /// All five APIs show the same messages.
    async fn read_everywhere(&mut self, names: &Names, said: &[String]) -> Result<(), Failure> {
        self.begin("Five APIs read it, and show the same messages")?;
        let id = &names.public;
        let own = Call::get(format!("/v1/conversations/{id}/messages"), Auth::Bearer);
        let shown = self.ask(&own).await?;
        same(
            "our own API",
            &texts(&shown, "/data", &["/parts/0/text"])?,
            said,
        )?;

        let id = &names.sunshine;
        let path = format!("{APP}/conversations/{id}/messages");
        let shown = self.ask(&Call::get(path, Auth::Basic)).await?;
        same(
            "Sunshine's API",
            &texts(&shown, "/messages", &["/content/text"])?,
            said,
        )?;

        let id = &names.chatter;
        let path = format!("{CHATTER}/conversations/{id}/messages");
        let shown = self.ask(&Call::get(path, Auth::Bearer)).await?;
        same("Chatter's API", &texts(&shown, "", &["/content"])?, said)?;

        let path = format!("{DATAMONKEY}/{}/messages", names.datamonkey);
        let shown = self.ask(&Call::get(path, Auth::UserToken)).await?;
        same(
            "Datamonkey's API",
            &texts(&shown, "/messages", &["/content"])?,
            said,
        )?;

        let shown = Call::get(format!("{CONVORE}/messages"), Auth::Bearer)
            .query("conversation_id", &names.convore);
        let shown = self.ask(&shown).await?;
        same(
            "Convore's API",
            &texts(&shown, "/data", &["/text_body"])?,
            said,
        )?;

        let lines: Vec<String> = said.iter().map(|words| format!("{words:?}")).collect();
        self.came(&lines.join("\n"))
    }

    pub(super) fn begin(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        title.clone_into(&mut self.title);
        Ok((self.out)(&format!("\n{:>2}. {title}\n", self.step))?)
    }

    /// Shows a call as a command, and sends it.
    pub(super) async fn ask(&mut self, call: &Call) -> Result<Value, Failure> {
        (self.out)(&format!("    $ {}\n", call.as_command()))?;
        call.send(&self.gateway).await
    }

    /// What came of it.
    pub(super) fn came(&mut self, what: &str) -> Result<(), Failure> {
        for line in what.lines() {
            (self.out)(&format!("      {line}\n"))?;
        }
        Ok(())
    }
}

/// Fails where a conversation is not where it has to be.
pub(super) fn lives_at(found: &str, wanted: &str) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::runtime(format!(
        "the conversation lives at {found}, not at {wanted}"
    )))
}
