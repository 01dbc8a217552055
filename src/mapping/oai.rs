//! OAI-PMH 2.0 as text: arguments, dates and sets of the protocol, and records as unqualified Dublin Core.
use super::syntax::xml;
use crate::record::Record;
use crate::record::statement::{iri, links, literal, objects, text_in};
use crate::record::vocab::{self, BASE, LDT};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// An error of the protocol (section 3.6): its code, and what to do about it.
#[derive(Debug)]
pub struct Wrong(pub &'static str, pub String);

/// A form in which a record is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    OaiDc,
    DcatAp,
}

impl Prefix {
    pub const ALL: [Self; 2] = [Self::OaiDc, Self::DcatAp];

    /// Its `metadataPrefix`, schema and namespace.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::OaiDc => [
                "oai_dc",
                "http://www.openarchives.org/OAI/2.0/oai_dc.xsd",
                "http://www.openarchives.org/OAI/2.0/oai_dc/",
            ],
            Self::DcatAp => [
                "dcat_ap",
                "http://www.openarchives.org/OAI/2.0/rdf.xsd",
                "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
            ],
        }
    }

    /// # Errors
    /// `cannotDisseminateFormat`, with those that there are.
    pub fn read(name: &str) -> Result<Self, Wrong> {
        let found = Self::ALL.into_iter().find(|p| p.names()[0] == name);
        found.ok_or_else(|| {
            let all = Self::ALL.map(|p| p.names()[0]).join(" and ");
            let why = format!("there is no metadataPrefix {name:?}; there are {all}");
            Wrong("cannotDisseminateFormat", why)
        })
    }
}

/// What a list is asked for, and where it goes on: the whole state of a harvest, so that its token outlives
/// any process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub prefix: Prefix,
    pub from: String,
    pub until: String,
    pub set: String,
    /// The publication number after which it goes on, and how many records came before.
    pub after: i64,
    pub cursor: i64,
}

impl Asked {
    /// As a resumption token, which is read back by [`Self::resume`].
    pub fn token(&self) -> String {
        let Self {
            prefix,
            from,
            until,
            set,
            after,
            cursor,
        } = self;
        format!(
            "{}~{from}~{until}~{set}~{after}~{cursor}",
            prefix.names()[0]
        )
    }

    /// # Errors
    /// `badResumptionToken`: it is none of ours.
    pub fn resume(token: &str) -> Result<Self, Wrong> {
        let read = || {
            let [prefix, from, until, set, after, cursor] =
                <[&str; 6]>::try_from(token.split('~').collect::<Vec<_>>()).ok()?;
            let asked = Self {
                prefix: Prefix::read(prefix).ok()?,
                from: from.to_owned(),
                until: until.to_owned(),
                set: set.to_owned(),
                after: after.parse().ok().filter(|n| *n >= 0)?,
                cursor: cursor.parse().ok().filter(|n| *n >= 0)?,
            };
            asked.window().and(asked.pattern()).ok().map(|_| asked)
        };
        read().ok_or_else(|| {
            let why = "this catalogue gave no such resumptionToken; begin the list anew";
            Wrong("badResumptionToken", why.into())
        })
    }

    /// The moments from which on and before which a record was changed: microseconds since the epoch.
    ///
    /// # Errors
    /// `badArgument`: one is no date, they are not of one granularity, or the last is before the first.
    pub fn window(&self) -> Result<(i64, i64), Wrong> {
        let bad = |why: String| Wrong("badArgument", why);
        let read = |name: &str, text: &str| {
            moment(text).ok_or_else(|| {
                bad(format!(
                    "{name} is {text:?}; a date such as 2026-01-31 or 2026-01-31T12:00:00Z is wanted"
                ))
            })
        };
        if !self.from.is_empty() && !self.until.is_empty() && self.from.len() != self.until.len() {
            return Err(bad(
                "from and until are to be of one granularity: both days, or both seconds".into(),
            ));
        }
        let from = match self.from.as_str() {
            "" => 0,
            text => read("from", text)?.0,
        };
        let until = match self.until.as_str() {
            "" => i64::MAX,
            text => read("until", text)?.1,
        };
        if until <= from {
            return Err(bad("until is before from".into()));
        }
        Ok((from, until))
    }

    /// What the content of a record of the set is like, as SQL has it.
    ///
    /// # Errors
    /// `badArgument`: there is no such set.
    pub fn pattern(&self) -> Result<String, Wrong> {
        if self.set.is_empty() {
            return Ok("%".into());
        }
        let wrong = || {
            Wrong(
                "badArgument",
                format!("there is no set {:?}; ListSets names all", self.set),
            )
        };
        let set = sets().find(|s| s.spec == self.set).ok_or_else(wrong)?;
        Ok(format!(
            "%{} <{LDT}{}> .%",
            vocab::expand(set.property),
            set.spec
        ))
    }
}

