//! Entities as Idra's connector reads them from a broker: it asks for `type=Dataset` without an @context, wants the names
//! of an older release of the Smart Data Models, and passes over a data set whole where a value is of another form than
//! it casts it to. So what it would not read is not sent.
use super::form::Names;
use super::{Content, Entity, Kind, Scalar, time};
use serde_json::{Map, Value as Json, json};

/// How it reads a value.
#[derive(Clone, Copy)]
enum Reads {
    /// One text.
    One,
    /// A list of texts.
    Several,
    /// A time with its type.
    Time,
}
use Reads::{One, Several, Time};

type Line = (&'static str, &'static str, Reads);

/// Our names and its own.
const DATASET: [Line; 19] = [
    ("title", "title", One),
    ("description", "description", One),
    ("keyword", "keyword", Several),
    ("theme", "theme", Several),
    ("language", "language", Several),
    ("publisher", "publisher", One),
    ("creator", "creator", One),
    ("contactPoint", "contactPoint", Several),
    ("accessRights", "accessRights", One),
    ("landingPage", "landingPage", One),
    ("page", "documentation", Several),
    ("accrualPeriodicity", "frequency", One),
    ("versionInfo", "version", One),
    ("versionNotes", "versionNotes", Several),
    ("provenance", "provenance", Several),
    ("otherIdentifier", "otherIdentifier", Several),
    ("issued", "releaseDate", Time),
    ("modified", "updateDate", Time),
    ("distribution", "datasetDistribution", Several),
];
const DISTRIBUTION: [Line; 12] = [
    ("title", "title", One),
    ("description", "description", One),
    ("accessURL", "accessUrl", One),
    ("downloadURL", "downloadURL", One),
    ("format", "format", One),
    ("mediaType", "mediaType", One),
    ("byteSize", "byteSize", One),
    ("checksum", "checksum", One),
    ("license", "license", One),
    ("rights", "rights", One),
    ("issued", "releaseDate", Time),
    ("modified", "modifiedDate", Time),
];
/// By these the publisher knows what is its own.
const MARKS: [Line; 2] = [
    ("managedBy", "managedBy", One),
    ("contentHash", "contentHash", One),
];

/// What it calls the types that it reads.
pub const TYPES: [(Kind, &str); 2] = [
    (Kind::Distribution, "DistributionDCAT-AP"),
    (Kind::Dataset, "Dataset"),
];

/// The id under which an entity of ours is found by it: a distribution's from the fifth part on.
pub fn id(ours: &str) -> Option<String> {
    let (kind, name) = *TYPES.iter().find(|t| t.0 == Kind::of_id(ours))?;
    let local = ours.strip_prefix("urn:ngsi-ld:")?;
    let local = local.strip_prefix(kind.name())?.strip_prefix(':')?;
    Some(format!("urn:ngsi-ld:{name}:id:{local}"))
}

/// Our own id of what has such an id.
pub fn ours(id: &str) -> Option<String> {
    let rest = id.strip_prefix("urn:ngsi-ld:")?;
    TYPES.iter().find_map(|(kind, name)| {
        let local = rest.strip_prefix(name)?.strip_prefix(":id:")?;
        Some(format!("urn:ngsi-ld:{}:{local}", kind.name()))
    })
}

/// A Dataset or Distribution, whose id is such an id already, as a normalized entity without @context.
pub fn entity(entity: &Entity, names: Names<'_>) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("id".into(), entity.id.as_str().into());
    let (lines, name): (&[Line], _) = match entity.kind {
        Kind::Distribution => (&DISTRIBUTION, TYPES[0].1),
        _ => (&DATASET, TYPES[1].1),
    };
    out.insert("type".into(), name.into());
    for (ours, theirs, reads) in lines.iter().chain(&MARKS) {
        let value = entity.get(ours).and_then(|c| value(c, *reads, names));
        if let Some(value) = value {
            let property = json!({ "type": "Property", "value": value });
            out.insert((*theirs).into(), property);
        }
    }
    if let Some(Content::Place(place)) = entity.get("location") {
        let property = json!({ "type": "GeoProperty", "value": place });
        out.insert("location".into(), property);
    }
    out
}

fn value(content: &Content, reads: Reads, names: Names<'_>) -> Option<Json> {
    let mut all: Vec<String> = match content {
        Content::Texts(texts) => texts.iter().map(|t| t.text.clone()).collect(),
        Content::Links { targets, .. } => targets.iter().filter_map(|t| names(t)).collect(),
        Content::Values { values, .. } => values
            .iter()
            .map(|v| match v {
                Scalar::Text(text) | Scalar::Pointer(text) => text.clone(),
                Scalar::Number(number) => number.to_string(),
                Scalar::Time(at) => time(*at),
            })
            .collect(),
        Content::Place(_) => return None,
    };
    match reads {
        _ if all.is_empty() => None,
        One => Some(all.swap_remove(0).into()),
        Several => Some(all.into()),
        Time => Some(json!({ "@type": "DateTime", "@value": all[0] })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_there_and_back() {
        for (here, there) in [
            ("urn:ngsi-ld:Dataset:lib.a", "urn:ngsi-ld:Dataset:id:lib.a"),
            (
                "urn:ngsi-ld:Distribution:lib.a.1",
                "urn:ngsi-ld:DistributionDCAT-AP:id:lib.a.1",
            ),
        ] {
            assert_eq!(id(here).as_deref(), Some(there));
            assert_eq!(ours(there).as_deref(), Some(here));
        }
        assert_eq!(id("urn:ngsi-ld:Agent:lib.a"), None);
        assert_eq!(ours("urn:ngsi-ld:Dataset:lib.a"), None);
    }
}
