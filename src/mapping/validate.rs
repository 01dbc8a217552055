//! Any input that can be validated to a report, and a report to any of its forms. HTML is a page
//! and made where the other pages are.
use super::dcat;
use super::lines::{self, Located};
use super::sheet;
use super::syntax::{self, Syntax};
use crate::error::{Error, Kind, Result};
use crate::record::shacl::{self, Finding, Profile, Report, Severity};
use crate::record::vocab::ldt;
use crate::record::{Outcome, Record, triples};
use oxigraph::io::{JsonLdProfileSet, RdfFormat};
use oxigraph::model::{Literal, NamedNode, Term};

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Rdf(RdfFormat),
    Sheet,
}

const JSON_LD: Input = Input::Rdf(RdfFormat::JsonLd {
    profile: JsonLdProfileSet::empty(),
});

/// Name on the command line and extension, media types.
const INPUTS: [(&[&str], &[&str], Input); 7] = [
    (
        &["ttl", "turtle"],
        &["text/turtle", "application/x-turtle"],
        Input::Rdf(RdfFormat::Turtle),
    ),
    (
        &["nt"],
        &["application/n-triples"],
        Input::Rdf(RdfFormat::NTriples),
    ),
    (
        &["nq"],
        &["application/n-quads"],
        Input::Rdf(RdfFormat::NQuads),
    ),
    (
        &["trig"],
        &["application/trig"],
        Input::Rdf(RdfFormat::TriG),
    ),
    (
        &["rdf", "xml"],
        &["application/rdf+xml", "application/xml", "text/xml"],
        Input::Rdf(RdfFormat::RdfXml),
    ),
    (
        &["jsonld", "json"],
        &["application/ld+json", "application/json"],
        JSON_LD,
    ),
    (&["csv", "sheet"], &["text/csv"], Input::Sheet),
];

impl Input {
    /// By file name extension or the same name on the command line.
    ///
    /// # Errors
    /// An extension that nothing here has.
    pub fn of_extension(extension: &str) -> Result<Self> {
        let wanted = extension.to_ascii_lowercase();
        let found = INPUTS.iter().find(|i| i.0.contains(&wanted.as_str()));
        found.map(|i| i.2).ok_or_else(|| {
            let known: Vec<_> = INPUTS.iter().map(|i| i.0[0]).collect();
            Error::bad_input(format!(
                "no input format is called {extension:?}; known are {}",
                known.join(", ")
            ))
        })
    }

    /// By `Content-Type`, parameters ignored.
    ///
    /// # Errors
    /// [`Kind::UnsupportedMediaType`], with the types that are taken.
    pub fn of_media(media: &str) -> Result<Self> {
        let name = media.split(';').next().unwrap_or_default().trim();
        let wanted = name.to_ascii_lowercase();
        let found = INPUTS.iter().find(|i| i.1.contains(&wanted.as_str()));
        found.map(|i| i.2).ok_or_else(|| {
            let known: Vec<_> = INPUTS.iter().map(|i| i.1[0]).collect();
            Error::new(
                Kind::UnsupportedMediaType,
                format!(
                    "{name:?} cannot be validated; taken are {}",
                    known.join(", ")
                ),
            )
        })
    }
}

/// Validates an input; own IRIs are below `public_url`, which ends in a slash. `limit` is that of
/// [`shacl::Shapes::run`].
///
/// # Errors
/// The input cannot be read: the message names the position. Or the limit is passed.
pub fn run(
    bytes: &[u8],
    input: Input,
    profiles: &[Profile],
    public_url: &str,
    limit: Option<usize>,
) -> Result<Report> {
    let (located, refused) = match input {
        Input::Rdf(format) => (lines::parse(bytes, format, public_url)?, Vec::new()),
        Input::Sheet => rows(bytes, public_url)?,
    };
    let mut report = shacl::validate(&located.graph, profiles, limit)?;
    located.locate(&mut report);
    report.results.extend(refused);
    Ok(report)
}

/// A sheet as the records that its rows would become, and what of it would not enter.
fn rows(bytes: &[u8], public_url: &str) -> Result<(Located, Vec<Finding>)> {
    let parsed = sheet::read(bytes, &sheet::Licences::new())?;
    let mut located = Located::default();
    for draft in parsed.drafts {
        let line = draft.line;
        let content = syntax::placed(&dcat::published(&Record::from(draft)), public_url);
        located.row(triples(&content)?, line);
    }
    let refused = parsed.findings.into_iter().map(|f| Finding {
        // A row that is left out is lost as a whole; a value that is dropped is not.
        severity: match f.outcome {
            Outcome::Skipped => Severity::Violation,
            _ => Severity::Warning,
        },
        focus: NamedNode::new_unchecked(format!("{public_url}sheet#line-{}", f.line)).into(),
        path: None,
        value: Some(Term::from(Literal::new_simple_literal(f.entry))),
        message: format!("{}: {}", f.outcome, f.reason),
        shape: ldt("sheet-row").into_string(),
        constraint: ldt("sheet-row").into_string(),
        profile: None,
        line: (f.line > 0).then_some(f.line),
    });
    Ok((located, refused.collect()))
}

/// The forms of a report that are not a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Turtle,
    JsonLd,
    Json,
    Text,
}

/// # Errors
/// Writing fails, which would be our fault.
pub fn write(report: &Report, form: Form, public_url: &str) -> Result<Vec<u8>> {
    Ok(match form {
        Form::Turtle => Syntax::Turtle.write(&report.triples(public_url))?,
        Form::JsonLd => Syntax::JsonLd.write(&report.triples(public_url))?,
        Form::Json => serde_json::to_vec_pretty(&report.json()).map_err(Error::internal)?,
        Form::Text => report.text().into_bytes(),
    })
}
