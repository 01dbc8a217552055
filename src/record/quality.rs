//! How good a description is, after the metadata quality assessment of data.europa.eu: points for
//! what a record says as it is published. What addresses answer is found out elsewhere and comes in
//! by [`Measured::answered`]; until then their points are left out, not lost.
use super::statement::{TYPE, iri, statements};
use super::vocab::{self, EU};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What a group of metrics is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    Findability,
    Accessibility,
    Interoperability,
    Reusability,
    Contextuality,
}

impl Dimension {
    pub const ALL: [Self; 5] = [
        Self::Findability,
        Self::Accessibility,
        Self::Interoperability,
        Self::Reusability,
        Self::Contextuality,
    ];

    /// Local name in the vocabulary of data.europa.eu (prefix `piveau`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Findability => "findability",
            Self::Accessibility => "accessibility",
            Self::Interoperability => "interoperability",
            Self::Reusability => "reusability",
            Self::Contextuality => "contextuality",
        }
    }
}

/// What is looked at, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Keyword,
    Category,
    Spatial,
    Temporal,
    AccessUrlAnswers,
    DownloadUrl,
    DownloadUrlAnswers,
    Format,
    MediaType,
    Lists,
    NonProprietary,
    MachineReadable,
    Compliance,
    Licence,
    KnownLicence,
    AccessRights,
    KnownAccessRights,
    ContactPoint,
    Publisher,
    Rights,
    ByteSize,
    Issued,
    Modified,
}

/// Of what a metric is the share that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Entries,
    Distributions,
    /// Addresses that were asked.
    Addresses,
}

/// A metric's local name in the vocabulary of data.europa.eu, its points, and the property that it
/// looks at, of an entry or of its distributions.
struct Facts(&'static str, u32, &'static str, Of);

impl Metric {
    pub const ALL: [Self; 23] = [
        Self::Keyword,
        Self::Category,
        Self::Spatial,
        Self::Temporal,
        Self::AccessUrlAnswers,
        Self::DownloadUrl,
        Self::DownloadUrlAnswers,
        Self::Format,
        Self::MediaType,
        Self::Lists,
        Self::NonProprietary,
        Self::MachineReadable,
        Self::Compliance,
        Self::Licence,
        Self::KnownLicence,
        Self::AccessRights,
        Self::KnownAccessRights,
        Self::ContactPoint,
        Self::Publisher,
        Self::Rights,
        Self::ByteSize,
        Self::Issued,
        Self::Modified,
    ];

    fn facts(self) -> Facts {
        use Of::{Addresses, Distributions, Entries};
        match self {
            Self::Keyword => Facts("keywordAvailability", 30, "dcat:keyword", Entries),
            Self::Category => Facts("categoryAvailability", 30, "dcat:theme", Entries),
            Self::Spatial => Facts("spatialAvailability", 20, "dct:spatial", Entries),
            Self::Temporal => Facts("temporalAvailability", 20, "dct:temporal", Entries),
            Self::AccessUrlAnswers => Facts("accessUrlStatusCode", 50, "dcat:accessURL", Addresses),
            Self::DownloadUrl => Facts(
                "downloadUrlAvailability",
                20,
                "dcat:downloadURL",
                Distributions,
            ),
            Self::DownloadUrlAnswers => {
                Facts("downloadUrlStatusCode", 30, "dcat:downloadURL", Addresses)
            }
            Self::Format => Facts("formatAvailability", 20, "dct:format", Distributions),
            Self::MediaType => Facts("mediaTypeAvailability", 10, "dcat:mediaType", Distributions),
            Self::Lists => Facts(
                "formatMediaTypeVocabularyAlignment",
                10,
                "dct:format",
                Distributions,
            ),
            Self::NonProprietary => Facts(
                "formatMediaTypeNonProprietary",
                20,
                "dct:format",
                Distributions,
            ),
            Self::MachineReadable => Facts(
                "formatMediaTypeMachineInterpretable",
                20,
                "dct:format",
                Distributions,
            ),
            Self::Compliance => Facts("dcatApCompliance", 30, "dct:conformsTo", Entries),
            Self::Licence => Facts("licenceAvailability", 20, "dct:license", Distributions),
            Self::KnownLicence => Facts("knownLicence", 10, "dct:license", Distributions),
            Self::AccessRights => {
                Facts("accessRightsAvailability", 10, "dct:accessRights", Entries)
            }
            Self::KnownAccessRights => Facts(
                "accessRightsVocabularyAlignment",
                5,
                "dct:accessRights",
                Entries,
            ),
            Self::ContactPoint => {
                Facts("contactPointAvailability", 20, "dcat:contactPoint", Entries)
            }
            Self::Publisher => Facts("publisherAvailability", 10, "dct:publisher", Entries),
            Self::Rights => Facts("rightsAvailability", 5, "dct:rights", Distributions),
            Self::ByteSize => Facts("byteSizeAvailability", 5, "dcat:byteSize", Distributions),
            Self::Issued => Facts("dateIssuedAvailability", 5, "dct:issued", Entries),
            Self::Modified => Facts("dateModifiedAvailability", 5, "dct:modified", Entries),
        }
    }

