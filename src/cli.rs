//! The command line: each command opens the catalogue, does one thing and says what it did.
use crate::catalogue::{Catalogue, Options, Report};
use crate::error::{Error, Result};
use crate::harvest::{self, Format};
use crate::mapping;
use crate::mapping::dcat::Syntax;
use crate::mapping::validate::{Form, Input};
use crate::record::State;
use crate::record::shacl::Profile;
use crate::store::ledger::Ledger;
use clap::{Parser, Subcommand, ValueEnum};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// A DCAT-AP catalogue of Local Digital Twin resources.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where the catalogue is kept.
    #[arg(long, global = true, default_value = "./var")]
    data_dir: PathBuf,
    /// The address readers use; own IRIs are below it.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080")]
    public_url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum As {
    Published,
    Suggested,
}

#[derive(Clone, Copy, ValueEnum)]
enum Out {
    Ttl,
    Nt,
    Rdf,
    Jsonld,
    Trig,
    Sheet,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReportAs {
    Text,
    Ttl,
    Jsonld,
    Json,
    Html,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the catalogue over HTTP.
    Serve {
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
        /// Do not fill an empty catalogue with the bundled library.
        #[arg(long)]
        no_seed: bool,
    },
    /// Bring in a sheet or an RDF catalogue.
    Import {
        /// A path, or - for standard input.
        source: String,
        #[arg(long)]
        format: Option<Format>,
        /// Say what would change and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Publish at once, or queue for a moderator.
        #[arg(long = "as", default_value = "published")]
        as_state: As,
        /// Withdraw what this source no longer names, at most a tenth of it.
        #[arg(long)]
        prune: bool,
        /// With --prune: without the limit.
        #[arg(long)]
        force: bool,
        /// The source's name; its address unless given.
        #[arg(long)]
        source_name: Option<String>,
        /// Write the report as JSON here.
        #[arg(long)]
        report: Option<PathBuf>,
    },
    /// Check a description or a sheet against the rules; keeps and locks nothing.
    Validate {
        /// A path, or - for standard input.
        file: String,
        /// Which rules, several with commas between them: dcat-ap, base, range, recommended,
        /// codelists, hvd, ldt or all.
        #[arg(long, default_value = "dcat-ap")]
        profile: String,
        #[arg(long, default_value = "text")]
        format: ReportAs,
        /// ttl, nt, nq, trig, rdf, jsonld or csv; the file's extension unless given.
        #[arg(long)]
        input_format: Option<String>,
    },
    /// Write the whole catalogue to standard output.
    Export {
        #[arg(long, default_value = "ttl")]
        format: Out,
    },
}

pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    if let Command::Validate {
        file,
        profile,
        format,
        input_format,
    } = &cli.command
    {
        let done = validate(
            file,
            profile,
            *format,
            input_format.as_deref(),
            &cli.public_url,
        );
        return match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(e) => {
                eprintln!("error: {e}");
                ExitCode::from(2)
            }
        };
    }
    match act(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the directory for this process, until the file is dropped.
fn lock(dir: &Path) -> Result<File> {
    std::fs::create_dir_all(dir)
        .map_err(|e| Error::bad_input(format!("{}: {e}", dir.display())))?;
    let file = File::create(dir.join("lock"))
        .map_err(|e| Error::bad_input(format!("{}: {e}", dir.display())))?;
    file.try_lock().map_err(|_| {
        Error::bad_input(format!(
            "{} is held by a running ldt-catalogue; stop it first",
            dir.display()
        ))
    })?;
    Ok(file)
}

async fn act(cli: Cli) -> Result<()> {
    let _held = lock(&cli.data_dir)?;
    let ledger = Ledger::open(&cli.data_dir, None).await?;
    let catalogue = Catalogue::open(ledger, &cli.public_url).await?;
    match cli.command {
        Command::Serve { listen, no_seed } => serve(catalogue, &listen, !no_seed).await,
        Command::Import {
            source,
            format,
            dry_run,
            as_state,
            prune,
            force,
            source_name,
            report,
        } => {
            let parsed = harvest::parse(
                &source,
                &harvest::bytes(&source)?,
                format,
                &catalogue.public_url,
            )?;
            let state = match as_state {
                As::Published => State::Published,
                As::Suggested => State::Suggested,
            };
            let options = Options {
                source: source_name.unwrap_or(source),
                author: "operator".into(),
                state,
                dry_run,
                prune,
                force,
            };
            let done = catalogue.import(parsed, &options).await?;
            if let Some(path) = report {
                std::fs::write(
                    &path,
                    serde_json::to_vec_pretty(&done).map_err(Error::internal)?,
                )
                .map_err(|e| Error::bad_input(format!("{}: {e}", path.display())))?;
            }
            tell(&done, dry_run);
            Ok(())
        }
        Command::Export { format } => {
            let bytes = match format {
                Out::Sheet => crate::http::sheet(&catalogue).await?,
                Out::Ttl => crate::http::whole(&catalogue, Syntax::Turtle).await?,
                Out::Nt => crate::http::whole(&catalogue, Syntax::NTriples).await?,
                Out::Rdf => crate::http::whole(&catalogue, Syntax::RdfXml).await?,
                Out::Jsonld => crate::http::whole(&catalogue, Syntax::JsonLd).await?,
                Out::Trig => crate::http::whole(&catalogue, Syntax::TriG).await?,
            };
            std::io::stdout()
                .write_all(&bytes)
                .map_err(|e| Error::bad_input(format!("standard output: {e}")))
        }
        // Done before the directory is opened.
        Command::Validate { .. } => Ok(()),
    }
}

/// Writes the report and says whether the input conforms.
fn validate(
    file: &str,
    profile: &str,
    format: ReportAs,
    input: Option<&str>,
    public_url: &str,
) -> Result<bool> {
    let profiles = Profile::named(profile)?;
    let extension = file.rsplit_once('.').map_or("", |f| f.1);
    let input = match (input, file) {
        (Some(name), _) => Input::of_extension(name)?,
        (None, "-") => {
            return Err(Error::bad_input(
                "standard input has no extension; say what it is by --input-format",
            ));
        }
        (None, _) => Input::of_extension(extension)?,
    };
    let address = format!("{}/", public_url.trim_end_matches('/'));
    let report = mapping::validate::run(&harvest::bytes(file)?, input, &profiles, &address, None)?;
    let form = match format {
        ReportAs::Text => Some(Form::Text),
        ReportAs::Ttl => Some(Form::Turtle),
        ReportAs::Jsonld => Some(Form::JsonLd),
        ReportAs::Json => Some(Form::Json),
        ReportAs::Html => None,
    };
    let bytes = match form {
        Some(form) => mapping::validate::write(&report, form, &address)?,
        None => crate::http::validate::html(&report, &profiles, &address)?,
    };
    std::io::stdout()
        .write_all(&bytes)
        .map_err(|e| Error::bad_input(format!("standard output: {e}")))?;
    Ok(report.conforms())
}

fn tell(report: &Report, dry_run: bool) {
    for f in &report.findings {
        println!(
            "{:>6}  {:<8} {:<24} {}",
            f.line, f.outcome, f.entry, f.reason
        );
    }
    for slug in &report.missing {
        println!("     -  missing  {slug}");
    }
    println!(
        "{}{} added, {} changed, {} unchanged, {} withdrawn, {} missing, {} findings",
        if dry_run { "would be: " } else { "" },
        report.added.len(),
        report.changed.len(),
        report.unchanged,
        report.withdrawn.len(),
        report.missing.len(),
        report.findings.len()
    );
}

const RESOURCES: &str = include_str!("../data/resources.csv");

/// Imports the bundled library once for each version of it.
async fn seed(catalogue: &Catalogue) -> Result<()> {
    let version = crate::record::hash(RESOURCES);
    if catalogue.ledger.meta("bundled").await?.as_deref() == Some(&version) {
        return Ok(());
    }
    let options = Options {
        source: "bundled".into(),
        author: "bundled".into(),
        state: State::Published,
        dry_run: false,
        prune: false,
        force: false,
    };
    catalogue
        .import(crate::mapping::sheet::read(RESOURCES.as_bytes())?, &options)
        .await?;
    catalogue.ledger.set_meta("bundled", &version).await
}

async fn serve(catalogue: Catalogue, listen: &str, seeded: bool) -> Result<()> {
    if seeded {
        seed(&catalogue).await?;
    }
    let catalogue = Arc::new(catalogue);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|e| Error::bad_input(format!("{listen}: {e}")))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    println!("listening on http://{address}");
    tokio::spawn({
        let catalogue = catalogue.clone();
        async move {
            if let Err(e) = catalogue.rebuild().await {
                tracing::error!(error = %e, "the graph cannot be built");
            }
        }
    });
    axum::serve(listener, crate::http::router(catalogue))
        .with_graceful_shutdown(stopped())
        .await
        .map_err(Error::internal)
}

async fn stopped() {
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(_) => return std::future::pending().await,
        };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
