//! What fits a need: `/api/match` for programs, `/match` for people, and the rules by which entries are compared,
//! which moderators change in `/admin/rules`.
use super::access::{Moderator, Sent};
use super::frame::Frame;
use super::pages::{self, Named, Text, render};
use super::words::{self, Words};
use super::{Shared, accept, reply};
use crate::catalogue::{Catalogue, Standing};
use crate::error::{Error, Kind, Result};
use crate::mapping::need::Described;
use crate::mapping::{dcat, need as described, rdf};
use crate::record::matching::{self, Gives, Rule, Rules, Texts, Verdict, filled, said};
use crate::record::need::{Ask, Aspect, GRANTS, Need, Strength, label};
use crate::record::statement::text;
use crate::record::vocab::BASE;
use crate::record::{Record, slug};
use crate::store::matching::Reason;
use crate::store::search::{FACETS, Search, Sort, Wish as Query};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query as Address, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oxigraph::io::RdfFormat;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Entries of an answer, and the most that can be asked for; of each verdict on a page that shows all three.
const SHOWN: usize = 24;
const MOST: usize = 100;
const EACH: usize = 8;

/// Pages that can be asked for.
const PAGES: usize = 100_000;

/// The longest need, in bytes.
const BODY: usize = 256 << 10;

/// Changes of the rules that the desk shows.
const CHANGES: i64 = 20;

/// Entries that a list of choices holds.
const CHOICES: usize = 200;

type Pairs = Vec<(String, String)>;

pub fn router() -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/match", get(page))
        .route("/match/rules", get(rules_page))
        .route("/api/match", get(by_address).post(by_body))
        .route("/api/match/rules", get(rules))
        .route("/admin/rules", get(desk).post(change))
        // A form may take three bytes for one.
        .layer(DefaultBodyLimit::max(4 * matching::LONGEST.max(BODY)))
}

/// Which part of an answer is asked for.
#[derive(Clone, Copy)]
struct Part {
    verdict: Option<Verdict>,
    page: usize,
    limit: usize,
}

impl Part {
    fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut part = Self {
            verdict: None,
            page: 1,
            limit: SHOWN,
        };
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            let wrong = |wanted: String| {
                let value: String = value.chars().take(80).collect();
                Error::bad_input(format!("{name} is {value:?}; {wanted}"))
            };
            let number = |most: usize| {
                let number = value.parse().ok().filter(|n| (1..=most).contains(n));
                number.ok_or_else(|| wrong(format!("a whole number from 1 to {most} is wanted")))
            };
            match name.as_str() {
                "verdict" => {
                    let names = Verdict::ALL.map(Verdict::name).join(", ");
                    let known = Verdict::named(value);
                    part.verdict =
                        Some(known.ok_or_else(|| wrong(format!("it is one of {names}")))?);
                }
                "page" => part.page = number(PAGES)?,
                "limit" => part.limit = number(MOST)?,
                _ => {}
            }
        }
        Ok(part)
    }
}

