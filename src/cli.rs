//! The command line: each command does one thing and says what it did. All but `serve` and `restore`
//! go through the operators' socket, to the service that runs or, where none does, to itself.
use crate::catalogue::{Catalogue, Options, Report};
use crate::config::Config;
use crate::control::{
    self, Audience, CheckLinks, Decision, Edit, Feed, Heard, NewToken, Sent, Standing, Verdict,
    Waiting,
};
use crate::error::{Error, Kind, Result};
use crate::harvest::{self, Format};
use crate::mapping::validate::{Form, Input};
use crate::mapping::{self, Parsed};
use crate::publish::{self, Registration, Target, Wish};
use crate::record::shacl::Profile;
use crate::record::{Role, State, Step};
use crate::store::access::Token;
use crate::store::ledger::{self, Ledger};
use crate::{client, http, hub, links, notify, seed, telemetry};
use clap::{Args, Parser, Subcommand, ValueEnum};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A DCAT-AP catalogue of Local Digital Twin resources: one program that takes descriptions in and
/// serves them as pages, DCAT and SPARQL.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where the catalogue is kept.
    #[arg(long, global = true, default_value = "./var", value_name = "DIR")]
    data_dir: PathBuf,
    /// A file with settings; `config` prints them all with their defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address that readers use; own IRIs begin with it.
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make one; it is shown once, and only its hash is kept.
    Add {
        #[arg(long)]
        role: Role,
        /// Whose it is: stands in the ledger as the author of what is done with it.
        #[arg(long)]
        name: Option<String>,
        /// After how many days it ends; without end where this is left out.
        #[arg(long)]
        days: Option<u32>,
    },
    /// All of them, without what is secret.
    List,
    /// End one, and the sessions that were begun with it.
    Revoke { id: i64 },
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

