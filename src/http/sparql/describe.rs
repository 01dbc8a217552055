//! What this endpoint says of itself: SPARQL 1.1 Service Description, with VoID for the dataset.
use crate::record::vocab::expand;
use oxigraph::model::vocab::rdf;
use oxigraph::model::{Literal, NamedNode, Term, Triple};

const SD: &str = "http://www.w3.org/ns/sparql-service-description#";
const VOID: &str = "http://rdfs.org/ns/void#";

/// Those of the description beside the usual ones.
pub const PREFIXES: [(&str, &str); 4] = [
    ("formats", "http://www.w3.org/ns/formats/"),
    ("geof", "http://www.opengis.net/def/function/geosparql/"),
    ("sd", SD),
    ("void", VOID),
];

/// The result formats by their names at W3C.
const FORMATS: [&str; 8] = [
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "RDF_XML",
    "JSON-LD",
];

/// The description; every node in it has a name below the endpoint's.
///
/// No `sd:feature` is stated because none of the five holds: the default graph is no union, no IRI
/// is dereferenced, no graph may be empty, SERVICE is refused and a dataset is not required.
pub fn service(public_url: &str, triples: usize) -> Vec<Triple> {
    let sd = |local: &str| NamedNode::new_unchecked(format!("{SD}{local}"));
    let void = |local: &str| NamedNode::new_unchecked(format!("{VOID}{local}"));
    let endpoint = NamedNode::new_unchecked(format!("{public_url}sparql"));
    let dataset = NamedNode::new_unchecked(format!("{public_url}sparql#dataset"));
    let graph = NamedNode::new_unchecked(format!("{public_url}sparql#default-graph"));
    let mut out = Vec::new();
    let mut say = |s: &NamedNode, p: NamedNode, o: Term| out.push(Triple::new(s.clone(), p, o));
    let title = |text: &str| Term::from(Literal::new_language_tagged_literal_unchecked(text, "en"));

    say(&endpoint, rdf::TYPE.into(), sd("Service").into());
    say(&endpoint, sd("endpoint"), endpoint.clone().into());
    say(
        &endpoint,
        expand("dct:title"),
        title("SPARQL endpoint of the catalogue"),
    );
    say(
        &endpoint,
        sd("supportedLanguage"),
        sd("SPARQL11Query").into(),
    );
    for format in FORMATS {
        let format = NamedNode::new_unchecked(format!("http://www.w3.org/ns/formats/{format}"));
        say(&endpoint, sd("resultFormat"), format.into());
    }
    for (function, _) in spargeo::GEOSPARQL_EXTENSION_FUNCTIONS {
        let function = function.into_owned();
        say(&endpoint, sd("extensionFunction"), function.clone().into());
        say(&function, rdf::TYPE.into(), sd("Function").into());
    }
    let simple = NamedNode::new_unchecked("http://www.w3.org/ns/entailment/Simple");
    say(&endpoint, sd("defaultEntailmentRegime"), simple.into());
    say(&endpoint, sd("defaultDataset"), dataset.clone().into());
    say(&dataset, rdf::TYPE.into(), sd("Dataset").into());
    say(
        &dataset,
        expand("dct:title"),
        title("The published records"),
    );
    say(&dataset, sd("defaultGraph"), graph.clone().into());
    say(&graph, rdf::TYPE.into(), sd("Graph").into());
    say(&graph, rdf::TYPE.into(), void("Dataset").into());
    let count = Literal::from(u64::try_from(triples).unwrap_or(u64::MAX));
    say(&graph, void("triples"), count.into());
    let dump = NamedNode::new_unchecked(format!("{public_url}catalog/dump.nt"));
    say(&graph, void("dataDump"), dump.into());
    out
}