fn query(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// A need whose names are looked up.
struct Asked {
    need: Need,
    asks: Vec<Ask>,
    /// IRIs of what is there already.
    have: Vec<String>,
}

/// The shown entry that people mean by a name: its local name, its IRI, or what it is called.
async fn entry(catalogue: &Catalogue, search: &Search, name: &str) -> Result<Option<Record>> {
    let iri = folded(catalogue, name);
    let ledger = &catalogue.ledger;
    if iri.contains("://") || iri.starts_with("urn:") {
        let own = iri
            .strip_prefix(BASE)
            .and_then(|rest| rest.strip_prefix("resource/"));
        let found = match (ledger.by_iri(&iri).await?, own) {
            (None, Some(slug)) => ledger.by_slug(slug).await?,
            (found, _) => found,
        };
        return Ok(found.filter(Record::is_shown));
    }
    if let Some(found) = ledger.by_slug(&slug(name)).await?.filter(Record::is_shown) {
        return Ok(Some(found));
    }
    let near = near(catalogue, search, name).await?;
    let called = |r: &Record| {
        let names = ["skos:altLabel", "dct:title"].into_iter();
        let mut names = names.filter_map(|p| text(&r.content, &r.iri, p));
        names.any(|n| n.to_lowercase() == name.to_lowercase())
    };
    Ok(near.into_iter().find(called))
}

/// An IRI below the public URL as our own.
fn folded(catalogue: &Catalogue, iri: &str) -> String {
    match iri.strip_prefix(&catalogue.public_url) {
        Some(rest) => format!("{BASE}{rest}"),
        None => iri.to_owned(),
    }
}

/// Entries with names like this one.
async fn near(catalogue: &Catalogue, search: &Search, name: &str) -> Result<Vec<Record>> {
    let wish = Query {
        words: name.to_owned(),
        ..Query::default()
    };
    let found = tokio::task::block_in_place(|| search.find(&wish, 0, 5))?;
    catalogue.ledger.by_ids(&found.page).await
}

async fn unknown(catalogue: &Catalogue, search: &Search, field: &str, name: &str) -> Error {
    let near = near(catalogue, search, name).await.unwrap_or_default();
    let name: String = name.chars().take(80).collect();
    let mut why = format!("{field}: no entry is called {name:?}");
    let near: Vec<&str> = near.iter().take(3).map(|r| r.slug.as_str()).collect();
    if near.is_empty() {
        why.push_str("; the local name, the short name or the IRI of one is wanted");
    } else {
        why.push_str(&format!("; there are {}", near.join(", ")));
    }
    Error::bad_input(why)
}

/// Looks up what a need names.
async fn look_up(catalogue: &Catalogue, search: &Search, mut need: Need) -> Result<Asked> {
    let mut have = Vec::new();
    for name in &need.have {
        let iri = match entry(catalogue, search, name).await? {
            Some(found) => found.iri,
            None if name.contains("://") => folded(catalogue, name),
            None => return Err(unknown(catalogue, search, "have", name).await),
        };
        have.push(iri);
    }
    if !need.twin.is_empty() {
        let name = need.twin.clone();
        let mut twin = entry(catalogue, search, &name).await?;
        if twin.is_none() {
            // People say Differdange, and mean its twin.
            twin = entry(catalogue, search, &format!("twin-{name}")).await?;
        }
        let Some(twin) = twin else {
            let why = unknown(catalogue, search, "twin", &name).await.message;
            return Err(Error::new(Kind::NotFound, why));
        };
        let derived = Need::of_twin(&twin, |iri| search.kind(iri));
        need.twin.clone_from(&twin.slug);
        have.extend(derived.have.iter().cloned());
        need.join(derived);
    }
    let mut asks = need.asks()?;
    for ask in asks.iter_mut().filter(|a| a.aspect.is_entry()) {
        for value in &mut ask.any_of {
            *value = match entry(catalogue, search, value).await? {
                Some(found) => found.iri,
                // What the library does not have may still be named by entries.
                None if value.contains("://") || value.starts_with("urn:") => {
                    folded(catalogue, value)
                }
                None => return Err(unknown(catalogue, search, ask.aspect.name(), value).await),
            };
        }
    }
    Ok(Asked { need, asks, have })
}

/// What an entry comes to.
struct Judged {
    verdict: Verdict,
    record: Record,
    reasons: Vec<Told>,
    missing: Vec<Piece>,
}

/// A reason in words.
struct Told {
    /// None where it is about the entry as a whole.
    aspect: Option<Aspect>,
    asked: Option<Named>,
    strength: Option<Strength>,
    gives: Gives,
    rule: String,
    because: String,
    via: Vec<Named>,
}

/// Something that has to be had or done.
struct Piece {
    text: String,
    entries: Vec<Named>,
}

/// All that was found, and the entries of one part of it.
struct Found {
    asked: Asked,
    totals: [usize; 3],
    entries: Vec<Judged>,
    /// What is asked for, in words, with where it leads.
    wishes: Vec<(Aspect, Named, Strength)>,
    had: Vec<Named>,
}

/// Compares the library with a need. Of each part of the answer come its entries.
async fn compare(
    catalogue: &Catalogue,
    frame: &Frame,
    need: Need,
    parts: &[(Option<Verdict>, usize, usize)],
) -> Result<Found> {
    let standing = catalogue.rules().await?;
    let search = catalogue.search.read().await;
    let Some(search) = search.as_ref() else {
        let why = "the search index is being made; ask again in a moment";
        return Err(Error::new(Kind::Busy, why));
    };
    let asked = look_up(catalogue, search, need).await?;
    let (totals, page) = tokio::task::block_in_place(|| -> Result<_> {
        let fit = search.fit(&standing.rules, &asked.asks, &asked.have)?;
        let of = parts
            .iter()
            .flat_map(|(verdict, offset, limit)| fit.page(*verdict, *offset, *limit));
        let page: Vec<_> = of.map(|(v, id)| (*v, *id, fit.reasons(*id))).collect();
        let had: BTreeSet<u32> = page
            .iter()
            .flat_map(|(_, _, reasons)| reasons.iter().flat_map(|r| &r.via))
            .filter(|id| fit.has(**id))
            .copied()
            .collect();
        Ok((Verdict::ALL.map(|v| fit.count(v)), (page, had)))
    })?;
    let (page, had) = page;
    let mut ids: BTreeSet<i64> = page.iter().map(|(_, id, _)| i64::from(*id)).collect();
    ids.extend(
        page.iter()
            .flat_map(|(_, _, r)| r.iter().flat_map(|r| &r.via))
            .map(|id| i64::from(*id)),
    );
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut records: HashMap<i64, Record> = HashMap::new();
    for some in ids.chunks(500) {
        let found = catalogue.ledger.by_ids(some).await?;
        records.extend(found.into_iter().map(|r| (r.id, r)));
    }
    let named_iris: Vec<&str> = asked
        .asks
        .iter()
        .filter(|a| a.aspect.is_entry())
        .flat_map(|a| a.any_of.iter().map(String::as_str))
        .chain(asked.have.iter().map(String::as_str))
        .collect();
    let mut named = catalogue.ledger.numbered(&named_iris).await?;
    named.retain(Record::is_shown);
    let telling = InWords {
        frame,
        catalogue,
        rules: &standing.rules,
        asks: &asked.asks,
        named: &named,
        records: &records,
        had: &had,
    };
    let entries = page
        .into_iter()
        .filter_map(|(verdict, id, reasons)| telling.judged(verdict, i64::from(id), &reasons))
        .collect();
    let wishes = asked
        .asks
        .iter()
        .map(|a| (a.aspect, telling.asked(a, None), a.strength))
        .collect();
    let had = asked
        .have
        .iter()
        .filter_map(|iri| telling.entry_of(iri))
        .collect();
    Ok(Found {
        totals,
        entries,
        wishes,
        had,
        asked,
    })
}

/// Puts what was found in words of a language.
struct InWords<'w> {
    frame: &'w Frame,
    catalogue: &'w Catalogue,
    rules: &'w Rules,
    asks: &'w [Ask],
    /// Records that the need names, and all that stand in reasons.
    named: &'w [Record],
    records: &'w HashMap<i64, Record>,
    had: &'w BTreeSet<u32>,
}

