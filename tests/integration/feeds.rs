//! Feeds, read as those who follow them read: whoever starts from nothing and whoever goes on where they
//! stopped hold the same catalogue.
use crate::import::{bring, csv, row, serve};
use crate::support::{Answer, PUBLIC, Server, directory, run};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::{GraphName, Quad};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const AS: &str = "https://www.w3.org/ns/activitystreams#";
const TREE: &str = "https://w3id.org/tree#";
const DCT: &str = "http://purl.org/dc/terms/";

fn must(dir: &Path, arguments: &[&str]) -> String {
    let (status, text) = run(dir, arguments);
    assert_eq!(status, 0, "{arguments:?}: {text}");
    text
}

/// Brings entries `Entry 1` to `Entry n`, each with a description that names the round.
pub fn entries(dir: &Path, numbers: std::ops::RangeInclusive<usize>, round: usize) {
    let rows: Vec<_> = numbers
        .map(|n| {
            let (name, long) = (format!("Entry {n}"), format!("Entry {n} of round {round}"));
            row(&[
                ("Index", &format!("r{n}")),
                ("Short name", &name),
                ("Long name", &long),
            ])
        })
        .collect();
    let done = bring(dir, &[("sheet.csv", &csv(&rows))], &[]);
    assert!(done.ok, "{}", done.text);
}

/// The path of an address of ours.
fn path(address: &str) -> &str {
    let path = address.strip_prefix(PUBLIC);
    path.unwrap_or_else(|| panic!("{address} is not below {PUBLIC}"))
}

fn quads(media: &str, body: &[u8]) -> Vec<Quad> {
    let format = match media {
        "application/trig" => RdfFormat::TriG,
        "application/n-quads" => RdfFormat::NQuads,
        "application/ld+json" => RdfFormat::from_media_type(media).expect("known"),
        other => panic!("a feed answers {other}"),
    };
    let all = RdfParser::from_format(format).for_slice(body);
    all.map(|q| q.expect("a feed is well-formed")).collect()
}

fn objects(quads: &[Quad], subject: &str, property: &str) -> Vec<String> {
    let found = quads.iter().filter(|q| {
        q.subject.to_string() == format!("<{subject}>") && q.predicate.as_str() == property
    });
    found
        .map(|q| match &q.object {
            oxigraph::model::Term::Literal(l) => l.value().to_owned(),
            other => other.to_string().trim_matches(['<', '>']).to_owned(),
        })
        .collect()
}

fn one(quads: &[Quad], subject: &str, property: &str) -> String {
    let all = objects(quads, subject, property);
    assert_eq!(all.len(), 1, "{subject} {property}: {all:?}");
    all.into_iter().next().expect("one")
}

/// An LDES client: it fetches what it was told never changes once, and applies members by time.
#[derive(Default)]
struct Follower {
    media: &'static str,
    done: BTreeSet<String>,
    seen: BTreeSet<String>,
    /// Statements about each object that is there.
    held: BTreeMap<String, BTreeSet<String>>,
    /// Statements about the catalogue itself.
    catalogue: BTreeSet<String>,
    /// What was done, in order: class, object.
    log: Vec<(String, String)>,
    fetched: usize,
}

impl Follower {
    fn new(media: &'static str) -> Self {
        Self {
            media,
            ..Self::default()
        }
    }

    fn follow(&mut self, server: &Server) {
        let mut waiting = vec![format!("{PUBLIC}/feed")];
        let mut news: BTreeMap<(String, String), (String, String, BTreeSet<String>)> =
            BTreeMap::new();
        while let Some(address) = waiting.pop() {
            if self.done.contains(&address) {
                continue;
            }
            let answer = server.ask("GET", path(&address), &[("Accept", self.media)], b"");
            assert_eq!(answer.status, 200, "{address}");
            assert_eq!(answer.header("content-type"), self.media);
            self.fetched += 1;
            if answer.header("cache-control").contains("immutable") {
                self.done.insert(address.clone());
            }
            let quads = quads(self.media, &answer.body);
            let bounds = |name: &str, relation: &str| {
                let class = one(
                    &quads,
                    relation,
                    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
                );
                (class == format!("{TREE}{name}"))
                    .then(|| one(&quads, relation, &format!("{TREE}value")))
            };
            let relations = objects(&quads, &address, &format!("{TREE}relation"));
            for relation in &relations {
                assert_eq!(
                    one(&quads, relation, &format!("{TREE}path")),
                    format!("{AS}published")
                );
                let from = bounds("GreaterThanOrEqualToRelation", relation);
                let to = bounds("LessThanOrEqualToRelation", relation);
                assert!(from.is_some() || to.is_some(), "{relation}");
                waiting.push(one(&quads, relation, &format!("{TREE}node")));
            }
            for member in objects(&quads, &format!("{PUBLIC}/feed"), &format!("{TREE}member")) {
                if !self.seen.insert(member.clone()) {
                    continue;
                }
                let class = one(
                    &quads,
                    &member,
                    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
                );
                let object = one(&quads, &member, &format!("{AS}object"));
                let at = one(&quads, &member, &format!("{AS}published"));
                let payload: BTreeSet<String> = quads
                    .iter()
                    .filter(|q| matches!(&q.graph_name, GraphName::NamedNode(g) if g.as_str() == member))
                    .map(|q| format!("{} {} {} .", q.subject, q.predicate, q.object))
                    .collect();
                news.insert((at, member), (class, object, payload));
            }
        }
        for (_, (class, object, payload)) in news {
            let class = class.strip_prefix(AS).expect("an activity").to_owned();
            if object == format!("{PUBLIC}/catalog") {
                self.catalogue = payload;
                continue;
            }
            match class.as_str() {
                "Create" | "Update" => {
                    assert!(!payload.is_empty(), "{object} without content");
                    self.held.insert(object.clone(), payload);
                }
                "Delete" => {
                    assert!(payload.is_empty());
                    self.held.remove(&object);
                }
                other => panic!("{other}"),
            }
            self.log.push((class, object));
        }
    }

