//! Latency of NGSI-LD entities and queries at constant rates.
use crate::SEED;
use crate::dcat::{Promise, promised};
use crate::random::Random;
use crate::room::Room;
use crate::service::{self, Service};
use std::fmt::Write;
use std::path::PathBuf;

const MODELS: &str = "https://smartdatamodels.org/dataModel.DCAT-AP/";
const THEMES: [&str; 5] = ["ENVI", "TRAN", "ENER", "GOVE", "TECH"];

/// Datasets, each with a place, a theme and a distribution: three entities each, with its record.
pub fn turtle(datasets: usize) -> String {
    let mut out = String::from(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> .\n@prefix dct: <http://purl.org/dc/terms/> .\n\
         @prefix locn: <http://www.w3.org/ns/locn#> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n\
         @prefix wkt: <http://www.opengis.net/ont/geosparql#> .\n",
    );
    for n in 0..datasets {
        let mut random = Random::of([SEED, n as u64, 3]);
        let mut degrees =
            |from: i32, wide: usize| f64::from(from) + random.below(wide * 1_000) as f64 / 1e3;
        let (x, y) = (degrees(-10, 40), degrees(35, 30));
        let (theme, size) = (random.pick(&THEMES), random.below(1_000_000));
        let _ = writeln!(
            out,
            "<https://d.example/{n}> a dcat:Dataset ; dct:title \"Series {n}\"@en ; \
             dct:description \"Readings of the stations in area {n}, one for each hour.\"@en ; \
             dcat:theme <http://publications.europa.eu/resource/authority/data-theme/{theme}> ; \
             dct:spatial <https://d.example/{n}#place> ; dcat:distribution <https://d.example/{n}#csv> .\n\
             <https://d.example/{n}#place> a dct:Location ; locn:geometry \"POINT({x} {y})\"^^wkt:wktLiteral .\n\
             <https://d.example/{n}#csv> a dcat:Distribution ; dcat:accessURL <https://d.example/{n}.csv> ; \
             dcat:byteSize \"{size}\"^^xsd:nonNegativeInteger ."
        );
    }
    out
}

/// A directory with so many datasets, and a file with settings.
pub fn catalogue(
    room: &mut Room,
    name: &str,
    datasets: usize,
    settings: &str,
) -> std::io::Result<(PathBuf, String)> {
    let dir = room.empty(name)?;
    let (file, config) = (dir.with_extension("ttl"), dir.with_extension("toml"));
    std::fs::write(&file, turtle(datasets))?;
    std::fs::write(&config, settings)?;
    eprintln!("   importing {datasets} datasets");
    let import = service::import(&dir, &file)?;
    if !import.text().contains(&format!("{datasets} added")) {
        room.wrong(crate::room::last_lines(&import.text()));
    }
    Ok((dir, config.to_string_lossy().into_owned()))
}

pub fn measure(room: &mut Room) -> std::io::Result<()> {
    let datasets = room.size / 3;
    let (dir, config) = catalogue(room, "ngsi", datasets, "[ngsi]\nid_prefix = \"b\"\n")?;
    let service = Service::start(&dir, &["--no-seed", "--config", &config])?;
    service.ready()?;
    let root = "/ngsi-ld/v1/entities";
    promised(
        room,
        &service,
        &Promise {
            name: "`/ngsi-ld/v1/entities/{id}`",
            rate: 1000.0,
            goal: 5.0,
            connections: 64,
        },
        |random| {
            format!(
                "{root}/urn:ngsi-ld:Dataset:b.series-{}",
                random.below(datasets)
            )
        },
        |path, body| String::from_utf8_lossy(body).contains(path.rsplit('/').next().unwrap_or("?")),
    );
    let query = |random: &mut Random| {
        let kind = format!("type={MODELS}Dataset");
        match random.below(3) {
            0 => {
                let theme = random.pick(&THEMES);
                format!(
                    "{kind}&q={MODELS}theme==http://publications.europa.eu/resource/authority/data-theme/{theme}"
                )
            }
            1 => {
                let from = random.below(900_000);
                format!("q={MODELS}byteSize=={from}..{}", from + 100_000)
            }
            _ => {
                let (x, y) = (random.below(40) as f64 - 10.0, 35 + random.below(30));
                format!(
                    "{kind}&georel=near;maxDistance==200000&geometry=Point&coordinates=%5B{x},{y}%5D"
                )
            }
        }
    };
    promised(
        room,
        &service,
        &Promise {
            name: "NGSI-LD query: equal, range or near, 20 entities and a count",
            rate: 100.0,
            goal: 30.0,
            connections: 32,
        },
        |random| format!("{root}?count=true&{}", query(random)),
        |_, body| body.starts_with(b"[") && body.ends_with(b"]"),
    );
    Ok(())
}