impl InWords<'_> {
    fn name(&self, record: &Record) -> Named {
        let name = |p| text(&record.content, &record.iri, p);
        Named {
            label: name("skos:altLabel")
                .or(name("dct:title"))
                .unwrap_or_default()
                .into_owned(),
            href: format!("{}resource/{}", self.frame.root, record.slug),
        }
    }

    fn entry_of(&self, iri: &str) -> Option<Named> {
        self.named
            .iter()
            .find(|r| r.iri == iri)
            .map(|r| self.name(r))
    }

    /// What a value is called, and where it leads.
    fn value(&self, ask: &Ask, value: &str) -> Named {
        if let Some(named) = self.entry_of(value) {
            return named;
        }
        let plain = |label: String| Named {
            label,
            href: String::new(),
        };
        if ask.aspect == Aspect::Licence && GRANTS.contains(&value) {
            return plain(self.frame.say(&format!("grant-{value}")));
        }
        if let Some(label) = self.frame.concept(value) {
            return plain(label);
        }
        match ask.aspect.is_entry() {
            true => {
                let address = self.catalogue.address(value);
                Named {
                    label: pages::short(&address),
                    href: if pages::is_web(&address) {
                        address
                    } else {
                        String::new()
                    },
                }
            }
            false => plain(label(value)),
        }
    }

    /// What is asked for: the value that was found, else all of which one is enough.
    fn asked(&self, ask: &Ask, value: Option<usize>) -> Named {
        match (value.and_then(|n| ask.any_of.get(n)), &ask.any_of[..]) {
            (Some(one), _) | (None, [one]) => self.value(ask, one),
            (None, all) => {
                let all: Vec<String> = all.iter().map(|v| self.value(ask, v).label).collect();
                Named {
                    label: all.join(" / "),
                    href: String::new(),
                }
            }
        }
    }

    fn told(&self, rule: &Rule, reason: &Reason) -> (Told, Option<Piece>) {
        let ask = reason.ask.map(|n| &self.asks[n]);
        let asked = ask.map(|a| self.asked(a, reason.value));
        let via: Vec<(u32, Named)> = reason
            .via
            .iter()
            .filter_map(|id| Some((*id, self.name(self.records.get(&i64::from(*id))?))))
            .collect();
        let between: Vec<&str> = via.iter().map(|(_, n)| n.label.as_str()).collect();
        let between = between.join(", ");
        let called = asked.as_ref().map_or("", |a| &a.label);
        let fill = |texts: &Texts| filled(said(texts, self.frame.words.tag), called, &between);
        let copy = |n: &Named| Named {
            label: n.label.clone(),
            href: n.href.clone(),
        };
        // What joins two things and is there already is missing no more.
        let there = matches!(rule.when, matching::When::Bridge(_))
            && via.iter().any(|(id, _)| self.had.contains(id));
        let counts = ask.is_none_or(|a| a.strength > Strength::Preferred);
        let piece = rule
            .missing
            .as_ref()
            .filter(|_| counts && !there)
            .map(|texts| {
                let asked = asked
                    .as_ref()
                    .filter(|a| !a.href.is_empty() && via.is_empty());
                Piece {
                    text: fill(texts),
                    entries: via
                        .iter()
                        .map(|(_, n)| copy(n))
                        .chain(asked.map(copy))
                        .collect(),
                }
            });
        let told = Told {
            aspect: ask.map(|a| a.aspect),
            strength: ask.map(|a| a.strength),
            gives: rule.gives,
            rule: rule.id.clone(),
            because: fill(&rule.because),
            via: via.iter().map(|(_, n)| copy(n)).collect(),
            asked,
        };
        (told, piece)
    }

    fn judged(&self, verdict: Verdict, id: i64, reasons: &[Reason]) -> Option<Judged> {
        let record = self.records.get(&id)?.clone();
        let told = reasons.iter().map(|r| self.told(&self.rules.0[r.rule], r));
        let (reasons, missing): (Vec<_>, Vec<_>) = told.unzip();
        let mut missing: Vec<Piece> = missing.into_iter().flatten().collect();
        let mut seen = BTreeSet::new();
        missing.retain(|m| seen.insert(m.text.clone()));
        Some(Judged {
            verdict,
            record,
            reasons,
            missing,
        })
    }
}

/// What fits a need.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Matches {
    /// The need as it was understood; sent again it gives the same.
    need: Need,
    totals: Totals,
    /// The same by its address, where an address can say it.
    #[serde(rename = "self")]
    here: String,
    /// The next page, where there is one and the need came by an address.
    next: Option<String>,
    /// What was said and asks for nothing here.
    not_used: Vec<String>,
    /// What is there already and was left out.
    left_out: Vec<Reference>,
    /// The best first.
    entries: Vec<Match>,
}

/// How many entries get each verdict.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Totals {
    compatible: usize,
    /// Compatible with limited adaptation.
    adaptable: usize,
    not_compatible: usize,
}

/// An entry, or something that is named like one.
#[derive(Serialize, ToSchema)]
struct Reference {
    label: String,
    /// Empty where nothing answers there.
    href: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Match {
    iri: String,
    page: String,
    title: String,
    /// `compatible`, `adaptable` (compatible with limited adaptation) or `not-compatible`.
    #[schema(value_type = String)]
    verdict: Verdict,
    /// One for each thing that was asked for, and those about the entry as a whole.
    reasons: Vec<MatchReason>,
    /// What has to be had or done before the entry fits.
    missing: Vec<MissingPiece>,
}

/// Why an entry gets its verdict.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MatchReason {
    /// Which list of the need it is about; none for the entry as a whole.
    aspect: Option<&'static str>,
    asked: Option<Reference>,
    #[schema(value_type = Option<String>)]
    strength: Option<Strength>,
    /// `fits`, `adapts`, `lacks`, `conflicts` or `passes`.
    #[schema(value_type = String)]
    outcome: Gives,
    /// The id of the rule that spoke.
    rule: String,
    because: String,
    /// The entries that lie between.
    via: Vec<Reference>,
}

#[derive(Serialize, ToSchema)]
struct MissingPiece {
    what: String,
    entries: Vec<Reference>,
}

fn reference(catalogue: &Catalogue, frame: &Frame, named: &Named) -> Reference {
    let href = named.href.strip_prefix(&frame.root);
    Reference {
        label: named.label.clone(),
        href: match href.filter(|_| !pages::is_web(&named.href)) {
            Some(own) => format!("{}{own}", catalogue.public_url),
            None => named.href.clone(),
        },
    }
}

