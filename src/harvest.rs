//! Fetches what a source holds, from a path, standard input or an address, and hands it to the
//! mapping that reads it.
use crate::client;
use crate::config::Import;
use crate::error::{Error, Result};
use crate::mapping::sheet::Licences;
use crate::mapping::{Parsed, rdf, sheet};
use oxigraph::io::RdfFormat;
use std::io::Read;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The library's sheet: CSV with its 22 columns.
    Sheet,
    /// The JSON list that stands in for the sheet.
    Json,
    /// Any RDF serialisation.
    Rdf,
}

/// A source's bytes and what is known of their form.
pub struct Document {
    pub name: String,
    pub bytes: Vec<u8>,
    pub media: String,
}

/// Reads a path, `-` for standard input, or an address.
///
/// # Errors
/// Names the source and the reason, or the limit that was passed.
pub async fn fetch(source: &str, limits: &Import) -> Result<Document> {
    let limit = limits.source_megabytes << 20;
    if source.starts_with("http://") || source.starts_with("https://") {
        let time = Duration::from_secs(limits.fetch_seconds);
        let found = client::fetch(source, limit, time).await?;
        return Ok(Document {
            name: source.to_owned(),
            bytes: found.bytes,
            media: found.media,
        });
    }
    if source.contains("://") {
        return Err(Error::bad_input(format!(
            "{source}: only http and https addresses are fetched"
        )));
    }
    let mut bytes = Vec::new();
    let read = if source == "-" {
        std::io::stdin()
            .lock()
            .take(limit + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(source).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| Error::bad_input(format!("{source}: {e}")))?;
    if bytes.len() as u64 > limit {
        return Err(Error::bad_input(format!(
            "{source} is longer than {limit} bytes"
        )));
    }
    Ok(Document {
        name: source.to_owned(),
        bytes,
        media: String::new(),
    })
}

impl Document {
    /// Turns the bytes into drafts, by the format given, else by media type, extension or look.
    ///
    /// # Errors
    /// Names the source and what was found in it.
    pub fn parse(&self, format: Option<Format>, public_url: &str) -> Result<Parsed> {
        let path = self.name.split(['?', '#']).next().unwrap_or(&self.name);
        let extension = path.rsplit('.').next().unwrap_or_default().to_lowercase();
        let syntax = match self.media.as_str() {
            // A server that says no more than this says nothing.
            "" | "text/plain" | "application/octet-stream" | "application/json" => {
                rdf::format_of(&extension)
            }
            media => RdfFormat::from_media_type(media),
        };
        let start = String::from_utf8_lossy(&self.bytes);
        let start = start.trim_start_matches('\u{feff}').trim_start();
        let looks_json = start.starts_with(['[', '{']);
        let looks_linked = ["\"@context\"", "\"@id\"", "\"@graph\""]
            .iter()
            .any(|key| start.contains(key));
        let opening = start.chars().take(9).collect::<String>().to_lowercase();
        let page = opening.starts_with("<html") || opening.starts_with("<!doctype");
        let format = format.unwrap_or_else(|| {
            if syntax.is_some() {
                Format::Rdf
            } else if extension == "csv" || self.media == "text/csv" || page {
                Format::Sheet
            } else if looks_json && !looks_linked {
                Format::Json
            } else if rdf::guess(&self.bytes).is_some() {
                Format::Rdf
            } else {
                Format::Sheet
            }
        });
        let parsed = match format {
            Format::Sheet => sheet::read(&self.bytes, &Licences::new()),
            Format::Json => sheet::read_json(&self.bytes),
            Format::Rdf => syntax
                .or_else(|| rdf::guess(&self.bytes))
                .ok_or_else(|| {
                    Error::bad_input(format!(
                        "no RDF syntax has the extension {extension:?}, and its first characters show none"
                    ))
                })
                .and_then(|syntax| rdf::parse(&self.bytes, syntax))
                .and_then(|(graph, findings)| {
                    let mut parsed = rdf::read(&graph, public_url);
                    parsed.findings.extend(findings);
                    if parsed.drafts.is_empty() && parsed.findings.is_empty() {
                        return Err(Error::bad_input("no record in it: no dcat:Dataset is described"));
                    }
                    Ok(parsed)
                }),
        };
        parsed.map_err(|e| Error::new(e.kind, format!("{}: {}", self.name, e.message)))
    }
}