    /// Local name in the vocabulary of data.europa.eu (prefix `piveau`).
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// Points for all that pass.
    pub fn points(self) -> u32 {
        self.facts().1
    }

    /// The property that it looks at, as a prefixed name.
    pub fn property(self) -> &'static str {
        self.facts().2
    }

    pub fn of(self) -> Of {
        self.facts().3
    }

    pub fn dimension(self) -> Dimension {
        match self {
            Self::Keyword | Self::Category | Self::Spatial | Self::Temporal => {
                Dimension::Findability
            }
            Self::AccessUrlAnswers | Self::DownloadUrl | Self::DownloadUrlAnswers => {
                Dimension::Accessibility
            }
            Self::Format
            | Self::MediaType
            | Self::Lists
            | Self::NonProprietary
            | Self::MachineReadable
            | Self::Compliance => Dimension::Interoperability,
            Self::Rights | Self::ByteSize | Self::Issued | Self::Modified => {
                Dimension::Contextuality
            }
            _ => Dimension::Reusability,
        }
    }
}

/// All points that there are.
pub const WHOLE: u32 = 405;

/// The points that a description can have by itself, without an address being asked.
pub const DESCRIPTION: u32 = 325;

/// How a score is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    Excellent,
    Good,
    Sufficient,
    Bad,
}

impl Rating {
    pub const ALL: [Self; 4] = [Self::Excellent, Self::Good, Self::Sufficient, Self::Bad];

    pub fn name(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Sufficient => "sufficient",
            Self::Bad => "bad",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// The points out of `of` that are called so. The limits are those of data.europa.eu (above 350
    /// of 405, above 220, from 120) in the same proportion.
    pub fn range(self, of: u32) -> RangeInclusive<u32> {
        let above = |limit: u32| limit * of / WHOLE + 1;
        let sufficient = (120 * of).div_ceil(WHOLE);
        match self {
            Self::Excellent => above(350)..=of,
            Self::Good => above(220)..=above(350) - 1,
            Self::Sufficient => sufficient..=above(220) - 1,
            Self::Bad => 0..=sufficient.saturating_sub(1),
        }
    }
}

/// Points, and how many there could be of what was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    pub got: u32,
    pub of: u32,
}

impl Points {
    /// None where nothing was measured.
    pub fn rating(self) -> Option<Rating> {
        let fits = |r: &Rating| self.of > 0 && r.range(self.of).contains(&self.got);
        Rating::ALL.into_iter().find(fits)
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, p| Self {
            got: sum.got + p.got,
            of: sum.of + p.of,
        })
    }
}

/// How many were asked, and how many of them answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub answered: u32,
    pub asked: u32,
}

/// What was found of one entry, or of many together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    passed: [u32; Metric::ALL.len()],
    entries: u32,
    distributions: u32,
    /// Addresses that were asked: access, download.
    asked: [u32; 2],
}

/// What became of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    pub metric: Metric,
    /// How many pass, of how many.
    pub passed: u32,
    pub of: u32,
}

impl Score {
    /// None where it was not measured: no address was asked. An entry without a distribution has
    /// none of the points that distributions give.
    pub fn points(self) -> Option<Points> {
        let of = self.metric.points();
        let got = match (self.of, self.metric.of()) {
            (0, Of::Distributions) => 0,
            (0, _) => return None,
            (n, _) => {
                // Several entries may have more than fits into 32 bits of product.
                let (all, n) = (u64::from(of) * u64::from(self.passed), u64::from(n));
                u32::try_from((all + n / 2) / n).unwrap_or(of)
            }
        };
        Some(Points { got, of })
    }

    /// The share that passes, from 0 to 1; none where it was not measured.
    pub fn share(self) -> Option<f64> {
        self.points()?;
        let of = self.of.max(1);
        Some(f64::from(self.passed) / f64::from(of))
    }
}

/// What is said of a distribution, as far as it counts.
#[derive(Default)]
struct Distribution<'a> {
    download: bool,
    format: Option<&'a str>,
    media: Option<&'a str>,
    licence: Option<&'a str>,
    rights: bool,
    size: bool,
}