fn written(
    catalogue: &Catalogue,
    frame: &Frame,
    found: Found,
    not_used: Vec<String>,
    part: Part,
    by_address: bool,
) -> Matches {
    let [compatible, adaptable, not_compatible] = found.totals;
    let of = |n: &Named| reference(catalogue, frame, n);
    let all = match part.verdict {
        None => compatible + adaptable + not_compatible,
        Some(Verdict::Compatible) => compatible,
        Some(Verdict::Adaptable) => adaptable,
        Some(Verdict::NotCompatible) => not_compatible,
    };
    let need = placed(catalogue, found.asked.need);
    let address = |page: usize| {
        let pairs = with_part(need.pairs(), part.verdict, page, part.limit);
        format!("{}api/match?{}", catalogue.public_url, query(&pairs))
    };
    let more = by_address && part.page * part.limit < all;
    Matches {
        here: address(part.page),
        next: more.then(|| address(part.page + 1)),
        totals: Totals {
            compatible,
            adaptable,
            not_compatible,
        },
        not_used,
        left_out: found.had.iter().map(of).collect(),
        entries: found
            .entries
            .into_iter()
            .map(|j| Match {
                iri: catalogue.address(&j.record.iri),
                page: format!("{}resource/{}", catalogue.public_url, j.record.slug),
                title: text(&j.record.content, &j.record.iri, "dct:title")
                    .unwrap_or_default()
                    .into_owned(),
                verdict: j.verdict,
                reasons: j
                    .reasons
                    .into_iter()
                    .map(|r| MatchReason {
                        aspect: r.aspect.map(Aspect::name),
                        asked: r.asked.as_ref().map(of),
                        strength: r.strength,
                        outcome: r.gives,
                        rule: r.rule,
                        because: r.because,
                        via: r.via.iter().map(of).collect(),
                    })
                    .collect(),
                missing: j
                    .missing
                    .into_iter()
                    .map(|m| MissingPiece {
                        what: m.text,
                        entries: m.entries.iter().map(of).collect(),
                    })
                    .collect(),
            })
            .collect(),
        need,
    }
}

fn with_part(mut pairs: Pairs, verdict: Option<Verdict>, page: usize, limit: usize) -> Pairs {
    if let Some(verdict) = verdict {
        pairs.push(("verdict".into(), verdict.name().into()));
    }
    if page > 1 {
        pairs.push(("page".into(), page.to_string()));
    }
    if limit != SHOWN {
        pairs.push(("limit".into(), limit.to_string()));
    }
    pairs
}

/// A need with our own IRIs where readers find them.
fn placed(catalogue: &Catalogue, mut need: Need) -> Need {
    for aspect in Aspect::ALL {
        for value in need
            .wishes_mut(aspect)
            .iter_mut()
            .flat_map(|w| &mut w.any_of)
        {
            *value = catalogue.address(value);
        }
    }
    for value in &mut need.have {
        *value = catalogue.address(value);
    }
    need
}

/// The language of reasons in JSON: the one that the address names, else English.
fn language(pairs: &[(String, String)]) -> &'static Words {
    let named = pairs.iter().find(|(name, _)| name == "lang");
    named
        .and_then(|(_, tag)| words::tagged(tag))
        .unwrap_or_else(|| words::preferred(""))
}

/// What fits a need that an address says
///
/// Each list of a need is a parameter with values apart by commas, such as `interfaces=ngsi-ld&mims=1,7`, and its name
/// with `-strength` says how much it matters. `twin` asks what could be added to a twin: what it uses is left out.
#[utoipa::path(
    get, path = "/api/match",
    params(
        ("twin" = Option<String>, Query, description = "The local name, short name or IRI of a twin; `differdange` is enough."),
        ("dataModels" = Option<String>, Query, description = "Data models, by local name, short name or IRI."),
        ("protocols" = Option<String>, Query, description = "Protocols, in the same way."),
        ("interfaces" = Option<String>, Query, description = "Interfaces and formats, in the same way."),
        ("mims" = Option<String>, Query, description = "MIMs, such as `1,7`."),
        ("domains" = Option<String>, Query, description = "Fields of city life, such as `energy`."),
        ("layers" = Option<String>, Query, description = "Layers, of which one is enough."),
        ("kinds" = Option<String>, Query, description = "Categories, such as `tool`, of which one is enough."),
        ("licence" = Option<String>, Query, description = "`open`, `commercial-use`, `changes`, `sharing`, `no-share-alike`, an SPDX identifier or an IRI."),
        ("access" = Option<String>, Query, description = "`PUBLIC`, `RESTRICTED` or `NON_PUBLIC`."),
        ("provenance" = Option<String>, Query, description = "Programmes or sources, of which one is enough."),
        ("operators" = Option<String>, Query, description = "Who maintains or operates it, or a kind such as `LocalAuthority`."),
        ("countries" = Option<String>, Query, description = "Codes of three letters."),
        ("have" = Option<String>, Query, description = "Entries that are there already."),
        ("verdict" = Option<String>, Query, description = "`compatible`, `adaptable` or `not-compatible` alone."),
        ("page" = Option<usize>, Query, description = "From 1."),
        ("limit" = Option<usize>, Query, description = "Entries on a page, 1 to 100."),
        ("lang" = Option<String>, Query, description = "The language of the reasons: `en`, `fr`, `de`, `it` or `es`.")
    ),
    responses(
        (status = 200, description = "Entries with their verdicts, the best first.", body = Matches),
        (status = 400, description = "The need cannot be used; the problem document says what is wrong and what would be right."),
        (status = 404, description = "No entry is called like the twin."),
        (status = 413, description = "What is asked for is tied to too much of the library."),
        (status = 503, description = "The index is being made.")
    )
)]
pub async fn by_address(
    State(catalogue): Shared,
    Address(pairs): Address<Pairs>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let part = Part::read(&pairs)?;
    let need = Need::of_pairs(&pairs)?;
    let matches = matches(&catalogue, &frame, &pairs, need, Vec::new(), part, true).await?;
    let body = serde_json::to_vec(&matches).map_err(Error::internal)?;
    Ok(reply::body(&headers, "application/json", body, 0))
}

