//! What a broker's answer to a batch operation means (ETSI GS CIM 009, clauses 5.6.8 and 5.6.10), in each
//! dialect that brokers have of it.
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Upsert,
    Delete,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What became of each, in the order in which they were sent.
    Each(Vec<Verdict>),
    /// It was too large, or one of it spoils it for all.
    Halve(Refusal),
    /// The target is busy or ill: the same again later, after so many seconds if it says so.
    Later(Refusal, Option<u64>),
    /// A setting is wrong, or the target cannot read our @context: nothing would be taken.
    Setting(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// The answer does not speak of it.
    Unknown,
    Refused(Refusal),
}

/// A refusal in the broker's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Last part of the error's type, such as `BadRequestData`.
    pub kind: String,
    pub why: String,
}

/// Longest words of a broker that are kept, in characters.
const WORDS: usize = 500;

/// What brokers call an @context that they cannot have.
const NO_CONTEXT: &str = "LdContextNotAvailable";

/// Reads the answer to a batch of `ids`.
pub fn read(action: Action, status: u16, after: Option<u64>, body: &str, ids: &[&str]) -> Answer {
    if (200..300).contains(&status) && status != 207 {
        return Answer::Each(vec![Verdict::Done; ids.len()]);
    }
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let list = |name: &str| json.get(name).and_then(Value::as_array);
    // An older Scorpio sends the errors alone.
    let bare = json.as_array();
    if let Some(errors) = list("errors").or(bare)
        && (status == 207 || status >= 400)
    {
        let success = list("success");
        let told = |id: &&str| success.is_some_and(|s| s.iter().any(|v| v == id));
        let verdicts: Vec<Verdict> = ids
            .iter()
            .map(|id| {
                let error = errors.iter().find(|e| named(e) == Some(id));
                // With one error about one entity there is no doubt whom it means.
                let error = error.or(errors.first().filter(|_| ids.len() == 1 && !told(id)));
                match error.map(|e| refusal(e.get("error").or(e.get("ProblemDetails")), status)) {
                    Some(r) if action == Action::Delete && r.status == 404 => Verdict::Done,
                    Some(r) => Verdict::Refused(r),
                    None if told(id) || bare.is_some() => Verdict::Done,
                    None if status == 207 && errors.is_empty() => Verdict::Done,
                    None => Verdict::Unknown,
                }
            })
            .collect();
        let no_context = verdicts.iter().find_map(|v| match v {
            Verdict::Refused(r) if r.kind == NO_CONTEXT => Some(r.clone()),
            _ => None,
        });
        return match no_context {
            Some(r) => Answer::Setting(r),
            None if status == 503 => Answer::Later(refusal(Some(&json), status), after),
            None => Answer::Each(verdicts),
        };
    }
    let refusal = refusal(Some(&json), status);
    match status {
        404 if action == Action::Delete => Answer::Each(vec![Verdict::Done; ids.len()]),
        _ if refusal.kind == NO_CONTEXT || refusal.why.contains("Link header") => {
            Answer::Setting(refusal)
        }
        408 | 425 | 429 | 500 | 502..=504 => Answer::Later(refusal, after),
        400 | 409 | 413 | 422 => Answer::Halve(refusal),
        300.. => Answer::Setting(refusal),
        _ => Answer::Later(refusal, after),
    }
}

fn named(error: &Value) -> Option<&str> {
    let id = error.get("entityId").or(error.get("id"));
    id.and_then(Value::as_str)
}

/// Reads problem details (RFC 9457), whose members may be missing or null.
pub fn refusal(details: Option<&Value>, status: u16) -> Refusal {
    let text = |name: &str| {
        let text = details.and_then(|d| d.get(name)).and_then(Value::as_str);
        text.map(str::trim).filter(|t| !t.is_empty())
    };
    let own = details
        .and_then(|d| d.get("status"))
        .and_then(Value::as_u64);
    let words: Vec<&str> = ["title", "detail"].into_iter().filter_map(text).collect();
    let why = match words.is_empty() {
        true => format!("it answered {status}"),
        false => words.join(": "),
    };
    let kind = text("type").unwrap_or_default();
    Refusal {
        status: own.and_then(|s| u16::try_from(s).ok()).unwrap_or(status),
        kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
        why: why.chars().take(WORDS).collect(),
    }
}
