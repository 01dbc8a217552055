//! Sheets of any size: the columns of `data/resources.csv` and `License`, every row valid, the same
//! bytes for the same arguments.
use crate::random::{Random, Zipf};

const HEADER: [&str; 23] = [
    "Index",
    "Short name",
    "Long name",
    "Maintainer",
    "Version",
    "Category",
    "Layer",
    "Scope",
    "Origin",
    "MIMs",
    "Description",
    "A Resource",
    "A Link",
    "B Resource",
    "B Link",
    "C Resource",
    "C Link",
    "D Resource",
    "D Link",
    "E Resource",
    "E Link",
    "KH?",
    "License",
];

// Weights by repetition, roughly as often as in the bundled library.
const CATEGORIES: [&str; 14] = [
    "Tool/Implementation",
    "Tool/Implementation",
    "Tool/Implementation",
    "Tool/Implementation",
    "Tool/Implementation",
    "Standard",
    "Standard",
    "Framework",
    "Framework",
    "Initiative",
    "Protocol",
    "Data model",
    "Guide",
    "Service",
];
const LAYERS: [&str; 10] = [
    "Data management",
    "Data management",
    "Data management",
    "Connectivity",
    "Connectivity",
    "Decision-making",
    "Visualisation",
    "Analytics",
    "Data acquisition",
    "Data sources",
];
const SCOPES: [&str; 4] = [
    "Local Digital Twins",
    "Interoperability",
    "Data Spaces",
    "AI for Smart Cities",
];
const ORIGINS: [&str; 7] = [
    "LDT4SSC",
    "Data Spaces",
    "AI for Smart Cities",
    "Local Digital Twins",
    "CitiVERSE",
    "Interoperability & MIMs",
    "Cities Network",
];
const LICENCES: [&str; 10] = [
    "",
    "",
    "",
    "Apache-2.0",
    "Apache-2.0",
    "MIT",
    "CC-BY-4.0",
    "EUPL-1.2",
    "AGPL-3.0-or-later",
    "GPL-3.0-only",
];
const FIRST: [&str; 24] = [
    "Harbour", "Urban", "Canal", "Quarter", "Street", "Meadow", "River", "Tram", "Signal",
    "Lantern", "Bridge", "Parcel", "Roof", "Garden", "Market", "Tower", "Delta", "Coast", "Valley",
    "Forum", "Atlas", "Beacon", "Orchard", "Square",
];
const SECOND: [&str; 20] = [
    "Flow", "Broker", "Mesh", "Lens", "Graph", "Gateway", "Profile", "Model", "Kit", "Index",
    "Pulse", "Studio", "Registry", "Planner", "Sensor", "Link", "Map", "Stream", "Engine",
    "Ledger",
];
const PLACES: [&str; 24] = [
    "Aarhus",
    "Bologna",
    "Brno",
    "Cork",
    "Coimbra",
    "Dresden",
    "Eindhoven",
    "Espoo",
    "Gdansk",
    "Ghent",
    "Graz",
    "Kaunas",
    "Ljubljana",
    "Lyon",
    "Malmo",
    "Nantes",
    "Porto",
    "Riga",
    "Rotterdam",
    "Sofia",
    "Split",
    "Tartu",
    "Valencia",
    "Zaragoza",
];
const BODIES: [&str; 8] = [
    "City Council",
    "Institute of Technology",
    "Mobility Agency",
    "Open Source Foundation",
    "Water Board",
    "Data Office",
    "Standards Group",
    "Systems Ltd",
];
const SUBJECTS: [&str; 10] = [
    "This specification",
    "The tool",
    "A small library",
    "The platform",
    "This profile",
    "The model",
    "An open interface",
    "The framework",
    "This guide",
    "The service",
];
const VERBS: [&str; 10] = [
    "describes",
    "exchanges",
    "collects",
    "validates",
    "publishes",
    "simulates",
    "links",
    "visualises",
    "forecasts",
    "stores",
];
const THINGS: [&str; 16] = [
    "air quality measurements",
    "traffic counts",
    "building models",
    "noise levels",
    "energy demand",
    "parking places",
    "tree inventories",
    "flood levels",
    "public transport timetables",
    "street lighting",
    "waste collection rounds",
    "données ouvertes",
    "heat islands",
    "pedestrian flows",
    "Grundstücksgrenzen",
    "crowd densities",
];
const PEOPLE: [&str; 10] = [
    "city integrators",
    "data stewards",
    "twin developers",
    "planners",
    "researchers",
    "operators",
    "mobility departments",
    "utilities",
    "portal editors",
    "procurement officers",
];
const ENDINGS: [&str; 12] = [
    "before any integration starts",
    "without copying the data",
    "at the level of a single street",
    "so that other catalogues can harvest them",
    "with an hourly resolution",
    "through an NGSI-LD broker",
    "next to the existing \"GIS\" tools",
    "under a common vocabulary",
    "in three European pilots",
    "with role-based access, logging and audit",
    "even when the connection is lost",
    "as part of a yearly review",
];