async fn matches(
    catalogue: &Catalogue,
    frame: &Frame,
    pairs: &[(String, String)],
    need: Need,
    not_used: Vec<String>,
    part: Part,
    by_address: bool,
) -> Result<Matches> {
    let mut frame = frame.clone();
    frame.words = language(pairs);
    let offset = (part.page - 1) * part.limit;
    let parts = [(part.verdict, offset, part.limit)];
    let found = compare(catalogue, &frame, need, &parts).await?;
    Ok(written(
        catalogue, &frame, found, not_used, part, by_address,
    ))
}

/// What fits a need that a body says
///
/// As JSON, as a description in RDF (what the wanted thing follows, its licence, who runs it), or as a policy of ODRL
/// whose permissions are to be allowed. `verdict`, `page`, `limit` and `lang` stand in the address.
#[utoipa::path(
    post, path = "/api/match",
    params(
        ("verdict" = Option<String>, Query, description = "`compatible`, `adaptable` or `not-compatible` alone."),
        ("page" = Option<usize>, Query, description = "From 1."),
        ("limit" = Option<usize>, Query, description = "Entries on a page, 1 to 100."),
        ("lang" = Option<String>, Query, description = "The language of the reasons: `en`, `fr`, `de`, `it` or `es`.")
    ),
    request_body(content((Need = "application/json"), (String = "text/turtle"), (String = "application/ld+json"), (String = "application/rdf+xml"), (String = "application/n-triples"))),
    responses(
        (status = 200, description = "Entries with their verdicts, the best first.", body = Matches),
        (status = 400, description = "The need cannot be used; the problem document says what is wrong and what would be right."),
        (status = 404, description = "No entry is called like the twin."),
        (status = 413, description = "It is too large, or tied to too much of the library."),
        (status = 415, description = "Neither JSON nor RDF."),
        (status = 503, description = "The index is being made.")
    )
)]
pub async fn by_body(
    State(catalogue): Shared,
    Address(pairs): Address<Pairs>,
    frame: Frame,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let part = Part::read(&pairs)?;
    if body.len() > BODY {
        let why = format!("the need has {} bytes; {BODY} are the most", body.len());
        return Err(Error::new(Kind::TooLarge, why));
    }
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let media = media
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    let Described { need, unused } = read(&catalogue, &media, &body).await?;
    let matches = matches(&catalogue, &frame, &pairs, need, unused, part, false).await?;
    Ok(Json(matches).into_response())
}

/// The need of a body, by its media type.
async fn read(catalogue: &Catalogue, media: &str, body: &[u8]) -> Result<Described> {
    let wrong = |e: serde_json::Error| Error::bad_input(format!("the JSON cannot be used: {e}"));
    let is_json = media == "application/json" || media == "application/ld+json";
    if is_json {
        rdf::admit(
            body,
            RdfFormat::JsonLd {
                profile: Default::default(),
            },
        )?;
        let value: serde_json::Value = serde_json::from_slice(body).map_err(wrong)?;
        if described::is_policy(&value) {
            return described::of_policy(value, &catalogue.public_url);
        }
        if media == "application/json"
            && value.get("@context").is_none()
            && value.get("@graph").is_none()
        {
            let need = serde_json::from_slice(body).map_err(wrong)?;
            return Ok(Described {
                need,
                unused: Vec::new(),
            });
        }
    }
    let format = match media {
        "application/json" => RdfFormat::from_media_type("application/ld+json"),
        media => RdfFormat::from_media_type(media),
    };
    let format = format.ok_or_else(|| {
        let why = format!("{media:?} is not read here; application/json or an RDF syntax is");
        Error::new(Kind::UnsupportedMediaType, why)
    })?;
    let (graph, findings) = rdf::parse(body, format)?;
    let search = catalogue.search.read().await;
    let kind_of = |iri: &str| search.as_ref()?.kind(iri);
    let mut described = described::read(&graph, &catalogue.public_url, kind_of)?;
    described
        .unused
        .extend(findings.into_iter().map(|f| f.reason));
    Ok(described)
}

/// A rule as programs read it.
#[derive(Serialize, ToSchema)]
struct RuleText {
    id: String,
    /// The lists of a need that it is about; `entry` for the entry as a whole.
    aspects: Vec<&'static str>,
    /// The condition.
    when: String,
    #[schema(value_type = String)]
    gives: Gives,
    /// Why, by language; `{asked}` and `{via}` are filled in.
    #[schema(value_type = Object)]
    because: Texts,
    /// What has to be had or done, by language.
    #[schema(value_type = Option<Object>)]
    missing: Option<Texts>,
}

/// The rules that stand.
#[derive(Serialize, ToSchema)]
struct RuleTable {
    /// They are the installation's own and not the bundled ones.
    own: bool,
    /// Number of the change that brought them.
    change: i64,
    /// In the order in which they are tried.
    rules: Vec<RuleText>,
}

fn aspects(rule: &Rule) -> Vec<&'static str> {
    match rule.aspects.is_empty() {
        true => vec!["entry"],
        false => rule.aspects.iter().map(|a| a.name()).collect(),
    }
}

