//! What may be done with an entry, in words: its policies, or what its licence comes to, and whether a connector
//! of a data space can negotiate it.
use super::frame::Frame;
use super::pages::short;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mapping::dsp::{self, Unoffered};
use crate::mapping::odrl::{self, CC, Constraint, Kind, ODRL, Operand, Policy, Rule};
use crate::record::vocab::BASE;
use crate::record::{Draft, Record, Says};
use serde_json::Value;

/// The part of an entry's page.
pub struct Terms {
    /// The message that says whose words they are; none where nothing is known.
    pub by: Option<&'static str>,
    /// Sentences, or the one that says why there are none.
    pub sentences: Vec<String>,
    /// The same as ODRL.
    pub json: String,
    /// Whether it is offered in data spaces, or why not.
    pub offered: String,
}

impl Terms {
    pub fn of(frame: &Frame, catalogue: &Catalogue, record: &Record) -> Self {
        let attached = !odrl::policies(&record.content, &record.iri).is_empty();
        let offers = dsp::offers(record);
        let offered = match dsp::negotiable(record) {
            Ok(found) => frame.with("policy-offered", found.participant),
            Err(Unoffered::NoConnector) => frame.say("policy-no-connector"),
            Err(Unoffered::NoLicence | Unoffered::UnknownLicence) => {
                frame.say("policy-not-offered")
            }
        };
        let (by, sentences) = match &offers {
            Ok(policies) => {
                let by = match attached {
                    true => "policy-of-publisher",
                    false => "policy-of-licence",
                };
                let rules = policies.iter().flat_map(|p| &p.rules);
                (Some(by), rules.map(|r| sentence(frame, r)).collect())
            }
            Err(Unoffered::UnknownLicence) => (None, vec![frame.say("policy-unknown")]),
            Err(_) => (None, vec![frame.say("policy-unstated")]),
        };
        Self {
            by,
            sentences,
            json: match &offers {
                Ok(policies) => written(catalogue, policies),
                Err(_) => String::new(),
            },
            offered,
        }
    }
}

/// Policies as JSON-LD for people and programs, each as an offer.
fn written(catalogue: &Catalogue, policies: &[Policy]) -> String {
    let all: Vec<Value> = policies
        .iter()
        .map(|policy| {
            let mut offer = odrl::offer(&Policy {
                id: catalogue.address(&policy.id),
                ..policy.clone()
            });
            offer["@context"] = dsp::CONTEXT.into();
            offer
        })
        .collect();
    serde_json::to_string_pretty(&all).unwrap_or_default()
}

/// What a record becomes with the policies of a text: one in JSON-LD, or a list of them.
///
/// # Errors
/// Says what in the text cannot be used, and what would be right.
pub fn with_policies(catalogue: &Catalogue, record: &Record, text: &[u8]) -> Result<Draft> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|e| Error::bad_input(format!("the policies are no JSON: {e}")))?;
    let mut policies = odrl::read_all(&value)?;
    for policy in &mut policies {
        if let Some(own) = policy.id.strip_prefix(&catalogue.public_url) {
            policy.id = format!("{BASE}{own}");
        }
    }
    Ok(Draft {
        key: String::new(),
        iri: record.iri.clone(),
        slug: record.slug.clone(),
        content: odrl::attach(&record.content, &record.iri, &policies),
        line: None,
        says: Says::Everything,
    })
}

/// The policies of a record as they are edited.
pub fn attached(catalogue: &Catalogue, record: &Record) -> String {
    written(catalogue, &odrl::policies(&record.content, &record.iri))
}

/// The local name of a term of ODRL or Creative Commons.
fn local(iri: &str) -> Option<&str> {
    iri.strip_prefix(ODRL).or_else(|| iri.strip_prefix(CC))
}

/// What a term is called where no message knows it: `text to speech` for `textToSpeech`.
fn spelt(iri: &str) -> String {
    let Some(local) = local(iri) else {
        return iri.to_owned();
    };
    let mut out = String::new();
    for c in local.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A rule as a sentence.
fn sentence(frame: &Frame, rule: &Rule) -> String {
    let mut out = phrase(frame, rule);
    if rule.kind == Kind::Permission && rule.constraints.is_empty() {
        out = frame.with("policy-anyone", out);
    }
    for duty in &rule.duties {
        out += ", ";
        out += &phrase(frame, duty);
    }
    let mut letters = out.chars();
    let first = letters.next().map(char::to_uppercase);
    let first: String = first.into_iter().flatten().collect();
    format!("{first}{}.", letters.as_str())
}

/// A rule without its duties.
fn phrase(frame: &Frame, rule: &Rule) -> String {
    let known = |kind: &str| {
        let local = local(&rule.action)?;
        frame.words.known(&format!("policy-{kind}-{local}"))
    };
    let (name, key, other) = match rule.kind {
        Kind::Permission => (known("done"), "policy-may", "policy-may-other"),
        Kind::Prohibition => (known("done"), "policy-may-not", "policy-may-not-other"),
        Kind::Obligation => (known("must"), "", "policy-must-other"),
    };
    let mut out = match name {
        Some(name) if key.is_empty() => name,
        Some(name) => frame.with(key, name),
        None => frame.with(other, spelt(&rule.action)),
    };
    if !rule.constraints.is_empty() {
        let all = join(frame, "and", &rule.constraints);
        out = format!("{out}, {}", frame.with("policy-if", all));
    }
    out
}

fn join(frame: &Frame, how: &str, all: &[Constraint]) -> String {
    let mut out = String::new();
    for (n, one) in all.iter().enumerate() {
        if n > 0 {
            out = frame.with(&format!("policy-{how}"), out) + " ";
        }
        out += &match one {
            Constraint::Join(how, inner) => format!("({})", join(frame, how, inner)),
            Constraint::Compare {
                left,
                operator,
                right,
            } => {
                let known = local(left);
                let known = known.and_then(|l| frame.words.known(&format!("policy-left-{l}")));
                let right: Vec<String> = right.iter().map(|o| operand(frame, o)).collect();
                format!(
                    "{} {} {}",
                    known.unwrap_or_else(|| spelt(left)),
                    frame.say(&format!("policy-is-{operator}")),
                    right.join(", ")
                )
            }
        };
    }
    out
}

fn operand(frame: &Frame, operand: &Operand) -> String {
    match operand {
        Operand::Text { value, .. } => value.clone(),
        Operand::Iri(iri) => frame.concept(iri).unwrap_or_else(|| match local(iri) {
            Some(_) => spelt(iri),
            None => short(iri),
        }),
    }
}
