//! What the network's bytes meet first: each parser of ours by a name, as `make fuzz` calls it. None of them may
//! panic or run for ever, whatever it is given; what it says of the input is of no interest here.
use super::reply::negotiate;
use super::suggest::{self, Filled};
use super::{dsp, search, sparql};
use crate::harvest::{Document, Format};
use crate::mapping::ngsi::context::Context;
use crate::mapping::ngsi::subscription::{Contexts, Subscription};
use crate::mapping::ngsi::{self, geometry, query};
use crate::mapping::{self, lines, odrl};
use crate::record::audience;
use crate::record::need::Need;
use crate::record::vocab::BASE;
use oxigraph::io::RdfFormat;
use serde_json::Value;

pub type Edge = fn(&[u8]);

/// All of them. Where one reads several things, zero bytes part them.
pub const EDGES: [(&str, Edge); 20] = [
    ("accept", accept),
    ("audience", |b| drop(text(b).map(audience::check))),
    ("dsp-request", |b| drop(dsp::query::Spec::of(b))),
    ("dsp-token", |b| {
        drop(text(b).map(dsp::query::Spec::of_token))
    }),
    ("form", form),
    ("json-list", |b| document(b, "", Some(Format::Json))),
    ("json-ld", |b| document(b, "application/ld+json", None)),
    ("need", need),
    ("need-address", |b| drop(Need::of_pairs(&pairs(b)))),
    ("ngsi-entities", entities),
    ("ngsi-geo", geo),
    ("ngsi-q", q),
    ("oai", |b| {
        text(b).map(super::oai::edge);
    }),
    ("policy", policy),
    ("rdf-xml", |b| document(b, "application/rdf+xml", None)),
    ("search", asked),
    ("sheet", |b| document(b, "text/csv", Some(Format::Sheet))),
    ("sparql", |b| {
        drop(text(b).map(|t| sparql::admit::admit(t, 10_000)))
    }),
    ("subscription", subscription),
    ("turtle", |b| document(b, "text/turtle", None)),
];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn accept(bytes: &[u8]) {
    let offered = [
        ("text/turtle", 0),
        ("application/ld+json", 1),
        ("text/html", 2),
    ];
    if let Some(text) = text(bytes) {
        negotiate(text, &offered);
    }
}

/// The pairs of a form or a query.
fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let uri = format!("/?{}", String::from_utf8_lossy(bytes));
    let uri: Result<axum::http::Uri, _> = uri.parse();
    let read = uri.map(|uri| axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri));
    match read {
        Ok(Ok(pairs)) => pairs.0,
        _ => Vec::new(),
    }
}

fn form(bytes: &[u8]) {
    let filled = Filled::read(pairs(bytes));
    let reading = suggest::read(&filled.cells, None).expect("what is wrong is told in the reading");
    drop(reading.sentences());
}

fn asked(bytes: &[u8]) {
    drop(search::Asked::read(&pairs(bytes)));
}

fn document(bytes: &[u8], media: &str, format: Option<Format>) {
    let document = Document {
        name: "the body".to_owned(),
        bytes: bytes.to_vec(),
        media: media.to_owned(),
    };
    drop(document.parse(format, BASE));
}

fn policy(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(policies) = odrl::read_all(&value) else {
        return;
    };
    // What is read is kept and written without loss.
    let entry = "https://catalogue.example/resource/air";
    let kept = odrl::policies(&odrl::attach("", entry, &policies), entry);
    assert_eq!(kept.len(), policies.len());
    for policy in &kept {
        let again = odrl::read(&odrl::offer(policy)).expect("what was written can be read");
        assert_eq!(odrl::offer(&again), odrl::offer(policy));
    }
}

fn need(bytes: &[u8]) {
    drop(serde_json::from_slice::<Need>(bytes));
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        drop(mapping::need::of_policy(value, BASE));
    }
    if let Ok(located) = lines::parse(bytes, RdfFormat::Turtle, BASE) {
        drop(mapping::need::read(&located.graph, BASE, |_| None));
    }
}

fn subscription(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let context = Context::ours();
    let contexts = Contexts {
        meant: &context,
        written: &context,
        maps: true,
    };
    drop(Subscription::read(&value, &contexts, &|_| None));
}

fn entities(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let mut context = Context::ours();
    if let Ok(read) = Context::read(&value["@context"], &|_| None) {
        context.extend(read);
    }
    let all = match value {
        Value::Array(all) => all,
        one => vec![one],
    };
    drop(ngsi::read::read(&all, &context, &|_| None, "fuzz"));
}

fn geo(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut parts = text.split('\0');
    let mut next = || parts.next().unwrap_or_default();
    let (relation, kind, coordinates) = (next(), next(), next());
    let Ok(coordinates) = serde_json::from_str::<Value>(coordinates) else {
        return;
    };
    let Ok(place) = query::place(relation, kind, &coordinates, None, &Context::ours()) else {
        return;
    };
    let _ = place.relation.area(&place.geometry);
    place.relation.holds(&place.geometry, &place.geometry);
    drop(geometry::parse(&geometry::write(&place.geometry)));
}

fn q(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let context = Context::ours();
    drop(query::kinds(text, &context));
    drop(query::scope(text));
    drop(query::pattern(text));
    let Ok(filter) = query::filter(text, &context, &|_| None) else {
        return;
    };
    let entity = ngsi::Entity {
        id: "urn:ngsi-ld:Dataset:fuzz.air".to_owned(),
        kind: ngsi::Kind::Dataset,
        attributes: Vec::new(),
        created: 0,
        modified: 0,
    };
    filter.matches(&entity);
}

#[cfg(test)]
mod tests {
    use super::EDGES;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn each_edge_stands_the_inputs_that_it_is_fuzzed_from() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        let mut unused: BTreeSet<String> = std::fs::read_dir(&seeds)
            .expect("a folder")
            .map(|f| f.expect("reads").file_name().to_string_lossy().into_owned())
            .collect();
        for (name, edge) in EDGES {
            assert!(unused.remove(name), "{name} has no seeds");
            for file in std::fs::read_dir(seeds.join(name)).expect("a folder") {
                let bytes = std::fs::read(file.expect("reads").path()).expect("reads");
                edge(&bytes);
                // Cut and doubled, as broken senders do.
                edge(&bytes[..bytes.len() / 2]);
                edge(&[bytes.as_slice(), bytes.as_slice()].concat());
            }
        }
        assert!(unused.is_empty(), "{unused:?} are seeds of nothing");
    }
}
