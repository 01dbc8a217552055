//! The life cycle of a record: pure transitions, each with the least role that may take it.
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Suggested,
    Accepted,
    Published,
    Withdrawn,
    Rejected,
}

/// Who acts, in rising order of rights.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Contributor,
    Moderator,
    Administrator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Accept,
    Reject,
    Publish,
    Withdraw,
    Restore,
}

impl Role {
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Reader,
            Self::Contributor,
            Self::Moderator,
            Self::Administrator,
        ]
        .into_iter()
        .find(|r| r.to_string() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reader => "reader",
            Self::Contributor => "contributor",
            Self::Moderator => "moderator",
            Self::Administrator => "administrator",
        })
    }
}

impl State {
    /// The state after `step`, or why it cannot be taken.
    pub fn after(self, step: Step, by: Role) -> Result<Self, String> {
        use State::{Accepted, Published, Rejected, Suggested, Withdrawn};
        if by < Role::Moderator {
            return Err(format!("{step:?} takes a moderator, not a {by:?}").to_lowercase());
        }
        match (self, step) {
            (Suggested, Step::Accept) => Ok(Accepted),
            (Suggested, Step::Reject) | (Accepted, Step::Reject) => Ok(Rejected),
            (Suggested | Accepted, Step::Publish) => Ok(Published),
            (Published, Step::Withdraw) => Ok(Withdrawn),
            (Withdrawn, Step::Restore) => Ok(Published),
            _ => Err(format!("a {self} record cannot take the step {step:?}")),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Suggested,
            Self::Accepted,
            Self::Published,
            Self::Withdrawn,
            Self::Rejected,
        ]
        .into_iter()
        .find(|s| s.to_string() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suggested => "suggested",
            Self::Accepted => "accepted",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
        })
    }
}