/// The rules by which entries are compared with a need
///
/// As JSON, or as the table that moderators edit (`application/toml`).
#[utoipa::path(
    get, path = "/api/match/rules",
    responses((status = 200, description = "The rules in the order in which they are tried.", content((RuleTable = "application/json"), (String = "application/toml"))))
)]
pub async fn rules(State(catalogue): Shared, headers: HeaderMap) -> Result<Response> {
    const FORMS: [(&str, bool); 2] = [("application/json", false), ("application/toml", true)];
    let form = reply::negotiate(accept(&headers), &FORMS).ok_or_else(|| {
        let names = FORMS.map(|f| f.0).join(" or ");
        Error::new(Kind::NotAcceptable, format!("{names} can be had"))
    })?;
    let standing = catalogue.rules().await?;
    if form.1 {
        let text = standing.text.clone().into_bytes();
        return Ok(reply::body(&headers, form.0, text, 0));
    }
    let table = RuleTable {
        own: standing.own,
        change: standing.change,
        rules: standing
            .rules
            .0
            .iter()
            .map(|rule| RuleText {
                id: rule.id.clone(),
                aspects: aspects(rule),
                when: rule.written.clone(),
                gives: rule.gives,
                because: rule.because.clone(),
                missing: rule.missing.clone(),
            })
            .collect(),
    };
    let body = serde_json::to_vec(&table).map_err(Error::internal)?;
    Ok(reply::body(&headers, form.0, body, 0))
}

/// A rule on a page.
struct Line {
    id: String,
    about: String,
    when: String,
    gives: String,
    because: String,
    missing: String,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage<'a> {
    lines: Vec<Line>,
    own: bool,
    frame: &'a Frame,
}

/// `/match/rules`: the rules for people.
async fn rules_page(
    State(catalogue): Shared,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let standing = catalogue.rules().await?;
    let tag = frame.words.tag;
    let about = |rule: &Rule| match rule.aspects.is_empty() {
        true => frame.say("match-whole"),
        false => {
            let names: Vec<String> = rule
                .aspects
                .iter()
                .map(|a| frame.say(message(*a)))
                .collect();
            names.join(", ")
        }
    };
    let page = RulesPage {
        lines: standing
            .rules
            .0
            .iter()
            .map(|rule| Line {
                id: rule.id.clone(),
                about: about(rule),
                when: rule.written.clone(),
                gives: frame.say(outcome(rule.gives)),
                because: said(&rule.because, tag).to_owned(),
                missing: rule
                    .missing
                    .as_ref()
                    .map_or("", |m| said(m, tag))
                    .to_owned(),
            })
            .collect(),
        own: standing.own,
        frame: &frame,
    };
    Ok(reply::body(&headers, "text/html", render(&page)?, 0))
}

/// What an aspect is called on pages.
fn message(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::DataModels => "aspect-data-models",
        Aspect::Protocols => "aspect-protocols",
        Aspect::Interfaces => "aspect-interfaces",
        Aspect::Mims => "aspect-mims",
        Aspect::Domains => "aspect-domains",
        Aspect::Layers => "aspect-layers",
        Aspect::Kinds => "aspect-kinds",
        Aspect::Licence => "aspect-licence",
        Aspect::Access => "aspect-access",
        Aspect::Provenance => "aspect-provenance",
        Aspect::Operators => "aspect-operators",
        Aspect::Countries => "aspect-countries",
    }
}

fn outcome(gives: Gives) -> &'static str {
    match gives {
        Gives::Fits => "gives-fits",
        Gives::Adapts => "gives-adapts",
        Gives::Lacks => "gives-lacks",
        Gives::Conflicts => "gives-conflicts",
        Gives::Passes => "gives-passes",
    }
}

/// A value, what it is called, and whether it is chosen.
type Choice = (String, String, bool);