    /// Every statement held, and what the service says all of it is.
    fn agrees(&self, server: &Server) {
        let dump: BTreeSet<String> = server
            .body("/catalog/dump.nt")
            .lines()
            .map(str::to_owned)
            .collect();
        let mut held = self.catalogue.clone();
        for lines in self.held.values() {
            held.extend(lines.iter().cloned());
        }
        let foreign: Vec<_> = held.difference(&dump).take(3).collect();
        assert!(foreign.is_empty(), "held and not there: {foreign:?}");
        // What vocabularies say is theirs. When the catalogue changed is no description of it.
        let when = ["issued", "modified"].map(|p| format!("<{PUBLIC}/catalog> <{DCT}{p}> "));
        let ours = |l: &&String| {
            l.starts_with(&format!("<{PUBLIC}/")) && !when.iter().any(|w| l.starts_with(w))
        };
        let missing: Vec<_> = dump.difference(&held).filter(ours).take(3).collect();
        assert!(missing.is_empty(), "there and not held: {missing:?}");
        let listed = format!("<{PUBLIC}/catalog> <http://www.w3.org/ns/dcat#dataset> ");
        let count = dump.iter().filter(|l| l.starts_with(&listed)).count();
        assert_eq!(self.held.len(), count);
    }
}

fn page(server: &Server, address: &str) -> Answer {
    server.ask("GET", path(address), &[("Accept", "application/trig")], b"")
}

#[test]
fn who_starts_from_nothing_and_who_resumes_hold_the_same_catalogue() {
    let dir = directory("feed-follow");
    entries(&dir, 1..=120, 0);
    let server = serve(&dir);
    let mut early = Follower::new("application/trig");
    early.follow(&server);
    early.agrees(&server);
    assert_eq!(early.held.len(), 120);
    let (pages, before) = (early.done.len(), early.fetched);
    assert!(pages >= 1, "a page is closed");
    entries(&dir, 1..=150, 1);
    must(&dir, &["decide", "entry-3", "withdraw"]);
    must(&dir, &["restrict", "entry-4", "partners"]);
    must(&dir, &["restrict", "entry-4", "public"]);
    must(&dir, &["restrict", "entry-5", "partners"]);
    must(
        &dir,
        &["decide", "entry-6", "withdraw", "--into", "entry-7"],
    );
    early.follow(&server);
    early.agrees(&server);
    assert!(
        early.fetched < before + 8,
        "closed pages are not asked for again"
    );
    for media in [
        "application/trig",
        "application/ld+json",
        "application/n-quads",
    ] {
        let mut late = Follower::new(media);
        late.follow(&server);
        late.agrees(&server);
        assert_eq!(late.held, early.held, "{media}");
        assert_eq!(late.held.len(), 147);
        let of = |slug: &str| -> Vec<&str> {
            let object = format!("{PUBLIC}/resource/{slug}");
            let all = late.log.iter().filter(|l| l.1 == object);
            all.map(|l| l.0.as_str()).collect()
        };
        assert_eq!(of("entry-1"), ["Create", "Update"]);
        assert_eq!(of("entry-3"), ["Create", "Update", "Delete"]);
        assert_eq!(of("entry-4"), ["Create", "Update", "Delete", "Create"]);
        assert_eq!(of("entry-5"), ["Delete"], "only some may read it now");
        assert_eq!(of("entry-140"), ["Create"]);
    }
}

