//! The thing itself: a draft as a source gave it, a record as the ledger keeps it. No IO, no clock.
pub mod audience;
pub mod lifecycle;
pub mod matching;
pub mod need;
pub mod quality;
pub mod shacl;
pub mod statement;
pub mod vocab;

use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::Triple;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

pub use lifecycle::{Role, State, Step};
use statement::Statement;

/// What one source says about one resource, before the catalogue has decided anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draft {
    /// What identifies it inside its source: the Index if given, else the short name or IRI.
    pub key: String,
    /// The subject in `content`; below [`vocab::BASE`] where the IRI is to be our own.
    pub iri: String,
    /// The wish for a slug; the ledger makes it unique.
    pub slug: String,
    /// Canonical N-Triples.
    pub content: String,
    /// Line in the source, 1-based, where it can be known.
    pub line: Option<u64>,
    pub says: Says,
}

/// How much of a record a draft speaks about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Says {
    /// All of it.
    Everything,
    /// These properties alone, as prefixed names: a sheet has no column for the others.
    Only(Vec<String>),
    /// Something more about a record that is described elsewhere.
    More,
}

/// Something a source said that did not enter the catalogue as it was said, and why.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Finding {
    /// 1-based line in the source; 0 where it cannot be known.
    pub line: u64,
    pub entry: String,
    pub outcome: Outcome,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A whole row or record did not enter.
    Skipped,
    /// A row that its sheet marks as not to be shown.
    Hidden,
    /// One value did not enter.
    Dropped,
    /// It is kept and not public: a moderator decides.
    Queued,
    /// It entered; a reader may want to know something about it.
    Noted,
}

/// One version of a record as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: i64,
    pub slug: String,
    pub iri: String,
    pub state: State,
    /// `public`, or the claims that a reader must hold.
    pub audience: String,
    /// Number of the change that made this version.
    pub seq: i64,
    /// Publication number, given once at first publication; pages are ranges of it.
    pub publication: Option<i64>,
    /// Microseconds since the epoch, UTC: the first publication, and this version.
    pub issued: i64,
    pub modified: i64,
    /// For a merged record, the slug of the one that stands for it now.
    pub merged_into: Option<String>,
    /// The source that brought it first; [`Record::source`] is what others are told of it.
    pub brought_by: String,
    /// Canonical N-Triples, own IRIs below [`vocab::BASE`].
    pub content: String,
    /// SHA-256 of `content`, hexadecimal: the version.
    pub hash: String,
}

impl Draft {
    /// The draft's content, with what an older version says that the draft does not speak about.
    pub fn over(&self, old: &str) -> String {
        match &self.says {
            Says::Everything => self.content.clone(),
            Says::More => sorted(
                self.content
                    .split_inclusive('\n')
                    .chain(old.split_inclusive('\n')),
            ),
            Says::Only(properties) => {
                let spoken: BTreeSet<(&str, &str)> = statement::statements(&self.content)
                    .map(|s| (s.subject, s.predicate))
                    .collect();
                let drafted: BTreeSet<&str> = spoken.iter().map(|(subject, _)| *subject).collect();
                // Of the entry itself, its columns; of a node below it, what the draft says there.
                let unspoken = |s: &Statement<'_>| {
                    let column = properties.iter().any(|p| s.says(p));
                    if s.about(&self.iri) {
                        !column
                    } else {
                        let replaced = column && s.says("dct:license");
                        !replaced && !spoken.contains(&(s.subject, s.predicate))
                    }
                };
                // Nodes that stay: those of the draft, and those that a kept statement leads to.
                let mut nodes = drafted.clone();
                let mut kept: BTreeSet<Statement<'_>> = BTreeSet::new();
                loop {
                    let before = kept.len();
                    for s in statement::statements(old) {
                        let whole = nodes.contains(s.subject) && !drafted.contains(s.subject);
                        if whole || (nodes.contains(s.subject) && unspoken(&s)) {
                            kept.insert(s);
                        }
                    }
                    nodes.extend(kept.iter().map(|s| s.object));
                    if kept.len() == before {
                        break;
                    }
                }
                let kept = kept
                    .iter()
                    .map(|s| format!("{} {} {} .\n", s.subject, s.predicate, s.object));
                sorted(
                    self.content
                        .split_inclusive('\n')
                        .map(str::to_owned)
                        .chain(kept),
                )
            }
        }
    }
}

