//! Measured quality in the Data Quality Vocabulary of W3C, with the metrics of data.europa.eu. The
//! nodes lie below the page of what was measured; they are in no record and in no page of the
//! catalogue, so that harvests stay as small as they are.
use super::dcat::Lines;
use crate::record::quality::{Dimension, Measured, Points};
use crate::record::vocab::{BASE, expand};
use crate::record::{Record, sorted};
use oxigraph::model::Literal;
use oxigraph::model::vocab::xsd;

/// The metric whose value are the points of the description by itself.
const DESCRIPTION: &str = "ldt:descriptionScore";

/// What the graph holds of an entry's quality: the points of its description, in three statements.
/// Nothing of what is no data set.
pub fn score(record: &Record, published: &str) -> String {
    let points = Measured::of(&record.iri, published, record.is_shown()).description();
    let mut out = Lines::default();
    if points.of > 0 {
        let page = format!("{BASE}resource/{}", record.slug);
        out.measurement(&record.iri, &page, DESCRIPTION, integer(points.got));
    }
    sorted(out.0)
}

/// All that was measured of `about`, which is an entry or the catalogue, as a document of its own.
/// The nodes are `{page}#quality-{metric}`; a metric's value is the share that passes, a score's its
/// points.
pub fn document(about: &str, page: &str, measured: &Measured) -> String {
    let mut out = Lines::default();
    for score in measured.scores() {
        let Some(share) = score.share() else { continue };
        let name = format!("piveau:{}", score.metric.name());
        let value = Literal::new_typed_literal(decimal(share), xsd::DECIMAL);
        let node = out.measurement(about, page, &name, value);
        out.describe(&node, about, &name);
        out.dimension(&name, score.metric.dimension());
        let points = score.points().unwrap_or_default();
        out.say(&node, "ldt:pointsPossible", integer(points.of));
    }
    let dimensions = Dimension::ALL.map(|d| {
        let name = format!("piveau:{}Scoring", d.name());
        (name, measured.points_of(d), Some(d))
    });
    let whole = [
        ("piveau:scoring".to_owned(), measured.points(), None),
        (DESCRIPTION.to_owned(), measured.description(), None),
    ];
    for (name, Points { got, of }, dimension) in dimensions.into_iter().chain(whole) {
        if of == 0 {
            continue;
        }
        let node = out.measurement(about, page, &name, integer(got));
        out.describe(&node, about, &name);
        out.say(&node, "ldt:pointsPossible", integer(of));
        if let Some(dimension) = dimension {
            out.dimension(&name, dimension);
        }
    }
    sorted(out.0)
}

impl Lines {
    /// A measurement with its value; gives its node.
    fn measurement(&mut self, about: &str, page: &str, metric: &str, value: Literal) -> String {
        let local = metric.split_once(':').map_or(metric, |(_, local)| local);
        let node = format!("{page}#quality-{local}");
        self.link(about, "dqv:hasQualityMeasurement", &node);
        self.say(&node, "dqv:isMeasurementOf", expand(metric));
        self.say(&node, "dqv:value", value);
        node
    }

    /// What a reader needs who has this document alone.
    fn describe(&mut self, node: &str, about: &str, metric: &str) {
        self.say(node, "rdf:type", expand("dqv:QualityMeasurement"));
        self.link(node, "dqv:computedOn", about);
        self.say(expand(metric).as_str(), "rdf:type", expand("dqv:Metric"));
    }

    fn dimension(&mut self, metric: &str, dimension: Dimension) {
        let dimension = expand(&format!("piveau:{}", dimension.name()));
        let class = expand("dqv:Dimension");
        self.say(dimension.as_str(), "rdf:type", class);
        self.say(expand(metric).as_str(), "dqv:inDimension", dimension);
    }
}

fn integer(n: u32) -> Literal {
    Literal::new_typed_literal(n.to_string(), xsd::INTEGER)
}

/// Four decimals, those that say nothing left out (XSD 1.1, part 2, section 3.3.3).
fn decimal(share: f64) -> String {
    let text = format!("{share:.4}");
    let short = text.trim_end_matches('0');
    match short.strip_suffix('.') {
        Some(whole) => format!("{whole}.0"),
        None => short.to_owned(),
    }
}