#[test]
fn what_is_erased_leaves_every_page_and_gives_the_page_another_name() {
    let dir = directory("feed-erase");
    entries(&dir, 1..=130, 0);
    let server = serve(&dir);
    let mut early = Follower::new("application/trig");
    early.follow(&server);
    let closed: Vec<String> = early.done.iter().cloned().collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    let was = page(&server, &closed[0]);
    assert!(was.text().contains("Entry 7 of round 0"));
    assert_eq!(
        was.header("cache-control"),
        "public, max-age=604800, immutable"
    );
    must(&dir, &["purge", "entry-7"]);
    must(&dir, &["decide", "entry-8", "withdraw"]);
    must(&dir, &["purge", "entry-8"]);
    let mut late = Follower::new("application/trig");
    late.follow(&server);
    late.agrees(&server);
    assert!(
        !late.done.contains(&closed[0]),
        "nothing leads to the old page"
    );
    for address in late.done.iter().chain(&closed) {
        let text = page(&server, address).text();
        for gone in ["Entry 7 of", "Entry 8 of"] {
            assert!(!text.contains(gone), "{address}: {gone}");
        }
    }
    let old = page(&server, &closed[0]);
    assert_eq!((old.status, old.header("cache-control")), (200, "no-cache"));
    // Whoever has kept it is told, also where it was withdrawn before.
    early.follow(&server);
    early.agrees(&server);
    assert_eq!(early.held, late.held);
    let gone = |f: &Follower, slug: &str| {
        let object = format!("{PUBLIC}/resource/{slug}");
        let deed = ("Delete".to_owned(), object);
        f.log.iter().filter(|l| **l == deed).count()
    };
    assert_eq!((gone(&late, "entry-7"), gone(&late, "entry-8")), (1, 2));
}

#[test]
fn a_closed_page_stays_as_it_is_and_the_open_one_is_asked_whether_it_changed() {
    let dir = directory("feed-pages");
    entries(&dir, 1..=130, 0);
    let server = serve(&dir);
    let mut follower = Follower::new("application/trig");
    follower.follow(&server);
    let closed = follower.done.iter().next().expect("one is closed").clone();
    let before = page(&server, &closed);
    let open = page(&server, &format!("{PUBLIC}/feed/page-2"));
    assert_eq!(open.header("cache-control"), "no-cache");
    let again = |address: &str, tag: &str| {
        let headers = [("Accept", "application/trig"), ("If-None-Match", tag)];
        server.ask("GET", path(address), &headers, b"").status
    };
    let tag = open.header("etag").to_owned();
    assert_eq!(again(&format!("{PUBLIC}/feed/page-2"), &tag), 304);
    let root = page(&server, &format!("{PUBLIC}/feed"))
        .header("etag")
        .to_owned();
    assert_eq!(again(&format!("{PUBLIC}/feed"), &root), 304);
    entries(&dir, 1..=140, 1);
    let after = page(&server, &closed);
    assert_eq!(after.body, before.body);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(again(&format!("{PUBLIC}/feed/page-2"), &tag), 200);
    assert_eq!(again(&format!("{PUBLIC}/feed"), &root), 200);
    // The same page as every syntax, also by extension, where links keep it.
    let root = server.ask("GET", "/feed.jsonld", &[], b"");
    assert_eq!(root.header("content-type"), "application/ld+json");
    let all = quads("application/ld+json", &root.body);
    let view = one(&all, &format!("{PUBLIC}/feed"), &format!("{TREE}view"));
    assert_eq!(view, format!("{PUBLIC}/feed.jsonld"));
    assert!(
        root.text().contains("/feed/index-1.jsonld"),
        "{}",
        root.text()
    );
    for wrong in [
        "page-0",
        "page-9",
        "page-x",
        "index-2",
        "page-1-zz",
        "page-1-12345678.ttl",
        "x",
    ] {
        let answer = server.ask("GET", &format!("/feed/{wrong}"), &[], b"");
        assert_eq!(answer.status, 404, "{wrong}");
    }
    let answer = server.ask("GET", "/feed", &[("Accept", "text/turtle")], b"");
    assert_eq!(answer.status, 406);
    // A payload is what is served elsewhere.
    let member = follower
        .held
        .get(&format!("{PUBLIC}/resource/entry-9"))
        .expect("held");
    let title = format!("<{PUBLIC}/resource/entry-9> <{DCT}title> \"Entry 9 of round 0\"@en .");
    assert!(member.contains(&title), "{member:?}");
}

/// The texts of all elements of a name in a well-formed document, without markup.
fn elements(xml: &str, name: &str) -> Vec<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut out, mut depth): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e}: {xml}")) {
            Event::Start(e) if e.local_name().as_ref() == name => {
                depth += 1;
                out.push(String::new());
            }
            Event::End(e) if e.local_name().as_ref() == name => depth -= 1,
            Event::Empty(e) if e.local_name().as_ref() == name => out.push(String::new()),
            Event::Text(t) if depth > 0 => {
                out.last_mut().expect("open").push_str(&t);
            }
            Event::GeneralRef(r) if depth > 0 => {
                let text = match &*r {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    other => panic!("&{other};"),
                }
                .to_owned();
                out.last_mut().expect("open").push_str(&text);
            }
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn oai(server: &Server, query: &str) -> String {
    let answer = server.ask("GET", &format!("/oai?{query}"), &[], b"");
    assert_eq!(answer.status, 200, "{query}");
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    let text = answer.text();
    elements(&text, "OAI-PMH");
    text
}