/// A field of the form.
struct Field {
    name: &'static str,
    label: String,
    hint: String,
    /// What was written; nothing where there are choices.
    value: String,
    choices: Vec<Choice>,
    /// Names that can be written.
    known: Vec<String>,
    strengths: Vec<(&'static str, String, bool)>,
}

/// Entries of one verdict.
struct Group {
    name: &'static str,
    title: String,
    means: String,
    count: usize,
    items: Vec<Item>,
    /// Where all of them are, if not here.
    all: Option<String>,
}

struct Item {
    href: String,
    title: Text,
    short: String,
    kind: String,
    /// What it comes to, the name of the style, why, and the rule.
    reasons: Vec<(String, &'static str, String, String)>,
    missing: Vec<Piece>,
}

#[derive(Template)]
#[template(path = "match.html")]
struct Page<'a> {
    twins: Vec<Choice>,
    /// The twin that asks.
    twin: Option<Named>,
    main: Vec<Field>,
    more: Vec<Field>,
    more_open: bool,
    have: String,
    wrong: Option<String>,
    wishes: Vec<(String, Named, String)>,
    had: Vec<Named>,
    /// None before something is asked for.
    groups: Option<Vec<Group>>,
    previous: Option<String>,
    next: Option<String>,
    json: String,
    frame: &'a Frame,
}

/// `/match`: the form and what fits, all of it in the address.
async fn page(
    State(catalogue): Shared,
    Address(pairs): Address<Pairs>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let part = Part::read(&pairs)?;
    let need = Need::of_pairs(&pairs)?;
    let asked = need.pairs();
    let frame = frame.at(&address(
        &frame,
        &with_part(asked.clone(), part.verdict, part.page, part.limit),
    ));
    let parts: Vec<_> = match part.verdict {
        Some(_) => vec![(part.verdict, (part.page - 1) * part.limit, part.limit)],
        None => Verdict::ALL.map(|v| (Some(v), 0, EACH)).into(),
    };
    let (found, wrong) = match asked
        .iter()
        .any(|(name, _)| name != "title" && name != "have")
    {
        false => (None, None),
        true => match compare(&catalogue, &frame, need.clone(), &parts).await {
            Ok(found) => (Some(found), None),
            Err(e) if matches!(e.kind, Kind::BadInput | Kind::NotFound | Kind::TooLarge) => {
                (None, Some(e))
            }
            Err(e) => return Err(e),
        },
    };
    let status = wrong.as_ref().map(|e| e.kind.status());
    let page = shown(&catalogue, &frame, &need, part, found, wrong).await?;
    let mut response = reply::body(&headers, "text/html", render(&page)?, 0);
    if let Some(status) = status {
        *response.status_mut() = StatusCode::from_u16(status).map_err(Error::internal)?;
    }
    Ok(response)
}

/// Where it is told what an example twin could add; nothing for other entries.
pub fn of_twin(frame: &Frame, record: &Record) -> Option<String> {
    let is_twin = crate::record::need::kind(record) == Some("twin");
    is_twin.then(|| format!("{}match?twin={}", frame.root, record.slug))
}

fn address(frame: &Frame, pairs: &[(String, String)]) -> String {
    match pairs.is_empty() {
        true => format!("{}match", frame.root),
        false => format!("{}match?{}", frame.root, query(pairs)),
    }
}

async fn shown<'a>(
    catalogue: &Catalogue,
    frame: &'a Frame,
    need: &Need,
    part: Part,
    found: Option<Found>,
    wrong: Option<Error>,
) -> Result<Page<'a>> {
    let pairs = need.pairs();
    let twin_slug = found.as_ref().map_or(&need.twin, |f| &f.asked.need.twin);
    let twins: Vec<Choice> = of_kind(catalogue, "twin")
        .await?
        .iter()
        .map(|r| {
            let title = Text::of(frame, &r.content, &r.iri, "dct:title").text;
            (r.slug.clone(), title, r.slug == *twin_slug)
        })
        .collect();
    let twin = twins.iter().find(|t| t.2).map(|(slug, title, _)| Named {
        label: title.clone(),
        href: format!("{}resource/{slug}", frame.root),
    });
    let (mut main, mut more) = (Vec::new(), Vec::new());
    for aspect in Aspect::ALL {
        let field = field(catalogue, frame, need, aspect).await?;
        match aspect.is_substance() {
            true => main.push(field),
            false => more.push(field),
        }
    }
    let [mut previous, mut next] = [None, None];
    let mut groups = None;
    let (mut wishes, mut had) = (Vec::new(), Vec::new());
    if let Some(found) = found {
        let link = |page: usize| {
            let pairs = with_part(pairs.clone(), part.verdict, page, part.limit);
            address(frame, &pairs)
        };
        let total =
            |v: Verdict| found.totals[Verdict::ALL.iter().position(|a| *a == v).unwrap_or(0)];
        if let Some(verdict) = part.verdict {
            previous = (part.page > 1).then(|| link(part.page - 1));
            next = (part.page * part.limit < total(verdict)).then(|| link(part.page + 1));
        }
        let mut entries = found.entries;
        let group = |verdict: Verdict| {
            let of = |j: &mut Judged| j.verdict == verdict;
            let items: Vec<Item> = entries.extract_if(.., of).map(|j| item(frame, j)).collect();
            let key = format!("match-{}", verdict.name());
            let everything = part.verdict.is_none() && total(verdict) > items.len();
            Group {
                name: verdict.name(),
                title: frame.say(&key),
                means: frame.say(&format!("{key}-means")),
                count: total(verdict),
                all: everything
                    .then(|| address(frame, &with_part(pairs.clone(), Some(verdict), 1, SHOWN))),
                items,
            }
        };
        let wanted = |v: &Verdict| part.verdict.is_none_or(|p| p == *v);
        groups = Some(Verdict::ALL.into_iter().filter(wanted).map(group).collect());
        wishes = found
            .wishes
            .into_iter()
            .map(|(aspect, named, strength)| {
                let strength = frame.say(&format!("strength-{}", strength.name()));
                (frame.say(message(aspect)), named, strength)
            })
            .collect();
        had = found.had;
    }
    Ok(Page {
        twin,
        twins,
        more_open: more
            .iter()
            .any(|f| !f.value.is_empty() || f.choices.iter().any(|c| c.2)),
        main,
        more,
        have: need.have.join(", "),
        wrong: wrong.map(|e| e.message),
        wishes,
        had,
        groups,
        previous,
        next,
        json: format!("{}api/match?{}", frame.root, query(&pairs)),
        frame,
    })
}

fn item(frame: &Frame, judged: Judged) -> Item {
    let record = &judged.record;
    let title = Text::of(frame, &record.content, &record.iri, "dct:title");
    let short = Text::of(frame, &record.content, &record.iri, "skos:altLabel").text;
    let kind = crate::record::need::kind(record).unwrap_or_default();
    Item {
        href: format!("{}resource/{}", frame.root, record.slug),
        short: if short == title.text {
            String::new()
        } else {
            short
        },
        title,
        kind: frame
            .concept(&format!("{}kind-{kind}", crate::record::vocab::LDT))
            .unwrap_or_default(),
        reasons: judged
            .reasons
            .into_iter()
            .map(|r| {
                (
                    frame.say(outcome(r.gives)),
                    r.gives.name(),
                    r.because,
                    r.rule,
                )
            })
            .collect(),
        missing: judged.missing,
    }
}

/// Entries of a kind, by title.
async fn of_kind(catalogue: &Catalogue, kind: &str) -> Result<Vec<Record>> {
    let mut wish = Query {
        sort: Sort::Title,
        ..Query::default()
    };
    if let Some(n) = FACETS.iter().position(|f| f.name == "kind") {
        wish.chosen[n].insert(kind.to_owned());
    }
    let search = catalogue.search.read().await;
    let Some(search) = search.as_ref() else {
        return Ok(Vec::new());
    };
    let found = tokio::task::block_in_place(|| search.find(&wish, 0, CHOICES))?;
    catalogue.ledger.by_ids(&found.page).await
}

