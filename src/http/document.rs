//! Documents about records: any number of entries with all that they name, each node once, so that
//! every document stands alone. Those of the whole catalogue are files, made when they are first
//! asked for after a change.
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mapping::dcat::{self, Assembly};
use crate::mapping::sheet;
use crate::mapping::syntax::{Syntax, Writer};
use crate::record::statement::{Statement, statements};
use crate::record::{Record, hash};
use crate::store::ledger::Extent;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Enters every ETag and file name, so that a changed renderer makes caches ask again.
pub const RENDERER: &str = concat!(env!("CARGO_PKG_VERSION"), "-3");

/// Records read at a time while a whole catalogue is written.
const CHUNK: i64 = 500;

/// A document of the whole catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `None` for the sheet.
    pub syntax: Option<Syntax>,
    pub extension: &'static str,
    pub media: &'static str,
    pub packed: bool,
}

impl Kind {
    /// By file name extension, such as `ttl` or `nt.gz`; `csv` is the sheet's 22 columns.
    pub fn of_extension(name: &str) -> Option<Self> {
        let (name, packed) = name
            .strip_suffix(".gz")
            .map_or((name, false), |n| (n, true));
        let extension = ["ttl", "nt", "rdf", "xml", "jsonld", "json", "trig", "csv"]
            .into_iter()
            .find(|e| *e == name)?;
        let found = Syntax::of_extension(extension);
        Some(Self {
            syntax: found.map(|f| f.0),
            extension,
            media: if packed {
                "application/gzip"
            } else {
                found.map_or("text/csv", |f| f.1)
            },
            packed,
        })
    }
}

/// One document in memory: `head` first (canonical content), then the entries, then what they name;
/// and the last change of any part of it.
///
/// # Errors
/// The ledger fails.
pub async fn render(
    catalogue: &Catalogue,
    syntax: Syntax,
    head: &str,
    records: &[Record],
) -> Result<(Vec<u8>, i64)> {
    let mut assembly = Assembly::default();
    let mut modified = records.iter().map(|r| r.modified).max().unwrap_or(0);
    let published: Vec<String> = records.iter().map(dcat::published).collect();
    let own: Vec<Vec<Statement<'_>>> = records
        .iter()
        .zip(&published)
        .map(|(r, p)| assembly.own(r, p))
        .collect();
    let described: BTreeSet<String> = records.iter().map(|r| r.iri.clone()).collect();
    let elsewhere: Vec<&str> = assembly
        .named()
        .into_iter()
        .filter(|iri| !described.contains(*iri))
        .collect();
    for other in catalogue.ledger.numbered(&elsewhere).await? {
        if other.is_shown() {
            assembly.stub(&other.iri, &other.content);
        }
        modified = modified.max(other.modified);
    }
    let mut shared = assembly.shared(&described);
    if !head.is_empty() {
        shared.push_str(&dcat::catalogue_shared(&catalogue.about));
        shared = crate::record::sorted(shared.split_inclusive('\n'));
    }
    let document = || -> std::io::Result<Vec<u8>> {
        let mut writer = Writer::begin(Vec::new(), syntax, &catalogue.public_url)?;
        writer.nodes(statements(head))?;
        for entry in own {
            writer.nodes(entry.into_iter())?;
        }
        writer.nodes(statements(&shared))?;
        writer.end()
    };
    Ok((document().map_err(Error::internal)?, modified))
}

