//! Answers for backends that have no AI: [`Answering`] gives a backend the answers of a responder; [`Echo`] is one, and
//! [`OpenAi`] asks any server with OpenAI's chat completions.
//!
//! A responder makes text and stores nothing; `Answering` posts input and answer to the backend below.

mod answer;
mod answering;
mod echo;
mod openai;
mod settling;
mod turn;

pub use answering::Answering;
pub use echo::Echo;
pub use openai::{OpenAi, OpenAiConfig, TokenLimit};