/// The field for an aspect, filled with what a need wishes for.
async fn field(catalogue: &Catalogue, frame: &Frame, need: &Need, aspect: Aspect) -> Result<Field> {
    let wished: Vec<&String> = need.wishes(aspect).iter().flat_map(|w| &w.any_of).collect();
    let strongest = need
        .wishes(aspect)
        .iter()
        .map(|w| w.strength)
        .max()
        .unwrap_or_default();
    let mut choices: Vec<Choice> = aspect
        .choices()
        .into_iter()
        .map(|(key, iri)| {
            let label = match iri {
                Some(iri) => frame.concept(&iri).unwrap_or_else(|| key.clone()),
                None => frame.say(&format!("grant-{key}")),
            };
            (key, label, false)
        })
        .collect();
    // What is no choice stays, as it was written.
    let chosen = if choices.is_empty() { &[][..] } else { &wished };
    for value in chosen {
        let is = |key: &str| slug(key) == slug(value) || format!("mim{key}") == slug(value);
        match choices.iter_mut().find(|c| is(&c.0)) {
            Some(choice) => choice.2 = true,
            None => choices.push(((*value).clone(), label(value), true)),
        }
    }
    let kind = Aspect::KINDS
        .iter()
        .find(|(_, a)| *a == aspect)
        .map(|k| k.0);
    let known = match kind {
        Some(kind) => of_kind(catalogue, kind).await?,
        None => Vec::new(),
    };
    let known = known
        .iter()
        .filter_map(|r| text(&r.content, &r.iri, "skos:altLabel"));
    let values: Vec<&str> = wished.iter().map(|v| v.as_str()).collect();
    Ok(Field {
        name: aspect.name(),
        label: frame.say(message(aspect)),
        hint: match aspect {
            Aspect::Operators => frame.say("match-operators-hint"),
            Aspect::Countries => frame.say("match-countries-hint"),
            Aspect::DataModels => frame.with("match-names-hint", "CityGML, SDM Building"),
            Aspect::Protocols => frame.with("match-names-hint", "MQTT, LoRaWAN"),
            Aspect::Interfaces => frame.with("match-names-hint", "NGSI-LD, GeoJSON"),
            _ => String::new(),
        },
        value: if choices.is_empty() {
            values.join(", ")
        } else {
            String::new()
        },
        choices,
        known: known.map(|k| k.into_owned()).collect(),
        strengths: Strength::ALL
            .map(|s| {
                (
                    s.name(),
                    frame.say(&format!("strength-{}", s.name())),
                    s == strongest,
                )
            })
            .into(),
    })
}

#[derive(Template)]
#[template(path = "rules-edit.html")]
struct Edit<'a> {
    text: String,
    own: bool,
    /// The change that the form began with.
    was: i64,
    reason: String,
    /// What is wrong, each with its line.
    wrong: Vec<String>,
    /// It was looked through, and nothing is wrong.
    checked: bool,
    saved: bool,
    /// What someone else made of it meanwhile.
    theirs: Option<String>,
    unfit: Option<String>,
    /// Day, who, why, and whether the bundled ones were taken back.
    past: Vec<(String, String, String, bool)>,
    csrf: String,
    frame: &'a Frame,
}

impl<'a> Edit<'a> {
    async fn of(
        catalogue: &Catalogue,
        frame: &'a Frame,
        csrf: Option<String>,
        standing: &Standing,
    ) -> Result<Self> {
        let past = catalogue.ledger.rules(CHANGES).await?;
        Ok(Self {
            text: standing.text.clone(),
            own: standing.own,
            was: standing.change,
            reason: String::new(),
            wrong: Vec::new(),
            checked: false,
            saved: false,
            theirs: None,
            unfit: standing.unfit.clone(),
            past: past
                .into_iter()
                .map(|k| {
                    let day = dcat::date_time(k.at)[..16].replace('T', " ");
                    (day, k.author, k.reason, k.content.is_empty())
                })
                .collect(),
            csrf: csrf.unwrap_or_default(),
            frame,
        })
    }
}

fn answer(status: StatusCode, page: &Edit<'_>) -> Result<Response> {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((status, headers, render(page)?).into_response())
}

/// `/admin/rules`: the rules as a text to change, and who changed them.
async fn desk(State(catalogue): Shared, by: Moderator, frame: Frame) -> Result<Response> {
    let standing = catalogue.rules().await?;
    let page = Edit::of(&catalogue, &frame, by.0.csrf, &standing).await?;
    answer(StatusCode::OK, &page)
}

/// `POST /admin/rules`: looks a table through, lets it stand, or takes the bundled one back.
async fn change(State(catalogue): Shared, frame: Frame, sent: Sent) -> Result<Response> {
    // Browsers end lines as mail does.
    let text = sent.get("text").replace("\r\n", "\n") + "\n";
    let (action, reason) = (sent.get("action").to_owned(), sent.get("reason").to_owned());
    let was = sent.get("was").parse().unwrap_or(-1);
    let standing = catalogue.rules().await?;
    let mut page = Edit::of(&catalogue, &frame, sent.by.csrf.clone(), &standing).await?;
    let wrong = match action.as_str() {
        "bundled" => Vec::new(),
        "check" | "save" => Rules::read(&text).err().unwrap_or_default(),
        other => {
            let why = format!("action is {other:?}; check, save or bundled is wanted");
            return Err(Error::bad_input(why));
        }
    };
    page.wrong = wrong.iter().map(ToString::to_string).collect();
    if action != "check" && reason.is_empty() {
        page.wrong.push(frame.say("admin-reason-needed"));
    }
    page.text.clone_from(&text);
    page.was = was;
    page.reason.clone_from(&reason);
    if !page.wrong.is_empty() {
        return answer(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    if action == "check" {
        page.checked = true;
        return answer(StatusCode::OK, &page);
    }
    let content = if action == "save" { text.as_str() } else { "" };
    match catalogue
        .set_rules(content, was, &sent.by.name, &reason)
        .await
    {
        Ok(standing) => {
            let page = Edit {
                saved: true,
                ..Edit::of(&catalogue, &frame, sent.by.csrf, &standing).await?
            };
            answer(StatusCode::OK, &page)
        }
        Err(e) if e.kind == Kind::Conflict => {
            let now = catalogue.rules().await?;
            page.was = now.change;
            page.theirs = Some(now.text.clone());
            answer(StatusCode::CONFLICT, &page)
        }
        Err(e) => Err(e),
    }
}