/// The file that holds the whole catalogue as it is now, made if it is not there yet; and what it
/// holds at least.
///
/// # Errors
/// The ledger fails or the disk is full; what was there before stays.
pub async fn file(catalogue: &Arc<Catalogue>, kind: Kind) -> Result<(PathBuf, Extent)> {
    let dir = catalogue.dir.join("documents");
    // One at a time: a second reader waits for the first one's file.
    let _turn = catalogue.documents.lock().await;
    let extent = catalogue.extent();
    let version = hash(&format!(
        "{RENDERER}{}{:?}",
        catalogue.public_url, catalogue.about
    ));
    let stem = format!("{extent}-{}", &version[..8]);
    let plain = dir.join(format!("{stem}.{}", kind.extension));
    let path = if kind.packed {
        dir.join(format!("{stem}.{}.gz", kind.extension))
    } else {
        plain.clone()
    };
    if path.exists() {
        return Ok((path, extent));
    }
    let (catalogue, made) = (catalogue.clone(), path.clone());
    tokio::task::spawn_blocking(move || -> Result<()> {
        std::fs::create_dir_all(&dir).map_err(Error::internal)?;
        if !plain.exists() {
            whole(&plain, |out| write(&catalogue, kind.syntax, out))?;
        }
        if kind.packed {
            whole(&made, |out| pack(&plain, out))?;
        }
        sweep(&dir, &stem);
        Ok(())
    })
    .await
    .map_err(Error::internal)??;
    Ok((path, extent))
}

/// Drops all such files; they are made again when they are asked for.
///
/// # Errors
/// They cannot be removed.
pub fn forget(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir.join("documents")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::internal(e)),
        _ => Ok(()),
    }
}

/// Removes files of earlier versions. Whoever reads one still has it open.
fn sweep(dir: &Path, stem: &str) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(stem) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes a file that is there whole or not at all.
fn whole(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let part = path.with_extension("part");
    let write = || -> Result<()> {
        let mut out =
            BufWriter::with_capacity(1 << 20, File::create(&part).map_err(Error::internal)?);
        content(&mut out)?;
        out.flush().map_err(Error::internal)?;
        // A file that has its name must not come back empty after a power cut.
        out.get_ref().sync_all().map_err(Error::internal)?;
        std::fs::rename(&part, path).map_err(Error::internal)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

fn pack(plain: &Path, out: &mut BufWriter<File>) -> Result<()> {
    let mut from = File::open(plain).map_err(Error::internal)?;
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    let mut chunk = vec![0; 1 << 18];
    loop {
        let n = from.read(&mut chunk).map_err(Error::internal)?;
        if n == 0 {
            break;
        }
        encoder.write_all(&chunk[..n]).map_err(Error::internal)?;
    }
    encoder.finish().map_err(Error::internal)?;
    Ok(())
}

/// Streams the whole catalogue; called off the runtime.
fn write(catalogue: &Catalogue, syntax: Option<Syntax>, out: &mut BufWriter<File>) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let extent = catalogue.extent();
    let mut chunks = {
        let mut after = 0;
        move || -> Result<Option<Vec<Record>>> {
            if after >= extent.last {
                return Ok(None);
            }
            let records = runtime.block_on(catalogue.ledger.shown_between(after, after + CHUNK))?;
            after += CHUNK;
            Ok(Some(records))
        }
    };
    let Some(syntax) = syntax else {
        let mut writer = csv::Writer::from_writer(out);
        writer
            .write_record(sheet::HEADER)
            .map_err(Error::internal)?;
        while let Some(records) = chunks()? {
            for r in records {
                writer
                    .write_record(sheet::row(&r.slug, &r.iri, &r.content))
                    .map_err(Error::internal)?;
            }
        }
        return writer.flush().map_err(Error::internal);
    };
    let mut writer = Writer::begin(out, syntax, &catalogue.public_url).map_err(Error::internal)?;
    let (mut assembly, mut described) = (Assembly::default(), BTreeSet::new());
    let mut listed = String::new();
    while let Some(records) = chunks()? {
        for r in &records {
            let published = dcat::published(r);
            let own = assembly.own(r, &published);
            writer.nodes(own.into_iter()).map_err(Error::internal)?;
            described.insert(r.iri.clone());
        }
        listed.push_str(&dcat::listing(records.iter()));
    }
    let head = dcat::catalogue(&catalogue.about, extent.issued, extent.modified) + &listed;
    let head = crate::record::sorted(head.split_inclusive('\n'));
    writer.nodes(statements(&head)).map_err(Error::internal)?;
    let shared = assembly.shared(&described) + &dcat::catalogue_shared(&catalogue.about);
    let shared = crate::record::sorted(shared.split_inclusive('\n'));
    writer.nodes(statements(&shared)).map_err(Error::internal)?;
    writer.end().map_err(Error::internal)?;
    Ok(())
}