impl Measured {
    /// Measures an entry by its published statements; `conforms` says whether they keep the rules
    /// of DCAT-AP. What is no data set is not measured.
    pub fn of(entry: &str, published: &str, conforms: bool) -> Self {
        let mut out = Self::default();
        let mut parts: BTreeMap<&str, Distribution<'_>> = BTreeMap::new();
        let mut is_data = false;
        for s in statements(published).filter(|s| s.about(entry)) {
            let metric = match iri(s.predicate).unwrap_or_default() {
                "http://www.w3.org/ns/dcat#keyword" => Metric::Keyword,
                "http://www.w3.org/ns/dcat#theme" => Metric::Category,
                "http://purl.org/dc/terms/spatial" => Metric::Spatial,
                "http://purl.org/dc/terms/temporal" => Metric::Temporal,
                "http://www.w3.org/ns/dcat#contactPoint" => Metric::ContactPoint,
                "http://purl.org/dc/terms/publisher" => Metric::Publisher,
                "http://purl.org/dc/terms/issued" => Metric::Issued,
                "http://purl.org/dc/terms/modified" => Metric::Modified,
                "http://purl.org/dc/terms/accessRights" => {
                    if in_list(s.target(), "access-right").is_some() {
                        out.pass(Metric::KnownAccessRights, true);
                    }
                    Metric::AccessRights
                }
                "http://www.w3.org/ns/dcat#distribution" => {
                    parts.insert(s.object, Distribution::default());
                    continue;
                }
                _ => {
                    let class = s.target().filter(|_| s.predicate == TYPE);
                    is_data |= class.is_some_and(|c| vocab::is(c, "dcat:Dataset"));
                    continue;
                }
            };
            out.pass(metric, true);
        }
        if !is_data {
            return Self::default();
        }
        // A property with several values counts once.
        out.passed = out.passed.map(|n| n.min(1));
        out.pass(Metric::Compliance, conforms);
        for s in statements(published) {
            let Some(part) = parts.get_mut(s.subject) else {
                continue;
            };
            match iri(s.predicate).unwrap_or_default() {
                "http://www.w3.org/ns/dcat#downloadURL" => part.download = true,
                "http://purl.org/dc/terms/format" => part.format = Some(s.object),
                "http://www.w3.org/ns/dcat#mediaType" => part.media = Some(s.object),
                "http://purl.org/dc/terms/license" => part.licence = Some(s.object),
                "http://purl.org/dc/terms/rights" => part.rights = true,
                "http://www.w3.org/ns/dcat#byteSize" => part.size = true,
                _ => {}
            }
        }
        out.entries = 1;
        for part in parts.values() {
            out.distributions += 1;
            let format = part
                .format
                .and_then(|f| in_list(iri(f), "file-type"))
                .unwrap_or_default();
            let media = part
                .media
                .and_then(iri)
                .is_some_and(|m| m.starts_with("https://www.iana.org/assignments/media-types/"));
            let licence = part.licence.and_then(|l| in_list(iri(l), "licence"));
            out.pass(Metric::DownloadUrl, part.download);
            out.pass(Metric::Format, part.format.is_some());
            out.pass(Metric::MediaType, part.media.is_some());
            out.pass(Metric::Lists, !format.is_empty() && media);
            out.pass(Metric::NonProprietary, NON_PROPRIETARY.contains(&format));
            out.pass(Metric::MachineReadable, MACHINE_READABLE.contains(&format));
            out.pass(Metric::Licence, part.licence.is_some());
            out.pass(Metric::KnownLicence, licence.is_some());
            out.pass(Metric::Rights, part.rights);
            out.pass(Metric::ByteSize, part.size);
        }
        out
    }

    fn pass(&mut self, metric: Metric, passes: bool) {
        self.passed[metric as usize] += u32::from(passes);
    }

    /// Adds what the addresses of distributions answered, those of access and of download.
    #[must_use]
    pub fn answered(mut self, access: Answers, download: Answers) -> Self {
        for (n, (metric, answers)) in [
            (Metric::AccessUrlAnswers, access),
            (Metric::DownloadUrlAnswers, download),
        ]
        .into_iter()
        .enumerate()
        {
            self.passed[metric as usize] += answers.answered;
            self.asked[n] += answers.asked;
        }
        self
    }

    /// Counts another entry in.
    pub fn add(&mut self, other: &Self) {
        for (n, more) in self.passed.iter_mut().zip(other.passed) {
            *n += more;
        }
        for (n, more) in self.asked.iter_mut().zip(other.asked) {
            *n += more;
        }
        self.entries += other.entries;
        self.distributions += other.distributions;
    }

