//! The bundled library: an import like any other, of the source `bundled`, repeated whenever what is
//! bundled changes.
use crate::catalogue::{BATCH, Catalogue, Options, Report};
use crate::error::Result;
use crate::mapping::{Parsed, rdf, sheet};
use crate::record::{Outcome, State, hash, vocab};
use oxigraph::io::RdfFormat;

const RESOURCES: &str = include_str!("../data/resources.csv");
const LICENCES: &str = include_str!("../data/licences.csv");
const GRAPHS: [&str; 3] = [
    include_str!("../data/twins.ttl"),
    include_str!("../data/relations.ttl"),
    include_str!("../data/agents.ttl"),
];

/// The library as drafts: the sheet with its licences, the twins, and what relates them.
///
/// # Errors
/// A bundled file is broken, which the tests would have shown.
pub fn library() -> Result<Parsed> {
    let licences = sheet::licences(LICENCES.as_bytes())?;
    let mut documents = vec![sheet::read(RESOURCES.as_bytes(), &licences)?];
    for turtle in GRAPHS {
        let (graph, findings) = rdf::parse(turtle.as_bytes(), RdfFormat::Turtle)?;
        let mut parsed = rdf::read(&graph, vocab::BASE);
        parsed.findings.extend(findings);
        documents.push(parsed);
    }
    Ok(Parsed::join(documents))
}

/// Brings the library in, if this version of it is not there yet.
///
/// # Errors
/// The ledger fails.
pub async fn plant(catalogue: &Catalogue) -> Result<Option<Report>> {
    let version = hash(&[RESOURCES, LICENCES, &GRAPHS.concat()].concat());
    if catalogue.ledger.meta("bundled").await?.as_deref() == Some(&version) {
        return Ok(None);
    }
    let parsed = library()?;
    let mut import = catalogue.import(Options {
        source: "bundled".into(),
        author: "bundled".into(),
        reason: String::new(),
        state: State::Published,
        dry_run: false,
        // What a newer library leaves out is withdrawn, within the limit.
        prune: true,
        force: false,
    });
    for batch in parsed.drafts.chunks(BATCH) {
        import.take(batch.to_vec()).await?;
    }
    import.note(parsed.findings);
    let report = import.finish().await?;
    let serious = |f: &&crate::record::Finding| f.outcome != Outcome::Noted;
    for finding in report.findings.iter().filter(serious) {
        tracing::warn!(
            entry = finding.entry,
            reason = finding.reason,
            "bundled library"
        );
    }
    catalogue.ledger.set_meta("bundled", &version).await?;
    Ok(Some(report))
}
