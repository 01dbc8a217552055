//! OAI-PMH 2.0 (<https://www.openarchives.org/OAI/openarchivesprotocol.html>): records in the order in which
//! they were first published, so that none is listed twice or passed over while others are written; what is
//! gone stays in the list as deleted. Tokens hold the whole state of a list.
use super::{Shared, document};
use crate::catalogue::Catalogue;
use crate::config::Feeds;
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::mapping::oai::{Asked, Prefix, Wrong, datestamp, dublin_core, sets, sets_of};
use crate::mapping::syntax::{Syntax, xml};
use crate::record::{PUBLIC, Record};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Query, RawQuery, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// Records, and headers, in an answer.
const RECORDS: usize = 100;
const HEADERS: usize = 500;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OAI-PMH xmlns=\"http://www.openarchives.org/OAI/2.0/\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd\">\n";

/// Each verb with the arguments that it takes.
const VERBS: [(&str, &[&str]); 6] = [
    ("Identify", &[]),
    ("ListMetadataFormats", &["identifier"]),
    ("ListSets", &["resumptionToken"]),
    ("GetRecord", &["identifier", "metadataPrefix"]),
    ("ListIdentifiers", LIST),
    ("ListRecords", LIST),
];
const LIST: &[&str] = &["from", "until", "metadataPrefix", "set", "resumptionToken"];

/// Whom harvesters can write to; empty for the webmaster of the host (RFC 2142).
#[derive(Clone)]
struct Email(String);

pub fn router(settings: &Feeds) -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/oai", get(by_get).post(by_post))
        .layer(Extension(Email(settings.email.clone())))
}

/// An error of the protocol, which is an answer, or one of ours.
enum Trouble {
    Theirs(Wrong),
    Ours(Error),
}

impl From<Wrong> for Trouble {
    fn from(wrong: Wrong) -> Self {
        Self::Theirs(wrong)
    }
}

impl From<Error> for Trouble {
    fn from(e: Error) -> Self {
        Self::Ours(e)
    }
}

type Way<T> = std::result::Result<T, Trouble>;

fn wrong<T>(code: &'static str, why: impl Into<String>) -> Way<T> {
    Err(Trouble::Theirs(Wrong(code, why.into())))
}

async fn by_get(
    catalogue: Shared,
    email: Extension<Email>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    answer(catalogue, &email, &query.unwrap_or_default()).await
}

/// A form, as `application/x-www-form-urlencoded` (section 3.1.1.2).
async fn by_post(catalogue: Shared, email: Extension<Email>, body: Bytes) -> Result<Response> {
    answer(catalogue, &email, &String::from_utf8_lossy(&body)).await
}

/// The arguments of a request, each as it was said.
struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn read(text: &str) -> Option<Self> {
        let uri = Uri::builder().path_and_query(format!("/?{text}")).build();
        Query::try_from_uri(&uri.ok()?).ok().map(|q| Self(q.0))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    fn wanted(&self, name: &str) -> std::result::Result<&str, Wrong> {
        self.get(name)
            .ok_or_else(|| Wrong("badArgument", format!("{name} is missing")))
    }

    /// The verb, where it and all its arguments are known and said once.
    fn verb(&self) -> std::result::Result<&'static str, Wrong> {
        let mut said = self.0.iter().filter(|(n, _)| n == "verb");
        let names = VERBS.map(|v| v.0).join(", ");
        let (verb, takes) = match (said.next(), said.next()) {
            (Some((_, name)), None) => VERBS.into_iter().find(|v| v.0 == name),
            _ => None,
        }
        .ok_or_else(|| Wrong("badVerb", format!("one verb is wanted: {names}")))?;
        for (n, (name, _)) in self.0.iter().enumerate().filter(|(_, (n, _))| n != "verb") {
            let why = if !takes.contains(&name.as_str()) {
                format!("{verb} takes no {name:?}")
            } else if self.0[..n].iter().any(|(other, _)| other == name) {
                format!("{name} is said twice")
            } else if name == "resumptionToken" && self.0.len() > 2 {
                "resumptionToken goes with the verb alone".into()
            } else {
                continue;
            };
            return Err(Wrong("badArgument", why));
        }
        Ok(verb)
    }
}

