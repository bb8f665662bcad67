//! Conversations: create, read, delete.

use adapterkit::Failure;
use backend::ports::CredentialName;
use backend::{Context, Error, Kind, Located, Location, Outcome, Precondition, Result, Write};
use conversation::{Conversation, ConversationId, ConversationPatch, NewConversation};

use super::Datamonkey;
use super::identity::{Identity, Reach};
use crate::client::{Caller, Created};
use crate::error::{Call, handler_failed};
use crate::mapping::{conversation_to_canonical, create_request, created_to_canonical};
use crate::wire::CreateRequest;

const CREATE: &str = "create_conversation";

impl Datamonkey {
    pub(super) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let projection = backend::Backend::preview(self, &Write::CreateConversation(new));
        projection.check(cx, self.name())?;
        let Write::CreateConversation(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a create became another write"));
        };
        self.create_as_user(cx, &create_request(&new))
            .await
            .map_err(|error| error.at(self.name(), CREATE))
    }

    async fn create_as_user(&self, cx: &Context, body: &CreateRequest) -> Result<Located> {
        let caller = Caller {
            deadline: cx.deadline,
            token: None,
        };
        if let Some((tenant, identity)) = self.tenant_identity(cx).await? {
            return self
                .create_as_tenant(&caller, &tenant, &identity, body)
                .await;
        }
        let user = self.user_name(cx);
        let (mut identity, is_new) = self.identity_for_create(&caller, &user).await?;
        if !is_new {
            self.clear_leftovers(&caller, &user).await?;
        }
        let mut created = match self.create_with(&caller, &identity, body).await {
            Err(failure) if handler_failed(&failure) => {
                match self.replace_forgotten(&caller, &user, &identity).await? {
                    Some(other) => {
                        identity = other;
                        self.create_with(&caller, &identity, body).await
                    }
                    None => Err(failure),
                }
            }
            result => result,
        }
        .map_err(|failure| self.failed(failure, CREATE, Call::Create, None))?;
        if let Some(secret) = created.new_token.take() {
            identity = self
                .replaced(&caller, &user, &identity, &created, secret)
                .await?;
            created = self
                .create_with(&caller, &identity, body)
                .await
                .map_err(|failure| self.failed(failure, CREATE, Call::Create, None))?;
            if let Some(secret) = created.new_token.take() {
                return Err(self.replaced_again(&caller, &user, &created, secret).await);
            }
        }
        self.located(&created, &identity, body)
    }

    /// With the token that an operator has set for the tenant. It is never replaced by another of the server's making.
    async fn create_as_tenant(
        &self,
        caller: &Caller,
        tenant: &CredentialName,
        identity: &Identity,
        body: &CreateRequest,
    ) -> Result<Located> {
        let mut created = self
            .create_with(caller, identity, body)
            .await
            .map_err(|failure| self.failed(failure, CREATE, Call::Create, None))?;
        match created.new_token.take() {
            Some(secret) => Err(self.replaced_again(caller, tenant, &created, secret).await),
            None => self.located(&created, identity, body),
        }
    }

    async fn create_with(
        &self,
        caller: &Caller,
        identity: &Identity,
        body: &CreateRequest,
    ) -> std::result::Result<Created, Failure> {
        let caller = Caller {
            token: Some(identity.token.secret.clone()),
            ..caller.clone()
        };
        self.client().create_conversation(&caller, body).await
    }

    fn located(
        &self,
        created: &Created,
        identity: &Identity,
        body: &CreateRequest,
    ) -> Result<Located> {
        let row = &created.conversation;
        let conversation = created_to_canonical(row, self.name())
            .map_err(|error| self.unmappable(error, CREATE).outcome(Outcome::Applied))?;
        if conversation.title.as_deref() != body.title.value().map(String::as_str) {
            // The server makes an untitled conversation of every body that it cannot read, and says 201.
            tracing::warn!(
                backend.name = self.name(),
                conversation.native = row.id,
                operation = CREATE,
                "datamonkey made the conversation with another title than was sent"
            );
        }
        Ok(Located {
            location: self.location(&row.id, &identity.reference),
            conversation,
        })
    }

    pub(super) fn location(&self, native: &str, reference: &str) -> Location {
        Location {
            id: ConversationId::derive(self.name(), native),
            backend: self.name().into(),
            native: native.into(),
            credential: Some(reference.into()),
            renamed: false,
        }
    }

    /// The conversation, under the public id by which it was asked for.
    pub(super) async fn read(&self, reach: &Reach<'_>) -> Result<Conversation> {
        let row = self
            .client()
            .get_conversation(&reach.caller, reach.native())
            .await
            .map_err(|failure| self.failed_at(failure, reach, Call::Read))?
            .named(self.name(), reach.operation)
            .answer;
        let mut conversation = conversation_to_canonical(&row, self.name()).map_err(|error| {
            self.unmappable(error, reach.operation)
                .outcome(Outcome::NotApplied)
        })?;
        conversation.id = reach.at.id;
        Ok(conversation)
    }

    /// Nothing of a conversation can be changed; what a patch leaves as it is goes through.
    pub(super) async fn update(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let operation = "update_conversation";
        if !backend::Backend::preview(self, &Write::UpdateConversation(patch)).is_held {
            return Err(self.unsupported(operation));
        }
        let reach = self.reach(cx, at, operation).await?;
        let current = self.read(&reach).await?;
        if let Some(precondition) = precondition {
            precondition.check(&current)?;
        }
        Ok(current)
    }

    pub(super) async fn delete(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let reach = self.reach(cx, at, "delete_conversation").await?;
        if let Some(precondition) = precondition {
            precondition.check(&self.read(&reach).await?)?;
        }
        self.client()
            .delete_conversation(&reach.caller, reach.native())
            .await
            .map_err(|failure| self.failed_at(failure, &reach, Call::Delete))
    }
}
