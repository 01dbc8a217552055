//! The query page: a form, worked examples, and a result or an error with the query kept.
use super::engine::{Limits, seconds, size};
use super::guard;
use super::results::{self, Cell, ROWS_SHOWN, Shown, ShownKind};
use crate::error::{Error, Result};
use crate::http::assets;
use crate::http::frame::Frame;
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A worked query.
pub struct Example {
    pub title: String,
    pub explanation: String,
    pub query: String,
    /// Runs it.
    pub link: String,
}

struct Link {
    address: String,
    name: &'static str,
}

struct Outcome {
    /// How many rows or statements there are, in words.
    extent: String,
    /// Not all rows are shown.
    cut: bool,
    variables: Vec<String>,
    rows: Vec<Vec<Option<Cell>>>,
    truth: Option<bool>,
    turtle: Option<String>,
    links: Vec<Link>,
}

/// The figures that the page tells.
struct Figures {
    time: String,
    memory: String,
    result: String,
    query: String,
    concurrent: usize,
    text: String,
    geometry: String,
    combined: String,
    rows: usize,
}

#[derive(Template)]
#[template(path = "sparql.html")]
pub struct Page<'a> {
    frame: &'a Frame,
    query: String,
    error: Option<String>,
    outcome: Option<Outcome>,
    examples: Vec<Example>,
    figures: Figures,
    /// Addresses of the editor's script and style, where there is one.
    editor: Option<(String, String)>,
}

/// Stands in the form at first.
const FIRST: &str = "PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
SELECT ?entry ?title WHERE {
  ?entry a dcat:Dataset ; dct:title ?title .
}
ORDER BY ?title
LIMIT 20";

impl<'a> Page<'a> {
    pub fn empty(frame: &'a Frame, limits: &Limits) -> Self {
        Self {
            frame,
            query: FIRST.to_owned(),
            error: None,
            outcome: None,
            examples: examples(&frame.root),
            figures: Figures::of(limits),
            editor: editor(frame),
        }
    }

    pub fn refused(frame: &'a Frame, query: &str, error: &Error, limits: &Limits) -> Self {
        Self {
            query: query.to_owned(),
            error: Some(error.message.clone()),
            ..Self::empty(frame, limits)
        }
    }

    pub fn shown(frame: &'a Frame, query: &str, shown: Shown, limits: &Limits) -> Self {
        let extent = match shown.graph {
            true => frame.count("sparql-statements", shown.total),
            false => frame.count("sparql-rows-found", shown.total),
        };
        let mut outcome = Outcome {
            extent,
            cut: false,
            variables: Vec::new(),
            rows: Vec::new(),
            truth: None,
            turtle: None,
            links: results::links(shown.graph)
                .iter()
                .map(|(format, name)| Link {
                    address: address(&frame.root, query, Some(format)),
                    name,
                })
                .collect(),
        };
        match shown.kind {
            ShownKind::Table { variables, rows } => {
                outcome.cut = shown.total > rows.len();
                outcome.variables = variables;
                outcome.rows = rows;
            }
            ShownKind::Truth(truth) => outcome.truth = Some(truth),
            ShownKind::Turtle(text) => outcome.turtle = Some(text),
        }
        Self {
            frame,
            query: query.to_owned(),
            error: None,
            outcome: Some(outcome),
            examples: Vec::new(),
            figures: Figures::of(limits),
            editor: editor(frame),
        }
    }

    /// # Errors
    /// [`crate::error::Kind::Internal`]: the template cannot be filled.
    pub fn render(&self) -> Result<Vec<u8>> {
        Template::render(self)
            .map(String::into_bytes)
            .map_err(Error::internal)
    }
}

fn editor(frame: &Frame) -> Option<(String, String)> {
    let (script, style) = assets::editor()?;
    let at = |path: &str| format!("{}{path}", frame.root);
    Some((at(&script.path), at(&style.path)))
}

impl Figures {
    fn of(limits: &Limits) -> Self {
        Self {
            time: seconds(limits.time),
            memory: size(limits.memory_bytes),
            result: size(limits.result_bytes),
            query: size(limits.query_bytes),
            concurrent: limits.concurrent,
            text: size(guard::MADE),
            geometry: size(guard::GEOMETRY),
            combined: size(guard::COMBINED),
            rows: ROWS_SHOWN,
        }
    }
}

impl Figures {
    /// Each limit with what it is called.
    fn list(&self, frame: &Frame) -> [(String, String); 8] {
        [
            (frame.say("sparql-limit-time"), self.time.clone()),
            (frame.say("sparql-limit-memory"), self.memory.clone()),
            (frame.say("sparql-limit-query"), self.query.clone()),
            (frame.say("sparql-limit-result"), self.result.clone()),
            (frame.say("sparql-limit-text"), self.text.clone()),
            (frame.say("sparql-limit-geometry"), self.geometry.clone()),
            (frame.say("sparql-limit-combined"), self.combined.clone()),
            (
                frame.say("sparql-limit-concurrent"),
                self.concurrent.to_string(),
            ),
        ]
    }
}

/// Where a query is answered.
fn address(root: &str, query: &str, format: Option<&str>) -> String {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    match format {
        Some(format) => format!("{root}sparql?query={query}&format={format}"),
        None => format!("{root}sparql?query={query}"),
    }
}

/// The worked queries: blocks apart by an empty line, each a `# Title`, lines of explanation that
/// start with `#` too, and the query.
fn examples(root: &str) -> Vec<Example> {
    include_str!("../../../data/examples.rq")
        .split("\n\n")
        .filter_map(|block| {
            let mut lines = block.trim().lines().peekable();
            let title = lines.next()?.strip_prefix('#')?.trim().to_owned();
            let mut explanation = Vec::new();
            while let Some(line) = lines.next_if(|l| l.starts_with('#')) {
                explanation.push(line.trim_start_matches('#').trim());
            }
            let query = lines.collect::<Vec<_>>().join("\n");
            (!query.is_empty()).then(|| Example {
                link: address(root, &query, None),
                explanation: explanation.join(" "),
                title,
                query,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worked_query_is_admitted() {
        let examples = examples("/");
        assert!(!examples.is_empty());
        for example in examples {
            let admitted = super::super::admit::admit(&example.query, 64 << 10);
            assert!(admitted.is_ok(), "{}: {:?}", example.title, admitted.err());
        }
    }
}