impl From<Draft> for Record {
    /// The record that a draft would become, before the ledger has numbered anything.
    fn from(draft: Draft) -> Self {
        Self {
            id: 0,
            state: State::Suggested,
            audience: PUBLIC.to_owned(),
            seq: 0,
            publication: None,
            issued: 0,
            modified: 0,
            merged_into: None,
            brought_by: String::new(),
            hash: hash(&draft.content),
            slug: draft.slug,
            iri: draft.iri,
            content: draft.content,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Skipped => "skipped",
            Self::Dropped => "dropped",
            Self::Queued => "queued",
            Self::Hidden => "hidden",
            Self::Noted => "noted",
        })
    }
}

/// Everyone may read it.
pub const PUBLIC: &str = "public";

impl Record {
    /// The source as it is told to others: a host and what follows it, a name without the folders
    /// before it, and of what was written here no person; empty where there is none.
    pub fn source(&self) -> &str {
        let source = self.brought_by.as_str();
        let told = match source.split_once("://") {
            Some((_, rest)) => {
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let user = host.rfind('@').map_or(0, |at| at + 1);
                return rest[user..host.len() + path.len()].trim_end_matches('/');
            }
            None if source == "-" => "standard input",
            // Who wrote it is told to moderators alone.
            None if source.starts_with("api:") => "api",
            None if source.starts_with("ngsi:") => "ngsi",
            None => source,
        };
        let name = told.trim_end_matches(['/', '\\']);
        name.rsplit(['/', '\\']).next().unwrap_or(name)
    }

    /// Whether anyone may see it: published and public.
    pub fn is_shown(&self) -> bool {
        self.state == State::Published && self.audience == PUBLIC
    }

    /// Whether its content was erased for good.
    pub fn is_purged(&self) -> bool {
        self.content.is_empty()
    }
}

/// The canonical form of a graph without blank nodes: its N-Triples lines in code point order,
/// each once. With no blank node to name, RDFC-1.0 (section 4.4) comes to the same bytes.
pub fn canonical(graph: &[Triple]) -> String {
    sorted(graph.iter().map(|t| format!("{t} .\n")))
}

/// Lines in code point order, each once.
pub fn sorted<L: AsRef<str> + Ord>(lines: impl IntoIterator<Item = L>) -> String {
    let mut lines: Vec<L> = lines.into_iter().collect();
    lines.sort_unstable();
    lines.dedup();
    let mut out = String::with_capacity(lines.iter().map(|l| l.as_ref().len()).sum());
    for line in &lines {
        out.push_str(line.as_ref());
    }
    out
}

/// The triples of canonical content.
///
/// # Errors
/// The content is no N-Triples, which the write door does not let in.
pub fn triples(content: &str) -> crate::error::Result<Vec<Triple>> {
    RdfParser::from_format(RdfFormat::NTriples)
        .lenient()
        .for_slice(content)
        .map(|q| q.map(Triple::from).map_err(crate::error::Error::internal))
        .collect()
}

/// The beginning of a JSON value, to be told what was found.
pub fn short_json(value: &serde_json::Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// SHA-256, hexadecimal.
pub fn hash(content: &str) -> String {
    hex(&Sha256::digest(content.as_bytes()))
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Lower case letters and digits, everything else a single hyphen, at most 80 characters. Accents
/// of Latin letters are dropped.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if let Some(plain) = unaccented(c) {
            out.push_str(plain);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.truncate(80);
    let out = out.trim_end_matches('-');
    if out.is_empty() {
        "entry".into()
    } else {
        out.into()
    }
}

fn unaccented(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ă' | 'ą' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ė' | 'ę' | 'ě' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'į' => "i",
        'ł' | 'ľ' | 'ļ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' => "o",
        'ö' | 'ø' | 'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ů' | 'ű' | 'ų' | 'ū' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}