/// A sheet of `rows` rows.
pub fn generate(rows: usize, seed: u64) -> Vec<u8> {
    changed(rows, seed, 0)
}

/// The same sheet where every description and version is another one in each `round`.
pub fn changed(rows: usize, seed: u64, round: u64) -> Vec<u8> {
    let maintainers = Zipf::of(rows.div_ceil(20).max(1));
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(rows * 700));
    writer.write_record(HEADER).expect("memory takes it");
    for number in 1..=rows {
        writer
            .write_record(row(number, seed, round, &maintainers))
            .expect("memory takes it");
    }
    writer.into_inner().expect("memory takes it")
}

/// The slug under which row `number`, counted from 1, is served.
pub fn slug(number: usize, seed: u64) -> String {
    name(number, seed).to_lowercase().replace(' ', "-")
}

fn name(number: usize, seed: u64) -> String {
    let mut random = Random::of([seed, number as u64, 1]);
    let (first, second) = (random.pick(&FIRST), random.pick(&SECOND));
    format!("{first} {second} {number:06}")
}

fn row(number: usize, seed: u64, round: u64, maintainers: &Zipf) -> Vec<String> {
    let mut random = Random::of([seed, number as u64, 2]);
    let mut fresh = Random::of([seed, number as u64, 3 + round]);
    let short = name(number, seed);
    let purpose = format!("{} for {}", random.pick(&THINGS), random.pick(&PEOPLE));
    let mut mims: Vec<String> = (0..random.below(4))
        .map(|_| format!("MIM{}", random.below(9)))
        .collect();
    mims.sort();
    mims.dedup();
    let mut scopes = vec![random.pick(&SCOPES), random.pick(&SCOPES)];
    scopes.dedup();
    scopes.truncate(1 + random.below(2));
    let version = match (round, random.below(3)) {
        (0, 0) => String::new(),
        (_, minor) => format!("{}.{minor}", 1 + round),
    };
    let mut cells = vec![
        format!("g{number:06}"),
        short.clone(),
        format!("{short}: {purpose}"),
        maintainer(maintainers.pick(&mut random)),
        version,
        random.pick(&CATEGORIES).to_owned(),
        random.pick(&LAYERS).to_owned(),
        scopes.join(", "),
        if random.below(3) == 0 {
            random.pick(&ORIGINS).to_owned()
        } else {
            String::new()
        },
        mims.join(", "),
        description(&mut fresh),
    ];
    cells.extend(links(number, &mut random));
    cells.push("Y".into());
    cells.push(random.pick(&LICENCES).to_owned());
    cells
}

fn maintainer(rank: usize) -> String {
    let place = PLACES[rank % PLACES.len()];
    let body = BODIES[rank / PLACES.len() % BODIES.len()];
    match rank / (PLACES.len() * BODIES.len()) {
        0 => format!("{place} {body}"),
        more => format!("{place} {body} {}", more + 1),
    }
}

/// Sentences up to 150 characters or more, at most 400.
fn description(random: &mut Random) -> String {
    let wanted = 150 + random.below(200);
    let mut text = String::new();
    while text.chars().count() < wanted {
        let sentence = format!(
            "{} {} {} for {} {}.",
            random.pick(&SUBJECTS),
            random.pick(&VERBS),
            random.pick(&THINGS),
            random.pick(&PEOPLE),
            random.pick(&ENDINGS)
        );
        if text.chars().count() + sentence.chars().count() >= 400 {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text += &sentence;
    }
    text
}

/// Ten cells: one to five links, each a label and an address.
fn links(number: usize, random: &mut Random) -> Vec<String> {
    let host = format!("r{number}.example.org");
    let all = [
        ("Website", format!("https://{host}/")),
        (
            "Specification",
            format!("https://{host}/spec/v{}.pdf", 1 + random.below(5)),
        ),
        ("Git", format!("https://git.example.org/{host}/main")),
        ("Documentation", format!("https://{host}/docs/")),
        ("Context", format!("https://{host}/context.jsonld")),
    ];
    let count = [1, 1, 2, 2, 3, 5][random.below(6)];
    let from = random.below(all.len());
    let mut cells: Vec<String> = all
        .iter()
        .cycle()
        .skip(from)
        .take(count)
        .flat_map(|(label, address)| [(*label).to_owned(), address.clone()])
        .collect();
    cells.resize(10, String::new());
    cells
}