#[derive(Clone, Copy, ValueEnum)]
enum Word {
    Accept,
    Reject,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the catalogue over HTTP.
    ///
    /// Standard output carries one line, `listening on http://ADDR:PORT`; logs go to standard error.
    Serve {
        /// Address and port; port 0 takes a free one.
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Do not fill the catalogue with the bundled library.
        #[arg(long)]
        no_seed: bool,
    },
    /// Bring in what a source says: the library's sheet, its JSON form, or RDF.
    ///
    /// The same source twice changes nothing. What was edited by hand stays, and the source's
    /// change waits for a moderator. A row or record that cannot be used is listed with its line
    /// and reason and stops no other.
    Import(Import),
    /// Check a description or a sheet against the rules; keeps and locks nothing.
    ///
    /// Exit code 0 if it conforms (warnings are advice), 1 if it does not.
    Validate(Validate),
    /// Write the whole catalogue to standard output.
    Export {
        #[arg(long, default_value = "ttl")]
        format: Out,
    },
    /// List what waits for a moderator: new records and changes to published ones.
    Queue,
    /// Take a step in the life of a record.
    Decide {
        /// The record's name in its address, /resource/SLUG.
        slug: String,
        step: Step,
        /// With withdraw: the record that stands for it from now on.
        #[arg(long, value_name = "SLUG")]
        into: Option<String>,
        /// Why; it is kept in the ledger.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Accept or reject a change that `queue` lists by number.
    Settle { number: i64, word: Word },
    /// Replace a record by the one a file describes, by hand; imports leave it alone from then on.
    Edit {
        /// RDF with one record that the catalogue has; - for standard input.
        file: String,
        #[arg(long, default_value = "edited by hand")]
        reason: String,
    },
    /// Say who may read a record: `public`, or the name of a claim.
    Restrict { slug: String, audience: String },
    /// Erase all versions of a record for good; its number and tombstone stay.
    Purge { slug: String },
    /// Tokens, with which people and programs show who they are.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Register this catalogue as a context source in an NGSI-LD broker, or bring its registration up to date.
    ///
    /// The broker then passes on to the catalogue what it is asked for about catalogue types.
    Register {
        /// Name of a target of `publish`, or the address of a broker, without /ngsi-ld/v1.
        target: String,
        /// What kind of broker is at the address: generic, orion-ld, scorpio or stellio.
        #[arg(long, default_value = "generic")]
        kind: String,
        /// The broker's tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Take the registration away.
        #[arg(long)]
        remove: bool,
    },
    /// Ask the addresses in entries whether they answer, those first that wait longest.
    ///
    /// What they answer changes no entry. Lists what is broken.
    CheckLinks {
        /// How many addresses are asked.
        #[arg(long, default_value_t = 1_000, value_name = "N")]
        limit: u32,
    },
    /// Feed context brokers with NGSI-LD entities: list where they stand, or catch up with the ledger.
    ///
    /// Brokers are set up in [[publish.targets]]; a running service feeds them by itself.
    Publish {
        /// A target's name; all of them unless given.
        target: Option<String>,
        /// Send what is new, then end.
        #[arg(long, group = "wish")]
        once: bool,
        /// Compare all with what the target holds, send what differs, delete what is too much.
        #[arg(long, group = "wish")]
        reconcile: bool,
        /// Say what --reconcile would do.
        #[arg(long, group = "wish")]
        dry_run: bool,
        /// Send again what the target did not take.
        #[arg(long, group = "wish")]
        retry: bool,
    },
    /// Look whether a target of `publish` can be fed, and say what is wrong.
    Doctor { target: String },
    /// Make everything anew that follows from the ledger.
    Rebuild,
    /// Copy the catalogue, also a running one, into one file that carries its own digest.
    Backup { file: PathBuf },
    /// Put a backup in place, after checking its digest and each version's hash.
    Restore {
        file: PathBuf,
        /// Replace the catalogue that is there.
        #[arg(long)]
        replace: bool,
        /// Make it an instance of its own, beside the one that was copied.
        #[arg(long)]
        as_new: bool,
    },
    /// Say whether a service runs on this data and answers; for supervisors. Exit code 0 if it does, 1 if not.
    Health,
    /// Print every setting with its default and meaning.
    Config,
}

#[derive(Args)]
struct Validate {
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
}

#[derive(Args)]
struct Import {
    /// Paths, addresses, or - for standard input. Several are one source in several documents.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// What the source is; guessed from its name and look unless given.
    #[arg(long)]
    format: Option<Format>,
    /// Say what would change and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Publish at once, or queue for a moderator.
    #[arg(long = "as", default_value = "published", value_name = "STATE")]
    as_state: As,
    /// Withdraw what this source no longer names, at most a tenth of it.
    #[arg(long)]
    prune: bool,
    /// With --prune: without the limit.
    #[arg(long)]
    force: bool,
    /// The source's name, which its records belong to; the first SOURCE unless given.
    #[arg(long, value_name = "NAME")]
    source_name: Option<String>,
    /// Write what was done and found as JSON here.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Writes a text and a line end to standard output. Whoever reads it may have seen enough, as `head`
/// has: what the command did is done, and there is nobody to tell.
fn say(text: &str) -> Result<()> {
    pour_out(format!("{text}\n").as_bytes())
}

fn pour_out(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::bad_input(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Runs the command line and gives the exit code: 0 done, 1 failed, 2 wrong usage.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Runtime::new()
        .map_err(|e| Error::bad_input(format!("no threads can be started: {e}")))
        .and_then(|runtime| runtime.block_on(act(cli)));
    match done {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn act(cli: Cli) -> Result<ExitCode> {
    let mut config = Config::read(
        cli.config.as_deref(),
        std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
    )?;
    if let Some(url) = cli.public_url {
        config.server.public_url = url;
    }
    let dir = cli.data_dir;
    match cli.command {
        Command::Config => {
            say(crate::config::DEFAULTS.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Health => {
            if !control::socket(&dir).exists() {
                let why = format!("no service runs on {}", dir.display());
                return Err(Error::bad_input(why));
            }
            let door = Door::to_service(&dir)?;
            let asked = door.get::<String>("public-url");
            let url = tokio::time::timeout(Duration::from_secs(10), asked)
                .await
                .map_err(|_| Error::bad_input("the service does not answer in 10 seconds"))??;
            say(&format!("{url} is served"))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { listen, no_seed } => {
            if let Some(listen) = listen {
                config.server.listen = listen;
            }
            telemetry::log(&config.log)?;
            serve(&config, &dir, !no_seed).await
        }
        Command::Validate(wish) => match validate(&config, &wish).await {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(e) => {
                eprintln!("error: {e}");
                Ok(ExitCode::from(2))
            }
        },
        Command::Restore {
            file,
            replace,
            as_new,
        } => restore(&config, &dir, &file, replace, as_new).await,
        other => {
            config.log.level = "warn".into();
            config.log.format = "text".into();
            telemetry::log(&config.log)?;
            let door = Door::open(&config, &dir).await?;
            through(&door, &config, other).await
        }
    }
}

/// Takes the directory for this process, until the file is dropped; `None` where another has it.
fn lock(dir: &Path) -> Result<Option<File>> {
    let failed = |e: std::io::Error| Error::bad_input(format!("{}: {e}", dir.display()));
    // What waits for a moderator, and who wrote what, is for the operator alone.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let file = File::create(dir.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(e)) => Err(failed(e)),
    }
}

fn held(dir: &Path) -> Error {
    Error::bad_input(format!(
        "{} is held by a running ldt-catalogue; stop it first",
        dir.display()
    ))
}

/// Opens the ledger and what it projects to. Without a public URL in the settings, own IRIs begin
/// as they did when the catalogue was last served.
async fn open(config: &Config, dir: &Path) -> Result<Arc<Catalogue>> {
    // Copies that a killed service or command left half made.
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("restore.part")
            || (name.starts_with("backup-") && name.contains(".tmp"))
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let ledger = Ledger::open(dir, &config.ledger.url).await?;
    let served = ledger.meta(PUBLIC_URL).await?;
    let public_url = match served {
        Some(served) if config.server.public_url.is_empty() => served,
        _ => config.public_url()?,
    };
    let about = config.catalogue.clone();
    let mut catalogue = Catalogue::open(ledger, dir.to_owned(), public_url, about).await?;
    catalogue.targets.clone_from(&config.publish.targets);
    if config.feeds.subscribers > 0 {
        catalogue.hub = Some(format!("{}hub", catalogue.public_url));
    }
    Ok(Arc::new(catalogue))
}

/// Where the ledger keeps the public URL under which it was last served.
const PUBLIC_URL: &str = "public_url";

async fn serve(config: &Config, dir: &Path, seeded: bool) -> Result<ExitCode> {
    let _held = lock(dir)?.ok_or_else(|| held(dir))?;
    let listen = &config.server.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|e| Error::bad_input(format!("{listen}: {e}")))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let mut config = config.clone();
    config.server.listen = address.to_string();
    config.server.public_url = config.public_url()?;
    config.id_prefix()?;
    config.publish.check()?;
    let catalogue = open(&config, dir).await?;
    let public_url = &catalogue.public_url;
    catalogue.ledger.set_meta(PUBLIC_URL, public_url).await?;
    if seeded {
        seed::plant(&catalogue).await?;
    }
    control::serve(catalogue.clone(), dir)?;
    tokio::spawn({
        let (catalogue, prefix) = (catalogue.clone(), config.ngsi.id_prefix.clone());
        async move {
            let entities = catalogue.present(&prefix);
            tokio::join!(
                catalogue.tend(),
                catalogue.index(),
                catalogue.forget(),
                entities
            )
        }
    });
    if config.links.check {
        let (catalogue, settings) = (catalogue.clone(), config.links.clone());
        tokio::spawn(async move { links::tend(&catalogue, &settings).await });
    }
    tokio::spawn(notify::follow(catalogue.clone(), config.ngsi.clone()));
    if config.publish.follow {
        for target in config.publish.targets.clone() {
            tokio::spawn(publish::follow(catalogue.clone(), target));
        }
    }
    say(&format!("listening on http://{address}"))?;
    tracing::info!(%address, public_url = catalogue.public_url, "listening");
    let now = crate::catalogue::now();
    let in_use = |t: &Token| t.revoked.is_none() && t.expires.is_none_or(|e| e > now);
    if !catalogue.ledger.tokens().await?.iter().any(in_use) {
        tracing::info!(
            "nobody can sign in yet: ldt-catalogue token add --role administrator makes the first token, on this machine and with the same --data-dir"
        );
    }
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let routes = http::router(catalogue.clone(), &config)?;
    if catalogue.hub.is_some() {
        let (catalogue, routes) = (catalogue.clone(), routes.clone());
        tokio::spawn(hub::serve(catalogue, routes, config.feeds.clone()));
    }
    let ends = async move {
        stopped().await;
        let _ = stop.send(());
    };
    let proxies = config.proxies()?;
    let server = http::server::serve(listener, routes, &config.server, proxies, ends);
    let drained = async {
        let _ = stopping.await;
        tokio::time::sleep(Duration::from_secs(config.server.drain_seconds)).await;
    };
    tokio::select! {
        () = server => {}
        () = drained => tracing::warn!("some requests did not end in time"),
    }
    let _ = std::fs::remove_file(control::socket(dir));
    catalogue.ledger.clone().close().await?;
    Ok(ExitCode::SUCCESS)
}

async fn stopped() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let Ok(mut terminate) = terminate else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Writes the report and says whether the input conforms.
async fn validate(config: &Config, wish: &Validate) -> Result<bool> {
    let profiles = Profile::named(&wish.profile)?;
    let extension = wish.file.rsplit_once('.').map_or("", |f| f.1);
    let input = match (&wish.input_format, wish.file.as_str()) {
        (Some(name), _) => Input::of_extension(name)?,
        (None, "-") => {
            return Err(Error::bad_input(
                "standard input has no extension; say what it is by --input-format",
            ));
        }
        (None, _) => Input::of_extension(extension)?,
    };
    let address = config.public_url()?;
    let document = harvest::fetch(&wish.file, &config.import).await?;
    let report = mapping::validate::run(&document.bytes, input, &profiles, &address, None)?;
    let form = match wish.format {
        ReportAs::Text => Some(Form::Text),
        ReportAs::Ttl => Some(Form::Turtle),
        ReportAs::Jsonld => Some(Form::JsonLd),
        ReportAs::Json => Some(Form::Json),
        ReportAs::Html => None,
    };
    let bytes = match form {
        Some(form) => mapping::validate::write(&report, form, &address)?,
        None => http::validate::html(&report, &profiles, &address)?,
    };
    pour_out(&bytes)?;
    Ok(report.conforms())
}

async fn restore(
    config: &Config,
    dir: &Path,
    file: &Path,
    replace: bool,
    as_new: bool,
) -> Result<ExitCode> {
    let _held = lock(dir)?.ok_or_else(|| held(dir))?;
    if !config.ledger.url.is_empty() {
        return Err(Error::bad_input(
            "restore fills the SQLite ledger of a data directory; unset ledger.url",
        ));
    }
    let failed = |e: std::io::Error| Error::bad_input(format!("{}: {e}", file.display()));
    let target = dir.join("ledger.db");
    if target.exists() && !replace {
        let there = Ledger::open(dir, "").await?;
        let changes = there.extent().await?.seq;
        there.close().await?;
        if changes > 0 {
            return Err(Error::bad_input(format!(
                "{} holds a catalogue with {changes} changes; --replace puts the backup in its place",
                dir.display()
            )));
        }
    }
    let part = dir.join("restore.part");
    ledger::remove(&part);
    std::fs::copy(file, &part).map_err(failed)?;
    let checked = async {
        let copy = Ledger::at(&format!("sqlite://{}", part.display())).await?;
        let digest = copy.verify().await?;
        if as_new {
            let instance: [u8; 16] = rand::random();
            let instance = crate::record::hex(&instance);
            copy.set_meta("instance", &instance).await?;
        }
        let changes = copy.extent().await?;
        copy.close().await?;
        Ok::<_, Error>((digest, changes))
    };
    let (digest, extent) = match checked.await {
        Ok(found) => found,
        Err(e) => {
            ledger::remove(&part);
            let message = if e.kind == Kind::Internal {
                format!("{} is no backup: {e}", file.display())
            } else {
                format!("{}: {e}", file.display())
            };
            return Err(Error::bad_input(message));
        }
    };
    // What a killed service left in the log goes into the old ledger, so that there is nothing but
    // one file to replace, and the old catalogue is whole until then. One that cannot be read has
    // nothing to keep.
    if let Ok(old) = Ledger::open(dir, "").await {
        old.close().await?;
    }
    for tail in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("ledger.db{tail}")));
        let _ = std::fs::remove_file(dir.join(format!("restore.part{tail}")));
    }
    http::document::forget(dir)?;
    File::open(&part)
        .and_then(|f| f.sync_all())
        .and_then(|()| std::fs::rename(&part, &target))
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(failed)?;
    say(&format!(
        "restored {} changes, {} published records, digest {digest}",
        extent.seq, extent.total
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Where targets stand, a line for each and for what it did not take.
async fn standing(door: &Door, targets: &[&Target]) -> Result<String> {
    let names: Vec<&str> = targets.iter().map(|t| t.name.as_str()).collect();
    let all: Vec<Standing> = door.post("targets", &names).await?;
    let mut lines = String::new();
    for (target, s) in targets.iter().zip(&all) {
        let p = &s.progress;
        let when = match p.at {
            0 => "never".to_owned(),
            at => crate::mapping::dcat::date_time(at)[..19].replace('T', " "),
        };
        let state = match p.error.as_str() {
            "" if s.lag == 0 => "up to date".to_owned(),
            "" => format!("{} changes behind", s.lag),
            why => format!("{} changes behind: {why}", s.lag),
        };
        lines.push_str(&format!(
            "{:<20} {:<9} {}  change {}, {} sent, {} deleted, {:.0}/s, last {when}: {state}\n",
            target.name, target.kind, target.url, p.cursor, p.sent, p.deleted, p.rate
        ));
        for u in &s.undelivered {
            let again = u.next.map_or("when it changes or by --retry".into(), |at| {
                crate::mapping::dcat::date_time(at)[..19].replace('T', " ")
            });
            lines.push_str(&format!(
                "    not taken: {}  {} {} (tried {} times; again {again})\n",
                u.entity, u.status, u.why, u.tries
            ));
        }
    }
    Ok(format!("{lines}{} targets", targets.len()))
}

/// Feeds targets, each for itself: one that fails holds up no other.
async fn feed(door: &Door, targets: &[&Target], wish: Wish) -> Result<String> {
    let (mut lines, mut failed) = (String::new(), 0);
    for target in targets {
        let feed = Feed {
            target: (*target).clone(),
            wish,
        };
        let name = &target.name;
        match door.post::<publish::Report>("publish", &feed).await {
            Ok(r) => {
                let would = if wish == Wish::DryRun { "to be " } else { "" };
                for example in &r.examples {
                    lines.push_str(&format!("    {example}\n"));
                }
                lines.push_str(&format!(
                    "{name}: {} {would}sent, {} {would}deleted, {} as they should be, {} not taken\n",
                    r.sent, r.deleted, r.same, r.refused
                ));
                failed += usize::from(r.refused > 0);
            }
            Err(e) => {
                lines.push_str(&format!("{name}: {e}\n"));
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(format!("{lines}{} targets", targets.len())),
        _ => {
            say(lines.trim_end())?;
            let why = format!("{failed} of {} targets did not take all", targets.len());
            Err(Error::bad_input(why))
        }
    }
}

/// The way to the catalogue: a client of the operators' socket, and the lock where this process
/// itself answers there.
struct Door {
    client: reqwest::Client,
    /// With which own IRIs begin in the documents that a command reads.
    public_url: String,
    _held: Option<File>,
}

impl Door {
    /// To the service that runs, if one does.
    fn to_service(dir: &Path) -> Result<Self> {
        let client = client::client()?
            .unix_socket(control::socket(dir))
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            client,
            public_url: String::new(),
            _held: None,
        })
    }

    async fn open(config: &Config, dir: &Path) -> Result<Self> {
        let held = lock(dir)?;
        if held.is_some() {
            let catalogue = open(config, dir).await?;
            control::serve(catalogue.clone(), dir)?;
            // Publishing waits for it; other commands end before it is there.
            if !config.publish.targets.is_empty() {
                let prefix = config.ngsi.id_prefix.clone();
                tokio::spawn(async move { catalogue.present(&prefix).await });
            }
        }
        let mut door = Self {
            _held: held,
            ..Self::to_service(dir)?
        };
        door.public_url = match config.server.public_url.as_str() {
            "" => door.get("public-url").await?,
            _ => config.public_url()?,
        };
        Ok(door)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let answer = request.send().await.map_err(|e| {
            let cause = std::error::Error::source(&e).map_or(String::new(), |s| format!(": {s}"));
            Error::bad_input(format!("the service does not answer: {e}{cause}"))
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = problem["detail"].as_str().map_or(text.as_str(), |d| d);
        Err(Error::bad_input(if detail.is_empty() {
            status.to_string()
        } else {
            detail.to_owned()
        }))
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<T> {
        let request = self.client.post(format!("http://socket/{path}")).json(body);
        self.send(request)
            .await?
            .json()
            .await
            .map_err(Error::internal)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.client.get(format!("http://socket/{path}"));
        let answer = self.send(request).await?;
        answer.json().await.map_err(Error::internal)
    }

    async fn remove(&self, path: &str) -> Result<String> {
        let request = self.client.delete(format!("http://socket/{path}"));
        let answer = self.send(request).await?;
        answer.json().await.map_err(Error::internal)
    }

    /// Writes what an address answers as it comes.
    async fn pour(&self, path: &str, mut out: impl Write) -> Result<()> {
        let mut answer = self
            .send(self.client.get(format!("http://socket/{path}")))
            .await?;
        while let Some(chunk) = answer.chunk().await.map_err(Error::internal)? {
            match out.write_all(&chunk) {
                // Whoever reads has seen enough.
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(|e| Error::bad_input(format!("cannot write: {e}")))?,
            }
        }
        match out.flush() {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::bad_input(format!("cannot write: {e}")))
            }
            _ => Ok(()),
        }
    }
}

async fn through(door: &Door, config: &Config, command: Command) -> Result<ExitCode> {
    let said = match command {
        Command::Import(import) => return bring_in(door, config, import).await,
        Command::Export { format } => {
            let kind = match format {
                Out::Ttl => "ttl",
                Out::Nt => "nt",
                Out::Rdf => "rdf",
                Out::Jsonld => "jsonld",
                Out::Trig => "trig",
                Out::Sheet => "csv",
            };
            door.pour(&format!("export/{kind}"), std::io::stdout().lock())
                .await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Queue => {
            let waiting: Vec<Waiting> = door.get("queue").await?;
            let mut lines = String::new();
            for w in &waiting {
                let number = w.number.map_or("-".into(), |n| n.to_string());
                let line = format!("{number:>6}  {:<10} {:<32} {}\n", w.what, w.slug, w.reason);
                lines.push_str(&line);
            }
            format!("{lines}{} waiting", waiting.len())
        }
        Command::Decide {
            slug,
            step,
            into,
            reason,
        } => {
            let decision = Decision {
                slug,
                step,
                into,
                reason,
            };
            door.post("decide", &decision).await?
        }
        Command::Settle { number, word } => {
            let verdict = Verdict {
                suggestion: number,
                accept: matches!(word, Word::Accept),
            };
            door.post("settle", &verdict).await?
        }
        Command::Edit { file, reason } => {
            let document = harvest::fetch(&file, &config.import).await?;
            let parsed = document.parse(Some(Format::Rdf), &door.public_url)?;
            let [draft] = <[_; 1]>::try_from(parsed.drafts).map_err(|d| {
                Error::bad_input(format!(
                    "{file} describes {} records; one is wanted",
                    d.len()
                ))
            })?;
            door.post("edit", &Edit { draft, reason }).await?
        }
        Command::Restrict { slug, audience } => {
            door.post("restrict", &Audience { slug, audience }).await?
        }
        Command::Token(TokenCommand::Add { role, name, days }) => {
            let name = name.unwrap_or_else(|| role.to_string());
            door.post("tokens", &NewToken { name, role, days }).await?
        }
        Command::Token(TokenCommand::List) => {
            let tokens: Vec<Token> = door.get("tokens").await?;
            let day = |at: i64| crate::mapping::dcat::date_time(at)[..10].to_owned();
            let mut lines = String::new();
            for t in &tokens {
                let state = match (t.revoked, t.expires) {
                    (Some(at), _) => format!("revoked {}", day(at)),
                    (None, Some(at)) if at <= crate::catalogue::now() => {
                        format!("ended {}", day(at))
                    }
                    (None, Some(at)) => format!("until {}", day(at)),
                    (None, None) => "without end".into(),
                };
                let made = day(t.created);
                let line = format!(
                    "{:>6}  {:<14} {made}  {state:<20} {}\n",
                    t.id, t.role, t.name
                );
                lines.push_str(&line);
            }
            format!("{lines}{} tokens", tokens.len())
        }
        Command::Token(TokenCommand::Revoke { id }) => door.remove(&format!("tokens/{id}")).await?,
        Command::Purge { slug } => door.post(&format!("purge/{slug}"), &()).await?,
        Command::Doctor { target } => {
            let target = config.publish.target(&target)?;
            let findings: Vec<publish::Finding> = door.post("doctor", target).await?;
            let mark = |good| match good {
                Some(true) => "good",
                Some(false) => "WRONG",
                None => "note",
            };
            let line =
                |f: &publish::Finding| format!("{:<6} {:<13} {}\n", mark(f.good), f.what, f.said);
            let lines: String = findings.iter().map(line).collect();
            let wrong = findings.iter().filter(|f| f.good == Some(false)).count();
            if wrong > 0 {
                say(lines.trim_end())?;
                let name = &target.name;
                return Err(Error::bad_input(format!(
                    "{name}: {wrong} things are wrong"
                )));
            }
            format!("{lines}{} can be fed", target.name)
        }
        Command::Publish {
            target,
            once,
            reconcile,
            dry_run,
            retry,
        } => {
            let targets: Vec<&Target> = match &target {
                Some(name) => vec![config.publish.target(name)?],
                None => config.publish.targets.iter().collect(),
            };
            let wish = match (once, reconcile, dry_run, retry) {
                (true, ..) => Some(Wish::Once),
                (_, true, ..) => Some(Wish::Reconcile),
                (_, _, true, _) => Some(Wish::DryRun),
                (.., true) => Some(Wish::Retry),
                _ => None,
            };
            match wish {
                None => standing(door, &targets).await?,
                Some(wish) => feed(door, &targets, wish).await?,
            }
        }
        Command::Register {
            target,
            kind,
            tenant,
            remove,
        } => {
            let named = config.publish.targets.iter().find(|t| t.name == target);
            let target = match named {
                Some(target) => target.clone(),
                None => Target::at(&target, &kind, tenant.unwrap_or_default()),
            };
            let prefix = config.id_prefix()?.to_owned();
            let registration = Registration {
                target,
                remove,
                prefix,
            };
            door.post("register", &registration).await?
        }
        Command::CheckLinks { limit } => {
            let settings = config.links.clone();
            let wish = CheckLinks { settings, limit };
            let report: links::Report = door.post("check-links", &wish).await?;
            let mut lines = String::new();
            for b in &report.broken {
                let found = match b.status {
                    0 => b.why.clone(),
                    status => status.to_string(),
                };
                let since = &crate::mapping::dcat::date_time(b.failing)[..10];
                let line = format!("{since}  {:<32} {}  {found}\n", b.slug, b.address);
                lines.push_str(&line);
            }
            format!(
                "{lines}{} addresses asked, {} answered, {} broken links are listed",
                report.asked,
                report.answered,
                report.broken.len()
            )
        }
        Command::Rebuild => door.post("rebuild", &()).await?,
        Command::Backup { file } => return back_up(door, &file).await,
        Command::Serve { .. }
        | Command::Restore { .. }
        | Command::Validate(_)
        | Command::Health
        | Command::Config => {
            return Err(Error::internal("these do not go through the door"));
        }
    };
    say(&said)?;
    Ok(ExitCode::SUCCESS)
}

async fn back_up(door: &Door, file: &Path) -> Result<ExitCode> {
    if file.exists() {
        return Err(Error::bad_input(format!(
            "{} is there already; a backup replaces nothing",
            file.display()
        )));
    }
    let failed = |e: std::io::Error| Error::bad_input(format!("{}: {e}", file.display()));
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = async {
        let out = ledger::private(&part).map_err(failed)?;
        door.pour("backup", &out).await?;
        out.sync_all().map_err(failed)?;
        // What arrived is checked before it gets its name.
        let copy = Ledger::at(&format!("sqlite://{}", part.display())).await?;
        let digest = copy.verify().await?;
        let extent = copy.extent().await?;
        copy.close().await?;
        std::fs::rename(&part, file).map_err(failed)?;
        Ok::<_, Error>((digest, extent))
    };
    match written.await {
        Ok((digest, extent)) => {
            say(&format!(
                "{}: {} changes, {} published records, digest {digest}",
                file.display(),
                extent.seq,
                extent.total
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(e) => {
            ledger::remove(&part);
            Err(e)
        }
    }
}

async fn bring_in(door: &Door, config: &Config, import: Import) -> Result<ExitCode> {
    let mut documents = Vec::new();
    for source in &import.sources {
        let document = harvest::fetch(source, &config.import).await?;
        documents.push(document.parse(import.format, &door.public_url)?);
    }
    let parsed = Parsed::join(documents);
    let options = Options {
        source: import
            .source_name
            .unwrap_or_else(|| import.sources[0].clone()),
        author: "import".into(),
        reason: String::new(),
        state: match import.as_state {
            As::Published => State::Published,
            As::Suggested => State::Suggested,
        },
        dry_run: import.dry_run,
        prune: import.prune,
        force: import.force,
    };
    let report = send_in(door, &options, parsed).await?;
    if let Some(path) = &import.report {
        let text = serde_json::to_vec_pretty(&report).map_err(Error::internal)?;
        std::fs::write(path, text)
            .map_err(|e| Error::bad_input(format!("{}: {e}", path.display())))?;
    }
    tell(&report, import.dry_run)?;
    // What was asked for beside the import was not done.
    let refused = import.prune && report.withdrawn.len() < report.missing.len();
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn send_in(door: &Door, options: &Options, parsed: Parsed) -> Result<Report> {
    let total = parsed.drafts.len();
    let first = serde_json::to_string(options).map_err(Error::internal)?;
    let sent = parsed
        .drafts
        .into_iter()
        .map(Sent::Draft)
        .chain(parsed.findings.into_iter().map(Sent::Finding))
        .chain([Sent::End])
        .map(|s| serde_json::to_string(&s));
    let lines = futures_util::stream::iter(std::iter::once(Ok(first)).chain(sent))
        .map(|line| line.map(|l| l + "\n"));
    let request = door
        .client
        .post("http://socket/import")
        .body(reqwest::Body::wrap_stream(lines));
    let mut answer = door.send(request).await?;
    let progress = progress(total);
    let mut rest = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|e| Error::bad_input(format!("the service went away: {e}")))?
    {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            match serde_json::from_slice(&line).map_err(Error::internal)? {
                Heard::Kept(n) => progress(n),
                Heard::Report(report) => return Ok(report),
                Heard::Failed(reason) => return Err(Error::bad_input(reason)),
            }
        }
    }
    Err(Error::bad_input("the service went away in the middle"))
}

/// Shows how many entries are kept: a bar on a terminal, plain lines on standard error elsewhere.
fn progress(total: usize) -> impl Fn(usize) {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} entries, {per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(total as u64).with_style(style)
    });
    move |kept| match &bar {
        Some(bar) => bar.set_position(kept as u64),
        None => eprintln!("{kept} of {total} entries"),
    }
}

fn tell(report: &Report, dry_run: bool) -> Result<()> {
    let mut lines = Vec::new();
    if !report.findings.is_empty() {
        lines.push(format!(
            "{:>6}  {:<8} {:<28} reason",
            "line", "outcome", "entry"
        ));
    }
    for f in &report.findings {
        let line = match f.line {
            0 => "-".to_owned(),
            line => line.to_string(),
        };
        lines.push(format!(
            "{line:>6}  {:<8} {:<28} {}",
            f.outcome, f.entry, f.reason
        ));
    }
    for (what, slugs) in [
        ("missing", &report.missing),
        ("withdrew", &report.withdrawn),
    ] {
        lines.extend(
            slugs
                .iter()
                .map(|slug| format!("{:>6}  {what:<8} {slug}", "-")),
        );
    }
    lines.push(format!(
        "{}{} added, {} changed, {} unchanged, {} queued, {} withdrawn, {} missing, {} findings",
        if dry_run { "would be: " } else { "" },
        report.added.len(),
        report.changed.len(),
        report.unchanged,
        report.queued.len(),
        report.withdrawn.len(),
        report.missing.len(),
        report.findings.len()
    ));
    say(&lines.join("\n"))
}
