//! Fetches what a source holds and hands it to the mapping that reads it.
use crate::error::{Error, Result};
use crate::mapping::sheet::Parsed;
use crate::mapping::{rdf, sheet};
use oxigraph::io::RdfFormat;
use std::io::Read;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Sheet,
    Rdf,
}

/// Inputs are bounded: more than this many bytes is refused.
const LIMIT: u64 = 512 << 20;

/// Reads a path or, for `-`, standard input.
///
/// # Errors
/// Names the path and the reason, or the limit that was passed.
pub fn bytes(source: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let read = if source == "-" {
        std::io::stdin()
            .lock()
            .take(LIMIT + 1)
            .read_to_end(&mut out)
    } else {
        std::fs::File::open(source).and_then(|f| f.take(LIMIT + 1).read_to_end(&mut out))
    };
    read.map_err(|e| Error::bad_input(format!("{source}: {e}")))?;
    if out.len() as u64 > LIMIT {
        return Err(Error::bad_input(format!(
            "{source}: more than {LIMIT} bytes"
        )));
    }
    Ok(out)
}

/// Turns bytes into drafts, by the format given or the extension of `name`.
pub fn parse(name: &str, bytes: &[u8], format: Option<Format>, public_url: &str) -> Result<Parsed> {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let syntax = match extension {
        "jsonld" => Some(RdfFormat::JsonLd {
            profile: oxigraph::io::JsonLdProfileSet::empty(),
        }),
        _ => RdfFormat::from_extension(extension),
    };
    let format = format
        .or(syntax.map(|_| Format::Rdf))
        .unwrap_or(Format::Sheet);
    match format {
        Format::Sheet => sheet::read(bytes),
        Format::Rdf => {
            let syntax = syntax.ok_or_else(|| {
                Error::bad_input(format!(
                    "{name}: no RDF syntax has the extension {extension:?}"
                ))
            })?;
            Ok(rdf::read(rdf::parse(bytes, syntax)?, public_url))
        }
    }
}