async fn answer(State(catalogue): Shared, email: &Email, text: &str) -> Result<Response> {
    // Before anything is read: what is written from here on may be missing in the answer.
    let at = datestamp(catalogue.settled());
    let base = format!("{}oai", catalogue.public_url);
    let arguments = Arguments::read(text);
    let verb = match &arguments {
        Some(arguments) => arguments.verb(),
        None => Err(Wrong(
            "badArgument",
            "the arguments are not encoded as a form has them".into(),
        )),
    };
    let empty = Arguments(Vec::new());
    let arguments = arguments.as_ref().unwrap_or(&empty);
    let content = match verb {
        Ok("Identify") => Ok(identify(&catalogue, &email.0)),
        Ok(verb) => said(&catalogue, verb, arguments).await,
        Err(wrong) => Err(Trouble::Theirs(wrong)),
    };
    // A request whose verb or arguments are none is not repeated (section 3.2).
    let repeated: String = match &content {
        Err(Trouble::Theirs(Wrong("badVerb" | "badArgument", _))) => String::new(),
        _ => arguments
            .0
            .iter()
            .map(|(name, value)| format!(" {name}=\"{}\"", xml(value)))
            .collect(),
    };
    let content = match content {
        Ok(content) => content,
        Err(Trouble::Theirs(Wrong(code, why))) => {
            format!("<error code=\"{code}\">{}</error>\n", xml(&why))
        }
        Err(Trouble::Ours(e)) => return Err(e),
    };
    let body = format!(
        "{HEAD}<responseDate>{at}</responseDate>\n<request{repeated}>{}</request>\n{content}</OAI-PMH>\n",
        xml(&base)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/xml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, body).into_response())
}

async fn said(catalogue: &Catalogue, verb: &'static str, arguments: &Arguments) -> Way<String> {
    let content = match verb {
        "ListMetadataFormats" => {
            if let Some(identifier) = arguments.get("identifier") {
                find(catalogue, identifier).await?;
            }
            Prefix::ALL
                .map(|p| {
                    let [name, schema, namespace] = p.names();
                    format!(
                        "<metadataFormat><metadataPrefix>{name}</metadataPrefix><schema>{schema}</schema>\
                         <metadataNamespace>{namespace}</metadataNamespace></metadataFormat>\n"
                    )
                })
                .concat()
        }
        "ListSets" => {
            if arguments.get("resumptionToken").is_some() {
                return wrong("badResumptionToken", "all sets are in one answer");
            }
            sets()
                .map(|s| {
                    let name = xml(s.name());
                    format!(
                        "<set><setSpec>{}</setSpec><setName>{name}</setName></set>\n",
                        s.spec
                    )
                })
                .collect()
        }
        "GetRecord" => {
            let prefix = Prefix::read(arguments.wanted("metadataPrefix")?)?;
            let record = find(catalogue, arguments.wanted("identifier")?).await?;
            element(catalogue, &record, prefix).await?
        }
        _ => list(catalogue, verb, arguments).await?,
    };
    Ok(format!("<{verb}>\n{content}</{verb}>\n"))
}

fn identify(catalogue: &Catalogue, email: &str) -> String {
    let host = catalogue.public_url.split("://").nth(1);
    let host = host.and_then(|h| h.split(['/', ':']).next());
    let email = match email {
        "" => format!("webmaster@{}", host.unwrap_or_default()),
        said => said.to_owned(),
    };
    format!(
        "<Identify>\n<repositoryName>{}</repositoryName>\n<baseURL>{}oai</baseURL>\n<protocolVersion>2.0</protocolVersion>\n\
         <adminEmail>{}</adminEmail>\n<earliestDatestamp>{}</earliestDatestamp>\n\
         <deletedRecord>persistent</deletedRecord>\n<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>\n\
         <compression>gzip</compression>\n</Identify>\n",
        xml(&catalogue.about.title),
        xml(&catalogue.public_url),
        xml(&email),
        datestamp(catalogue.extent().issued)
    )
}