fn error(server: &Server, query: &str) -> String {
    let text = oai(server, query);
    let code = text
        .split_once("<error code=\"")
        .and_then(|e| e.1.split('"').next());
    code.unwrap_or_else(|| panic!("{query}: {text}")).to_owned()
}

/// An OAI-PMH harvester: identifier, datestamp and content of each record, without content where it is deleted.
fn harvest(server: &Server, verb: &str, arguments: &str) -> Vec<(String, String, Option<String>)> {
    let mut out = Vec::new();
    let mut query = format!("verb={verb}&{arguments}");
    loop {
        let text = oai(server, &query);
        if text.contains("<error code=\"noRecordsMatch\"") {
            return out;
        }
        let (element, end) = match verb {
            "ListRecords" => ("<record>", "</record>"),
            _ => ("<header", "</header>"),
        };
        for record in text.split(element).skip(1) {
            let record = record.split(end).next().expect("an end");
            let between = |from: &str, to: &str| {
                let rest = record.split_once(from)?.1;
                Some(rest.split_once(to)?.0.to_owned())
            };
            let deleted = record.contains("status=\"deleted\"");
            let content = between("<metadata>", "</metadata>");
            assert!(!deleted || content.is_none(), "{record}");
            let identifier = between("<identifier>", "</identifier>").expect("an identifier");
            let at = between("<datestamp>", "</datestamp>").expect("a datestamp");
            out.push((
                identifier,
                at,
                if deleted {
                    None
                } else {
                    Some(content.unwrap_or_default())
                },
            ));
        }
        match elements(&text, "resumptionToken").pop() {
            Some(token) if !token.is_empty() => {
                query = format!("verb={verb}&resumptionToken={}", encoded(&token));
            }
            _ => return out,
        }
    }
}

#[test]
fn a_harvester_reads_all_records_by_oai_pmh_and_later_what_changed() {
    let dir = directory("oai");
    entries(&dir, 1..=230, 0);
    let server = serve(&dir);
    let identify = oai(&server, "verb=Identify");
    for (element, text) in [
        ("baseURL", format!("{PUBLIC}/oai")),
        ("protocolVersion", "2.0".into()),
        ("adminEmail", "webmaster@library.example".into()),
        ("deletedRecord", "persistent".into()),
        ("granularity", "YYYY-MM-DDThh:mm:ssZ".into()),
    ] {
        assert_eq!(elements(&identify, element), [text], "{element}");
    }
    let formats = oai(&server, "verb=ListMetadataFormats");
    assert_eq!(elements(&formats, "metadataPrefix"), ["oai_dc", "dcat_ap"]);
    for verb in ["ListRecords", "ListIdentifiers"] {
        for prefix in ["oai_dc", "dcat_ap"] {
            let all = harvest(&server, verb, &format!("metadataPrefix={prefix}"));
            let names: BTreeSet<_> = all.iter().map(|r| &r.0).collect();
            assert_eq!((all.len(), names.len()), (230, 230), "{verb} {prefix}");
        }
    }
    for (identifier, _, content) in harvest(&server, "ListRecords", "metadataPrefix=dcat_ap")
        .iter()
        .take(120)
    {
        let rdf = content.as_deref().expect("it is there");
        let triples: Vec<_> = RdfParser::from_format(RdfFormat::RdfXml)
            .for_slice(rdf.as_bytes())
            .map(|t| t.expect("RDF/XML on its own").to_string())
            .collect();
        let own = server.body(&format!("{}.nt", path(identifier)));
        assert_eq!(triples.len(), own.lines().count(), "{identifier}");
    }
    let dublin = oai(
        &server,
        &format!(
            "verb=GetRecord&metadataPrefix=oai_dc&identifier={}",
            encoded(&format!("{PUBLIC}/resource/entry-9"))
        ),
    );
    assert_eq!(elements(&dublin, "title")[0], "Entry 9 of round 0");
    assert_eq!(elements(&dublin, "publisher"), ["ETSI ISG CIM"]);
    assert!(dublin.contains("xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/ "));

    // What changed since the last harvest, deletions included.
    let since = elements(&oai(&server, "verb=Identify"), "responseDate")
        .pop()
        .expect("a date");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    entries(&dir, 229..=231, 1);
    must(&dir, &["decide", "entry-3", "withdraw"]);
    must(&dir, &["purge", "entry-4"]);
    must(&dir, &["restrict", "entry-5", "partners"]);
    let since = format!("{}1Z", &since[..since.len() - 2]).max(since);
    let news = harvest(
        &server,
        "ListRecords",
        &format!("metadataPrefix=oai_dc&from={}", encoded(&since)),
    );
    let of = |deleted: bool| -> BTreeSet<&str> {
        let some = news.iter().filter(|r| r.2.is_none() == deleted);
        some.map(|r| r.0.rsplit('/').next().expect("a name"))
            .collect()
    };
    assert!(of(true).is_superset(&BTreeSet::from(["entry-3", "entry-4", "entry-5"])));
    assert!(of(false).is_superset(&BTreeSet::from(["entry-229", "entry-230", "entry-231"])));
    let all = harvest(&server, "ListRecords", "metadataPrefix=dcat_ap");
    assert_eq!(all.iter().filter(|r| r.2.is_none()).count(), 3);
    assert_eq!(all.len(), 231);
    assert!(!format!("{all:?}").contains("Entry 4 of"));
    let until = harvest(
        &server,
        "ListIdentifiers",
        "metadataPrefix=oai_dc&until=2020-01-01",
    );
    assert!(until.is_empty());
    let today = &since[..10];
    let day = harvest(
        &server,
        "ListIdentifiers",
        &format!("metadataPrefix=oai_dc&from={today}"),
    );
    assert_eq!(day.len(), 231);

    // A token is good for a service that was started anew.
    let text = oai(&server, "verb=ListRecords&metadataPrefix=dcat_ap");
    let token = elements(&text, "resumptionToken").pop().expect("a token");
    drop(server);
    let server = serve(&dir);
    let next = oai(
        &server,
        &format!("verb=ListRecords&resumptionToken={}", encoded(&token)),
    );
    assert_eq!(next.matches("<record>").count(), 100);
    // The same by POST.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = server.ask(
        "POST",
        "/oai",
        &form,
        format!("verb=ListRecords&resumptionToken={}", encoded(&token)).as_bytes(),
    );
    let content = |text: &str| text.split_once("<ListRecords>").map(|t| t.1.to_owned());
    assert_eq!(content(&posted.text()), content(&next));
    assert!(content(&next).is_some());
}