/// The first moment of a day or second, and the first after it: microseconds since the epoch.
fn moment(text: &str) -> Option<(i64, i64)> {
    let micros = |t: Timestamp| t.as_microsecond();
    if text.len() == "2026-01-31".len() {
        let day: Date = text.parse().ok()?;
        let start = |d: Date| {
            d.to_zoned(TimeZone::UTC)
                .ok()
                .map(|z| micros(z.timestamp()))
        };
        return Some((start(day)?, start(day.tomorrow().ok()?)?));
    }
    // Seconds, and in UTC (section 3.3).
    let exact = text.len() == "2026-01-31T12:00:00Z".len()
        && text.ends_with('Z')
        && text.as_bytes()[10] == b'T';
    let at: Timestamp = text.parse().ok().filter(|_| exact)?;
    Some((micros(at), micros(at) + 1_000_000))
}

/// The second that a moment lies in, `2026-01-31T12:00:00Z`.
pub fn datestamp(micros: i64) -> String {
    let second = Timestamp::from_second(micros.div_euclid(1_000_000));
    second.map(|t| t.to_string()).unwrap_or_default()
}

/// A set: records that one of our concepts is said of.
pub struct Set {
    pub spec: &'static str,
    property: &'static str,
}

impl Set {
    pub fn name(&self) -> &'static str {
        vocab::label(&format!("{LDT}{}", self.spec)).unwrap_or(self.spec)
    }
}

/// Layers, MIMs and kinds.
pub fn sets() -> impl Iterator<Item = Set> {
    let schemes = [
        ("scheme-layer", "ldt:layer"),
        ("scheme-mim", "ldt:mim"),
        ("scheme-kind", "dct:type"),
    ];
    schemes.into_iter().flat_map(|(scheme, property)| {
        vocab::about(&format!("{LDT}{scheme}"))
            .iter()
            .filter(|s| s.says("skos:hasTopConcept"))
            .filter_map(move |s| {
                let spec = s.target()?.strip_prefix(LDT)?;
                Some(Set { spec, property })
            })
    })
}

/// The sets that a record is in.
pub fn sets_of(record: &Record) -> Vec<&'static str> {
    let of = |set: &Set| {
        links(&record.content, &record.iri, set.property)
            .any(|c| c.strip_prefix(LDT) == Some(set.spec))
    };
    sets().filter(of).map(|s| s.spec).collect()
}

/// What a record says, as unqualified Dublin Core. `published` is its published content.
pub fn dublin_core(record: &Record, published: &str, public_url: &str) -> String {
    let place = |iri: &str| match iri.strip_prefix(BASE) {
        Some(rest) => format!("{public_url}{rest}"),
        None => iri.to_owned(),
    };
    let mut out = String::from(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/ http://www.openarchives.org/OAI/2.0/oai_dc.xsd\">\n",
    );
    let mut say = |element: &str, language: Option<&str>, text: &str| {
        let language = language.map_or(String::new(), |tag| format!(" xml:lang=\"{tag}\""));
        let line = format!("<dc:{element}{language}>{}</dc:{element}>\n", xml(text));
        if !text.is_empty() && !out.contains(&line) {
            out.push_str(&line);
        }
    };
    for (element, property) in [
        ("title", "dct:title"),
        ("title", "skos:altLabel"),
        ("creator", "dct:creator"),
        ("subject", "dcat:keyword"),
        ("description", "dct:description"),
        ("publisher", "dct:publisher"),
        ("date", "dct:issued"),
        ("date", "dct:modified"),
        ("type", "dct:type"),
        ("language", "dct:language"),
        ("relation", "dct:conformsTo"),
        ("relation", "dct:relation"),
        ("relation", "dcat:landingPage"),
        ("coverage", "dct:spatial"),
        ("rights", "ldt:licence"),
    ] {
        for object in objects(published, &record.iri, property) {
            if let Some(l) = literal(object) {
                say(element, l.language, &l.value());
            } else if let Some(named) = iri(object) {
                // Names of agents and concepts say more than their IRIs.
                let agent = text_in("en", published, named, "foaf:name");
                match (agent, vocab::label(named)) {
                    (Some(l), _) => say(element, l.language, &l.value()),
                    (None, Some(name)) => say(element, Some("en"), name),
                    (None, None) => say(element, None, &place(named)),
                }
            }
        }
    }
    say("identifier", None, &place(&record.iri));
    say(
        "identifier",
        None,
        &format!("{public_url}resource/{}", record.slug),
    );
    out.push_str("</oai_dc:dc>\n");
    out
}