/// The record that an identifier names: the address of its page.
async fn find(catalogue: &Catalogue, identifier: &str) -> Way<Record> {
    let pages = format!("{}resource/", catalogue.public_url);
    if let Some(slug) = identifier.strip_prefix(&pages)
        && let Some(record) = catalogue.ledger.by_slug(slug).await?
        && let Some(number) = record.publication
    {
        let told = catalogue
            .ledger
            .told("%", number - 1, (0, i64::MAX), 1)
            .await?;
        if let Some(found) = told.into_iter().find(|r| r.id == record.id) {
            return Ok(found);
        }
    }
    wrong(
        "idDoesNotExist",
        format!("no record is called {identifier:?}"),
    )
}

/// What a request says, without a catalogue to ask.
#[cfg(any(test, fuzzing))]
pub(super) fn edge(text: &str) {
    let Some(arguments) = Arguments::read(text) else {
        return;
    };
    let _ = arguments.verb();
    if let Some(Ok(asked)) = arguments.get("resumptionToken").map(Asked::resume) {
        let _ = (asked.pattern(), asked.window());
    }
}

async fn list(catalogue: &Catalogue, verb: &str, arguments: &Arguments) -> Way<String> {
    let asked = match arguments.get("resumptionToken") {
        Some(token) => Asked::resume(token)?,
        None => {
            let get = |name: &str| arguments.get(name).unwrap_or_default().to_owned();
            Asked {
                prefix: Prefix::read(arguments.wanted("metadataPrefix")?)?,
                from: get("from"),
                until: get("until"),
                set: get("set"),
                after: 0,
                cursor: 0,
            }
        }
    };
    let whole = verb == "ListRecords";
    let most = if whole { RECORDS } else { HEADERS };
    let (pattern, window) = (asked.pattern()?, asked.window()?);
    let limit = i64::try_from(most + 1).map_err(Error::internal)?;
    let ledger = &catalogue.ledger;
    let mut records = ledger.told(&pattern, asked.after, window, limit).await?;
    let more = records.len() > most;
    records.truncate(most);
    if records.is_empty() && asked.after == 0 {
        return wrong(
            "noRecordsMatch",
            "no record was changed then, or is in that set",
        );
    }
    let mut out = String::new();
    for record in &records {
        if whole {
            out.push_str(&element(catalogue, record, asked.prefix).await?);
        } else {
            out.push_str(&heading(catalogue, record));
        }
    }
    let cursor = asked.cursor;
    if more && let Some(after) = records.last().and_then(|r| r.publication) {
        let next = Asked {
            after,
            cursor: cursor + records.len() as i64,
            ..asked
        };
        let token = xml(&next.token());
        out.push_str(&format!(
            "<resumptionToken cursor=\"{cursor}\">{token}</resumptionToken>\n"
        ));
    } else if asked.after > 0 {
        out.push_str(&format!("<resumptionToken cursor=\"{cursor}\"/>\n"));
    }
    Ok(out)
}

fn heading(catalogue: &Catalogue, record: &Record) -> String {
    let deleted = if record.is_shown() {
        ""
    } else {
        " status=\"deleted\""
    };
    let mut out = format!(
        "<header{deleted}><identifier>{}resource/{}</identifier><datestamp>{}</datestamp>",
        xml(&catalogue.public_url),
        xml(&record.slug),
        datestamp(record.modified)
    );
    // What only some may read is in no set for the others.
    if record.audience == PUBLIC {
        for set in sets_of(record) {
            out.push_str(&format!("<setSpec>{set}</setSpec>"));
        }
    }
    out + "</header>\n"
}

/// `record`: the header, and what is said of it unless it is gone.
async fn element(catalogue: &Catalogue, record: &Record, prefix: Prefix) -> Result<String> {
    let heading = heading(catalogue, record);
    if !record.is_shown() {
        return Ok(format!("<record>{heading}</record>\n"));
    }
    let metadata = match prefix {
        Prefix::OaiDc => dublin_core(record, &dcat::published(record), &catalogue.public_url),
        Prefix::DcatAp => {
            let one = std::slice::from_ref(record);
            let document = document::render(catalogue, Syntax::RdfXml, "", one)
                .await?
                .0;
            let text = String::from_utf8(document).map_err(Error::internal)?;
            // An XML declaration begins a document alone.
            match text.split_once("?>\n") {
                Some((_, tree)) => tree.to_owned(),
                None => text,
            }
        }
    };
    Ok(format!(
        "<record>{heading}<metadata>\n{metadata}</metadata></record>\n"
    ))
}