#[test]
fn oai_pmh_says_what_is_wrong_by_its_codes_and_lists_sets() {
    let dir = directory("oai-errors");
    entries(&dir, 1..=3, 0);
    let server = serve(&dir);
    let there = encoded(&format!("{PUBLIC}/resource/entry-1"));
    for (query, code) in [
        ("", "badVerb"),
        ("verb=Nonsense", "badVerb"),
        ("verb=Identify&verb=Identify", "badVerb"),
        ("verb=Identify&set=x", "badArgument"),
        ("verb=ListRecords", "badArgument"),
        (
            "verb=ListRecords&metadataPrefix=marc",
            "cannotDisseminateFormat",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&metadataPrefix=oai_dc",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&from=yesterday",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&from=2026-02-30",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&from=2026-01-01T00:00:00%2B01:00",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&from=2026-01-01&until=2026-01-02T00:00:00Z",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&from=2026-01-02&until=2026-01-01",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&until=2001-01-01",
            "noRecordsMatch",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&set=nowhere",
            "badArgument",
        ),
        (
            "verb=ListRecords&metadataPrefix=oai_dc&set=mim-1",
            "noRecordsMatch",
        ),
        ("verb=ListRecords&resumptionToken=x", "badResumptionToken"),
        (
            "verb=ListRecords&resumptionToken=oai_dc~~~~-1~0",
            "badResumptionToken",
        ),
        (
            "verb=ListRecords&resumptionToken=oai_dc~~~~1~1&metadataPrefix=oai_dc",
            "badArgument",
        ),
        ("verb=ListSets&resumptionToken=x", "badResumptionToken"),
        ("verb=GetRecord&metadataPrefix=oai_dc", "badArgument"),
        (
            "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x:1",
            "idDoesNotExist",
        ),
        (
            "verb=ListMetadataFormats&identifier=http://library.example/resource/no",
            "idDoesNotExist",
        ),
        ("verb=%zz&x=%ff", "badVerb"),
    ] {
        assert_eq!(error(&server, query), code, "{query}");
    }
    let wrong = format!("verb=GetRecord&metadataPrefix=marc&identifier={there}");
    assert_eq!(error(&server, &wrong), "cannotDisseminateFormat");
    // What was asked is repeated, but not where it makes no sense.
    let text = oai(&server, &wrong);
    assert!(
        text.contains("<request verb=\"GetRecord\" metadataPrefix=\"marc\""),
        "{text}"
    );
    assert!(oai(&server, "verb=%3Cb%3E").contains(&format!("<request>{PUBLIC}/oai</request>")));
    let sets = elements(&oai(&server, "verb=ListSets"), "setSpec");
    for set in ["layer-data-management", "mim-1", "kind-standard"] {
        assert!(sets.iter().any(|s| s == set), "{set}: {sets:?}");
    }
    let some = |set: &str| {
        harvest(
            &server,
            "ListRecords",
            &format!("metadataPrefix=oai_dc&set={set}"),
        )
        .len()
    };
    assert_eq!(
        (some("layer-data-management"), some("layer-connectivity")),
        (3, 0)
    );
    let got = oai(
        &server,
        &format!("verb=GetRecord&metadataPrefix=oai_dc&identifier={there}"),
    );
    assert!(
        elements(&got, "setSpec").contains(&"layer-data-management".to_owned()),
        "{got}"
    );
    must(&dir, &["decide", "entry-1", "withdraw"]);
    let got = oai(
        &server,
        &format!("verb=GetRecord&metadataPrefix=oai_dc&identifier={there}"),
    );
    assert!(got.contains("<header status=\"deleted\">") && !got.contains("<metadata>"));
}