    /// What became of each metric, in the order of [`Metric::ALL`].
    pub fn scores(&self) -> impl Iterator<Item = Score> {
        Metric::ALL.into_iter().map(|metric| Score {
            metric,
            passed: self.passed[metric as usize],
            of: match (metric, metric.of()) {
                (_, Of::Entries) => self.entries,
                (_, Of::Distributions) => self.distributions,
                (Metric::AccessUrlAnswers, Of::Addresses) => self.asked[0],
                (_, Of::Addresses) => self.asked[1],
            },
        })
    }

    /// The points of a dimension.
    pub fn points_of(&self, dimension: Dimension) -> Points {
        self.sum(|m| m.dimension() == dimension)
    }

    /// All points that could be measured.
    pub fn points(&self) -> Points {
        self.sum(|_| true)
    }

    /// The points of the description by itself, out of [`DESCRIPTION`]: they change with the record
    /// alone.
    pub fn description(&self) -> Points {
        self.sum(|m| m.of() != Of::Addresses)
    }

    fn sum(&self, counts: impl Fn(Metric) -> bool) -> Points {
        // What is no data set was not measured at all.
        let scores = self
            .scores()
            .filter(|s| self.entries > 0 && counts(s.metric));
        scores.filter_map(Score::points).sum()
    }
}

/// The code of a concept in an EU authority list.
fn in_list<'a>(target: Option<&'a str>, list: &str) -> Option<&'a str> {
    let code = target?.strip_prefix(EU)?.strip_prefix(list)?;
    code.strip_prefix('/').filter(|code| !code.is_empty())
}

/// Codes of the EU file-type list whose format anyone may read and write.
const NON_PROPRIETARY: [&str; 29] = [
    "BMP",
    "CSV",
    "DBF",
    "GEOJSON",
    "GZIP",
    "HTML",
    "ICS",
    "JPEG2000",
    "JSON",
    "JSON_LD",
    "KML",
    "KMZ",
    "NETCDF",
    "ODS",
    "PNG",
    "RDF_N_QUADS",
    "RDF_N_TRIPLES",
    "RDF_TRIG",
    "RDF_TURTLE",
    "RDF_XML",
    "RSS",
    "RTF",
    "TAR",
    "TIFF",
    "TSV",
    "TXT",
    "WMS_SRVC",
    "XML",
    "ZIP",
];

/// Codes of the EU file-type list whose content programs can take apart.
const MACHINE_READABLE: [&str; 20] = [
    "CSV",
    "GEOJSON",
    "ICS",
    "JSON",
    "JSON_LD",
    "KML",
    "KMZ",
    "NETCDF",
    "ODS",
    "RDFA",
    "RDF_N_QUADS",
    "RDF_N_TRIPLES",
    "RDF_TRIG",
    "RDF_TURTLE",
    "RDF_XML",
    "RSS",
    "SHP",
    "XLS",
    "XLSX",
    "XML",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_come_to_the_sum_that_is_said() {
        let sum = |counts: fn(&Metric) -> bool| -> u32 {
            let some = Metric::ALL.into_iter().filter(counts);
            some.map(Metric::points).sum()
        };
        assert_eq!(sum(|_| true), WHOLE);
        assert_eq!(sum(|m| m.of() != Of::Addresses), DESCRIPTION);
        for (dimension, points) in Dimension::ALL.into_iter().zip([100, 100, 110, 75, 20]) {
            let some = Metric::ALL
                .into_iter()
                .filter(|m| m.dimension() == dimension);
            assert_eq!(some.map(Metric::points).sum::<u32>(), points);
        }
        for (n, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, n);
        }
    }

    #[test]
    fn every_number_of_points_has_one_rating() {
        for of in [WHOLE, DESCRIPTION, 375, 20] {
            for got in 0..=of {
                let fits = |r: &Rating| r.range(of).contains(&got);
                let all: Vec<_> = Rating::ALL.into_iter().filter(fits).collect();
                assert_eq!(all.len(), 1, "{got} of {of}: {all:?}");
            }
        }
        let rating = |got| Points { got, of: WHOLE }.rating();
        let limits = [119, 120, 220, 221, 350, 351]
            .map(rating)
            .map(Option::unwrap);
        use Rating::{Bad, Excellent, Good, Sufficient};
        assert_eq!(limits, [Bad, Sufficient, Sufficient, Good, Good, Excellent]);
        assert_eq!(Points::default().rating(), None);
    }
}
