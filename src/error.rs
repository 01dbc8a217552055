//! One table of error kinds, each with its HTTP status and RFC 9457 problem type.
use std::fmt;

/// What a caller can do about an error; the status and problem type follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input cannot be used as it is: 400.
    BadInput,
    /// Nobody is known to ask: 401.
    Unauthorised,
    /// The one who asks may not do this: 403.
    Forbidden,
    /// It was changed meanwhile: 409.
    Conflict,
    /// Nothing is known under this name: 404.
    NotFound,
    /// The record was withdrawn: 410.
    Gone,
    /// No offered representation matches `Accept`: 406.
    NotAcceptable,
    /// The address does not take this method: 405.
    MethodNotAllowed,
    /// The media type of the body does not fit: 415.
    UnsupportedMediaType,
    /// It was written for another version: 412.
    PreconditionFailed,
    /// It does not say for which version it was written: 428.
    PreconditionRequired,
    /// A limit on size or length was passed: 413.
    TooLarge,
    /// The client asked too often: 429.
    TooMany,
    /// A query ran out of its time, memory or result budget, or too many run: 503.
    Busy,
    /// Another service that is needed does not answer as it should: 502.
    Unreachable,
    /// The fault is ours: 500.
    Internal,
}

impl Kind {
    pub fn status(self) -> u16 {
        match self {
            Self::BadInput => 400,
            Self::Unauthorised => 401,
            Self::Forbidden => 403,
            Self::Conflict => 409,
            Self::NotFound => 404,
            Self::Gone => 410,
            Self::NotAcceptable => 406,
            Self::MethodNotAllowed => 405,
            Self::UnsupportedMediaType => 415,
            Self::PreconditionFailed => 412,
            Self::PreconditionRequired => 428,
            Self::TooLarge => 413,
            Self::TooMany => 429,
            Self::Busy => 503,
            Self::Unreachable => 502,
            Self::Internal => 500,
        }
    }

    /// The kind of a status that a client can do something about.
    pub fn of_status(status: u16) -> Option<Self> {
        [
            Self::BadInput,
            Self::NotFound,
            Self::MethodNotAllowed,
            Self::UnsupportedMediaType,
            Self::TooLarge,
        ]
        .into_iter()
        .find(|k| k.status() == status)
    }

    /// The last segment of the problem type IRI.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad-input",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::NotFound => "not-found",
            Self::Gone => "gone",
            Self::NotAcceptable => "not-acceptable",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::PreconditionFailed => "precondition-failed",
            Self::PreconditionRequired => "precondition-required",
            Self::TooLarge => "too-large",
            Self::TooMany => "too-many",
            Self::Busy => "over-budget",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }
}

/// A kind to branch on and a sentence for the user. For [`Kind::Internal`] the sentence goes to
/// the log only.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, message)
    }
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, message.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        Self::internal(format!("ledger: {e}"))
    }
}

impl From<oxigraph::store::StorageError> for Error {
    fn from(e: oxigraph::store::StorageError) -> Self {
        Self::internal(format!("graph: {e}"))
    }
}