#[test]
fn feeds_for_readers_hold_what_changed_last_and_what_went() {
    let dir = directory("feed-readers");
    entries(&dir, 1..=30, 0);
    let server = serve(&dir);
    entries(&dir, 7..=7, 1);
    must(&dir, &["decide", "entry-8", "withdraw"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let atom = loop {
        let text = server.body("/feed.atom");
        let first = text.split("<entry>").nth(1).unwrap_or_default();
        if first.contains("Entry 7 of round 1") && !text.contains("Entry 8 of") {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(elements(&atom, "entry").len(), 24);
    assert!(
        atom.contains(&format!(
            "<at:deleted-entry ref=\"{PUBLIC}/resource/entry-8\""
        )),
        "{atom}"
    );
    assert!(atom.contains(&format!(
        "<link rel=\"self\" type=\"application/atom+xml\" href=\"{PUBLIC}/feed.atom\"/>"
    )));
    let next = format!(
        "<link rel=\"next\" type=\"application/atom+xml\" href=\"{PUBLIC}/feed.atom?page=2\"/>"
    );
    assert!(atom.contains(&next), "{atom}");
    assert_eq!(
        elements(&server.body("/feed.atom?page=2"), "entry").len(),
        5
    );
    let answer = server.ask("GET", "/feed.json?layer=data-management&q=seven", &[], b"");
    assert_eq!(answer.header("content-type"), "application/feed+json");
    let json: serde_json::Value =
        serde_json::from_slice(&server.ask("GET", "/feed.json", &[], b"").body).expect("JSON");
    assert_eq!(json["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(json["feed_url"], format!("{PUBLIC}/feed.json"));
    assert_eq!(json["next_url"], format!("{PUBLIC}/feed.json?page=2"));
    assert_eq!(json["items"][0]["id"], format!("{PUBLIC}/resource/entry-7"));
    assert_eq!(json["items"][0]["title"], "Entry 7 of round 1");
    assert_eq!(
        json["_deleted"][0]["id"],
        format!("{PUBLIC}/resource/entry-8")
    );
    // A search has its own feed, which what changes elsewhere leaves as it is.
    let feed = "/feed.atom?layer=connectivity";
    let before = server.ask("GET", feed, &[], b"");
    assert_eq!(elements(&before.text(), "entry").len(), 0);
    let page = server.get("/?layer=data%2Dmanagement", "text/html");
    let link = "<link rel=\"alternate\" type=\"application/atom+xml\" href=\"/feed.atom?layer=data%2Dmanagement\">";
    assert!(page.contains(link), "{page}");
    assert!(
        server
            .get("/resource/entry-1", "text/html")
            .contains("type=\"application/feed+json\" href=\"/feed.json\"")
    );
    entries(&dir, 9..=9, 2);
    let again = [("If-None-Match", before.header("etag"))];
    assert_eq!(server.ask("GET", feed, &again, b"").status, 304);
}

fn triples(format: RdfFormat, body: &[u8]) -> Vec<Quad> {
    let all = RdfParser::from_format(format).for_slice(body);
    all.map(|q| q.expect("RDF")).collect()
}

fn typed(all: &[Quad], class: &str) -> Vec<String> {
    let found = all.iter().filter(|q| {
        q.predicate.as_str().ends_with("#type") && q.object.to_string() == format!("<{class}>")
    });
    found
        .map(|q| q.subject.to_string().trim_matches(['<', '>']).to_owned())
        .collect()
}

const DATASET: &str = "http://www.w3.org/ns/dcat#Dataset";
const HYDRA: &str = "http://www.w3.org/ns/hydra/core#";

/// ckanext-dcat: HEAD and GET of each page, whatever comes; the format of the first page for all; either class
/// and either link of Hydra. One data set without a title ends its run.
fn ckan(server: &Server) -> Vec<String> {
    let (mut out, mut first) = (Vec::new(), Vec::new());
    let mut next = Some(format!("{PUBLIC}/catalog"));
    let mut media = String::new();
    while let Some(address) = next {
        let head = server.ask("HEAD", path(&address), &[("Accept", "*/*")], b"");
        assert_eq!(head.status, 200, "{address}");
        let answer = server.ask("GET", path(&address), &[("Accept", "*/*")], b"");
        assert!(answer.body.len() < 50 << 20);
        if media.is_empty() {
            media = answer
                .header("content-type")
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned();
            first.clone_from(&answer.body);
        } else if answer.body == first {
            break;
        }
        let all = triples(
            RdfFormat::from_media_type(&media).expect("a known format"),
            &answer.body,
        );
        for dataset in typed(&all, DATASET) {
            assert!(
                !objects(&all, &dataset, &format!("{DCT}title")).is_empty(),
                "{dataset}"
            );
            out.push(dataset);
        }
        let pages = [
            typed(&all, &format!("{HYDRA}PagedCollection")),
            typed(&all, &format!("{HYDRA}PartialCollectionView")),
        ]
        .concat();
        let link = |name: &str| {
            pages
                .iter()
                .find_map(|p| objects(&all, p, &format!("{HYDRA}{name}")).pop())
        };
        next = link("next").or_else(|| link("nextPage"));
    }
    out
}

/// piveau: a PagedCollection has `nextPage`, and its size.
fn piveau(server: &Server) -> Vec<String> {
    let mut out = Vec::new();
    let mut next = Some(format!("{PUBLIC}/catalog.rdf"));
    while let Some(address) = next {
        let answer = server.ask("GET", path(&address), &[], b"");
        assert_eq!(answer.header("content-type"), "application/rdf+xml");
        let all = triples(RdfFormat::RdfXml, &answer.body);
        let pages = typed(&all, &format!("{HYDRA}PagedCollection"));
        assert_eq!(pages.len(), 1);
        let size = one(&all, &pages[0], &format!("{HYDRA}totalItems"));
        assert!(size.parse::<usize>().is_ok());
        for dataset in typed(&all, DATASET) {
            one(&all, &dataset, &format!("{DCT}identifier"));
            out.push(dataset);
        }
        next = objects(&all, &pages[0], &format!("{HYDRA}nextPage")).pop();
    }
    out
}

/// udata: no redirects, one page node with `next`; what has no identifier or title is passed over.
fn udata(server: &Server) -> Vec<String> {
    let (mut out, mut known) = (Vec::new(), BTreeSet::new());
    let mut next = Some(format!("{PUBLIC}/catalog.jsonld"));
    while let Some(address) = next {
        let answer = server.ask("GET", path(&address), &[], b"");
        assert_eq!(answer.status, 200);
        let format = RdfFormat::from_media_type("application/ld+json").expect("known");
        let all = triples(format, &answer.body);
        for dataset in typed(&all, DATASET) {
            let name = objects(&all, &dataset, &format!("{DCT}identifier")).pop();
            if name.is_some_and(|n| known.insert(n))
                && !objects(&all, &dataset, &format!("{DCT}title")).is_empty()
            {
                out.push(dataset);
            }
        }
        let pages = typed(&all, &format!("{HYDRA}PartialCollectionView"));
        assert_eq!(pages.len(), 1);
        next = objects(&all, &pages[0], &format!("{HYDRA}next")).pop();
    }
    out
}

/// Idra: the dump, by one request without a wish.
fn idra(server: &Server) -> Vec<String> {
    let answer = server.ask("GET", "/catalog/dump.rdf", &[], b"");
    assert!(answer.text().contains("<dcat:Dataset rdf:about="));
    typed(&triples(RdfFormat::RdfXml, &answer.body), DATASET)
}

/// An index of FAIR Data Points: Turtle alone; what a container holds, else what the navigation leads to.
fn fair_data_point(server: &Server) -> Vec<String> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut out, mut waiting) = (Vec::new(), vec![format!("{PUBLIC}/")]);
    while let Some(address) = waiting.pop() {
        if !seen.insert(address.clone()) || !address.starts_with(PUBLIC) {
            continue;
        }
        let place = path(&address).split('#').next().expect("a path");
        let answer = server.ask("GET", place, &[("Accept", "text/turtle")], b"");
        if answer.status != 200 {
            continue;
        }
        assert_eq!(
            answer.header("content-type"),
            "text/turtle; charset=utf-8",
            "{address}"
        );
        let all = triples(RdfFormat::Turtle, &answer.body);
        if seen.len() == 1 {
            let point = typed(&all, "https://w3id.org/fdp/fdp-o#MetadataService");
            assert_eq!(point, [format!("{PUBLIC}/")]);
            assert_eq!(objects(&all, &point[0], &format!("{DCT}title")).len(), 1);
        }
        if place.starts_with("/resource/") && typed(&all, DATASET).contains(&address) {
            out.push(address);
        }
        let containers = typed(&all, "http://www.w3.org/ns/ldp#DirectContainer");
        let led = |q: &&Quad| match q.predicate.as_str() {
            "http://www.w3.org/ns/ldp#contains" => {
                containers.contains(&q.subject.to_string().trim_matches(['<', '>']).to_owned())
            }
            "https://w3id.org/fdp/fdp-o#metadataCatalog"
            | "http://www.w3.org/ns/dcat#dataset"
            | "http://www.w3.org/ns/dcat#distribution" => containers.is_empty(),
            _ => false,
        };
        waiting.extend(
            all.iter()
                .filter(led)
                .map(|q| q.object.to_string().trim_matches(['<', '>']).to_owned()),
        );
    }
    out
}

/// data.europa.eu: all records by OAI-PMH.
fn data_europa(server: &Server) -> Vec<String> {
    let all = harvest(server, "ListRecords", "metadataPrefix=dcat_ap");
    all.into_iter()
        .filter(|r| r.2.is_some())
        .map(|r| r.0)
        .collect()
}

/// Google Dataset Search: robots.txt, the site maps, and what each page says of a data set.
fn google(server: &Server) -> Vec<String> {
    let robots = server.body("/robots.txt");
    let index = robots
        .lines()
        .find_map(|l| l.strip_prefix("Sitemap: "))
        .expect("a site map");
    let left_out: Vec<&str> = robots
        .lines()
        .filter_map(|l| l.strip_prefix("Disallow: "))
        .collect();
    let mut out = Vec::new();
    for map in elements(&server.body(path(index)), "loc") {
        let places = elements(&server.body(path(&map)), "loc");
        assert!(!places.is_empty() && places.len() <= 50_000);
        for place in places {
            assert!(
                !left_out.iter().any(|l| path(&place).starts_with(l)),
                "{place}"
            );
            let page = server.ask("GET", path(&place), &[("Accept", "text/html")], b"");
            assert_eq!(page.status, 200, "{place}");
            let text = page.text();
            let data = text.split_once("<script type=\"application/ld+json\">");
            let Some(data) = data.and_then(|d| d.1.split("</script>").next()) else {
                continue;
            };
            let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
            let is = |class: &str| match &data["@type"] {
                serde_json::Value::Array(all) => all.iter().any(|c| c == class),
                one => one == class,
            };
            let long = data["description"]
                .as_str()
                .map_or(0, |d| d.chars().count());
            if is("Dataset") && data["name"].is_string() && (50..=5_000).contains(&long) {
                out.push(place);
            }
        }
    }
    out
}

/// An LDES client that starts from nothing.
fn ldes(server: &Server) -> Vec<String> {
    let mut follower = Follower::new("application/ld+json");
    follower.follow(server);
    follower.held.into_keys().collect()
}

type Client = fn(&Server) -> Vec<String>;

const CLIENTS: [(&str, Client); 8] = [
    ("ckanext-dcat", ckan),
    ("piveau", piveau),
    ("udata", udata),
    ("Idra", idra),
    ("FAIR Data Point index", fair_data_point),
    ("data.europa.eu", data_europa),
    ("Google Dataset Search", google),
    ("LDES client", ldes),
];

/// Finds each entry from `1` to `n` once, and nothing but entries; says how many.
fn finds(name: &str, client: Client, server: &Server, n: usize) -> usize {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for found in client(server) {
        *times.entry(found).or_default() += 1;
    }
    for n in 1..=n {
        let entry = format!("{PUBLIC}/resource/entry-{n}");
        assert_eq!(times.get(&entry), Some(&1), "{name}: {entry}");
    }
    let all = times.len();
    for (found, times) in times {
        assert!(
            found.starts_with(&format!("{PUBLIC}/resource/entry-")) && times == 1,
            "{name}: {found} {times} times"
        );
    }
    all
}

/// Ends what goes on beside a test, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn each_client_finds_every_entry_once_also_while_entries_are_written() {
    let dir = directory("clients");
    let count = 120;
    entries(&dir, 1..=count + 5, 0);
    let server = serve(&dir);
    for n in count + 1..=count + 5 {
        must(&dir, &["decide", &format!("entry-{n}"), "withdraw"]);
    }
    for (name, client) in CLIENTS {
        assert_eq!(finds(name, client, &server, count), count, "{name}");
    }
    // All entries change by and by, and new ones come, while each client reads.
    let done = AtomicBool::new(false);
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let _ends = Ends(&done);
        let (dir, done, written) = (&dir, &done, &written);
        scope.spawn(move || {
            for round in 1.. {
                for from in (1..=count).step_by(40) {
                    if done.load(Ordering::SeqCst) {
                        return;
                    }
                    entries(dir, from..=from + 39, round);
                    let new = 1_000 + written.fetch_add(1, Ordering::SeqCst);
                    entries(dir, new..=new, round);
                }
            }
        });
        for (name, client) in CLIENTS {
            let before = written.load(Ordering::SeqCst);
            // Again where nothing was written meanwhile.
            loop {
                finds(name, client, &server, count);
                if written.load(Ordering::SeqCst) > before {
                    break;
                }
            }
        }
    });
}

#[test]
fn the_table_of_clients_names_each_of_these_and_what_it_says_they_read_answers() {
    let text = include_str!("../../docs/harvesting.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|l| l.starts_with("| "))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.iter().all(|r| r.len() == 5), "{rows:?}");
    for (name, _) in CLIENTS {
        let named = rows.iter().filter(|r| r[0].contains(name)).count();
        assert_eq!(named, 1, "{name}");
    }
    let dir = directory("clients-table");
    entries(&dir, 1..=3, 0);
    let server = serve(&dir);
    for row in &rows[1..] {
        let addresses: Vec<&str> = row[1].split('`').skip(1).step_by(2).collect();
        assert!(!addresses.is_empty(), "{row:?}");
        let expected = if row[1].ends_with("by POST") {
            405
        } else {
            200
        };
        for address in addresses {
            let status = server.ask("GET", address, &[], b"").status;
            assert_eq!(status, expected, "{}: {address}", row[0]);
        }
    }
}
