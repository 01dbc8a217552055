//! Feeding context brokers: each scenario against all three, compared by the hash of every entity.
use crate::brokers::{ALL, Broker, Kind};
use crate::import::{csv, row};
use crate::official::specification;
use crate::support::{Server, ask, directory, import, launch, ready, run};
use ldt_catalogue::publish::{Action, Answer, Verdict, read};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A service with targets; it follows by itself if `follow`.
struct Source {
    server: Option<Server>,
    dir: PathBuf,
    config: String,
    /// Where it was first.
    public: String,
}

impl Source {
    fn start(name: &str, follow: bool, targets: &str, more: &[&str]) -> Self {
        let dir = directory(name);
        let file = dir.with_extension("publish.toml");
        let text = format!("[publish]\nfollow = {follow}\n{targets}");
        std::fs::write(&file, text).expect("writes");
        let config = file.to_string_lossy().into_owned();
        let mut source = Self {
            server: None,
            dir,
            config,
            public: String::new(),
        };
        source.serve(more);
        source.public = source.server().address.clone();
        source
    }

    fn serve(&mut self, more: &[&str]) {
        let arguments = [&["--config", &self.config], more].concat();
        let server = launch(&self.dir, &arguments);
        ready(&server);
        self.server = Some(server);
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn publish(&self, arguments: &[&str]) -> (i32, String) {
        run(
            &self.dir,
            &[&["--config", &self.config, "publish"], arguments].concat(),
        )
    }

    /// Brings in a sheet of these names, and what they say of themselves.
    fn write(&self, names: &[(&str, &str)]) {
        let file = self.dir.with_extension("csv");
        let rows: Vec<Vec<String>> = names
            .iter()
            .map(|(name, version)| row(&[("Short name", name), ("Version", version)]))
            .collect();
        std::fs::write(&file, csv(&rows)).expect("writes");
        let (good, said) = import(&self.dir, &file, &["--prune", "--force"]);
        assert!(good, "{said}");
    }

    /// Ids and hashes of all entities, as its own NGSI-LD face has them.
    fn entities(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for kind in [
            "Agent",
            "DataService",
            "Distribution",
            "Dataset",
            "CatalogueRecord",
            "Catalogue",
        ] {
            for offset in (0..).step_by(500) {
                let path = format!(
                    "/ngsi-ld/v1/entities?type={kind}&limit=500&offset={offset}&format=simplified"
                );
                let link = format!(
                    "<http://{}/contexts/{}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
                    self.public,
                    ldt_catalogue::mapping::ngsi::context::file()
                );
                let answer = self.server().ask(
                    "GET",
                    &path,
                    &[("Link", &link), ("Accept", "application/json")],
                    b"",
                );
                assert_eq!(answer.status, 200, "{}", answer.text());
                let page: Vec<Value> = serde_json::from_slice(&answer.body).expect("a list");
                for entity in &page {
                    let text = |name: &str| entity[name].as_str().expect("text").to_owned();
                    all.insert(text("id"), text("contentHash"));
                }
                if page.len() < 500 {
                    break;
                }
            }
        }
        all
    }

    /// Waits until a broker holds exactly what there is.
    fn arrives(&self, broker: &Broker) {
        let began = Instant::now();
        loop {
            let (wanted, there) = (self.entities(), broker.contents());
            if wanted == there {
                return;
            }
            if began.elapsed() > Duration::from_secs(60) {
                let missing: Vec<_> = wanted
                    .iter()
                    .filter(|w| there.get(w.0) != Some(w.1))
                    .take(5)
                    .collect();
                let extra: Vec<_> = there
                    .keys()
                    .filter(|id| !wanted.contains_key(*id))
                    .take(5)
                    .collect();
                panic!(
                    "{:?}: missing {missing:?}, too much {extra:?}\n{}",
                    broker.kind,
                    self.publish(&[]).1
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn each(name: &str, look: impl Fn(Broker, &str)) {
    for kind in ALL {
        look(Broker::start(kind), &format!("{name}-{}", kind.name()));
    }
}

#[test]
fn the_whole_library_arrives_and_a_second_time_nothing_is_sent() {
    each("publish-all", |broker, name| {
        let source = Source::start(name, false, &broker.target("city", ""), &[]);
        let (code, said) = source.publish(&["--dry-run"]);
        assert!(
            code == 0 && said.contains("to be sent, 0 to be deleted"),
            "{said}"
        );
        assert!(broker.contents().is_empty(), "a dry run sends nothing");
        let (code, said) = source.publish(&["--once"]);
        assert_eq!(code, 0, "{said}");
        let entities = source.entities();
        assert!(entities.len() > 600, "{}", entities.len());
        assert_eq!(broker.contents(), entities);
        let log = broker.inside().log.len();
        let (code, said) = source.publish(&["--reconcile"]);
        assert!(
            code == 0 && said.contains("city: 0 sent, 0 deleted"),
            "{said}"
        );
        assert_eq!(broker.inside().log.len(), log);
        // Names came to be IRIs, so that another's query finds them.
        let inside = broker.inside();
        let orion = inside.entities.values().find(|e| {
            e["id"]
                .as_str()
                .is_some_and(|i| i.ends_with(".orion-ld") && i.contains(":Dataset:"))
        });
        let orion = orion.expect("an entity of the library");
        assert_eq!(
            orion["type"],
            "https://smartdatamodels.org/dataModel.DCAT-AP/Dataset"
        );
        assert!(
            orion
                .as_object()
                .expect("an object")
                .keys()
                .any(|k| k.ends_with("#ldtLayer")),
            "{orion}"
        );
        drop(inside);
        let (_, state) = source.publish(&[]);
        assert!(state.contains("up to date"), "{state}");
    });
}

#[test]
fn what_changes_and_what_goes_follows_by_itself() {
    each("publish-follow", |broker, name| {
        let source = Source::start(name, true, &broker.target("city", ""), &["--no-seed"]);
        source.write(&[("Apple", "1"), ("Pear", "1"), ("Plum", "1")]);
        source.arrives(&broker);
        let before = broker.contents();
        source.write(&[("Apple", "2"), ("Pear", "1"), ("Plum", "1")]);
        source.arrives(&broker);
        let after = broker.contents();
        let changed: Vec<&String> = after
            .iter()
            .filter(|a| before.get(a.0) != Some(a.1))
            .map(|a| a.0)
            .collect();
        assert!(
            changed
                .iter()
                .any(|id| id.contains("Dataset") && id.ends_with(".apple")),
            "{changed:?}"
        );
        assert!(
            !changed.iter().any(|id| id.ends_with(".pear")),
            "{changed:?}"
        );
        source.write(&[("Apple", "2"), ("Plum", "1")]);
        source.arrives(&broker);
        assert!(!broker.contents().keys().any(|id| id.ends_with(".pear")));
        // Who maintained all of them goes with the last.
        source.write(&[("Apple", "3")]);
        source.arrives(&broker);
        assert!(
            broker
                .contents()
                .keys()
                .any(|id| id.contains(":Agent:") && id.contains("etsi"))
        );
        let (code, said) = run(&source.dir, &["decide", "apple", "withdraw"]);
        assert_eq!(code, 0, "{said}");
        source.arrives(&broker);
        assert!(
            !broker
                .contents()
                .keys()
                .any(|id| id.contains(":Agent:") && id.contains("etsi"))
        );
        // What is erased does not tell any more which entities it was.
        source.write(&[("Kiwi", "1"), ("Lime", "1")]);
        source.arrives(&broker);
        let (code, said) = run(&source.dir, &["purge", "kiwi"]);
        assert_eq!(code, 0, "{said}");
        source.arrives(&broker);
        assert!(!broker.contents().keys().any(|id| id.ends_with(".kiwi")));
    });
}

#[test]
fn a_target_that_was_away_fell_over_or_forgot_comes_to_hold_the_right_things() {
    each("publish-faults", |mut broker, name| {
        let source = Source::start(name, true, &broker.target("city", ""), &["--no-seed"]);
        let all: Vec<(String, String)> = (0..60)
            .map(|n| (format!("Fruit {n}"), "1".to_owned()))
            .collect();
        let named = |version: &str| -> Vec<(String, String)> {
            all.iter()
                .map(|(name, _)| (name.clone(), version.to_owned()))
                .collect()
        };
        let write = |version: &str| {
            let rows = named(version);
            let rows: Vec<(&str, &str)> =
                rows.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            source.write(&rows);
        };
        // It is not there when there is something to send.
        broker.stop();
        write("1");
        std::thread::sleep(Duration::from_millis(700));
        let (_, state) = source.publish(&[]);
        assert!(state.contains("changes behind"), "{state}");
        broker.come_back();
        source.arrives(&broker);
        // It falls over in the middle of a batch.
        broker.inside().faults.breaks = true;
        write("2");
        source.arrives(&broker);
        assert!(!broker.inside().faults.breaks, "it fell over");
        // It is ill for a moment, and says how long.
        broker.inside().faults.down = Some((503, Some(1)));
        write("3");
        std::thread::sleep(Duration::from_millis(900));
        broker.inside().faults.down = None;
        source.arrives(&broker);
        // It loses half of what it had, and something is there that should not be.
        {
            let mut inside = broker.inside();
            let half: Vec<_> = inside.entities.keys().step_by(2).cloned().collect();
            let mut odd = inside.entities[&half[0]].clone();
            inside.entities.retain(|key, _| !half.contains(key));
            let id = half[0].1.clone() + "-left-over";
            odd["id"] = id.clone().into();
            inside.entities.insert((String::new(), id), odd);
        }
        let (code, said) = source.publish(&["--reconcile"]);
        assert!(code == 0 && said.contains(" 1 deleted"), "{said}");
        assert_eq!(broker.contents(), source.entities());
    });
}

#[test]
fn a_poisonous_entity_holds_up_no_other_and_is_listed_until_it_is_taken() {
    each("publish-poison", |broker, name| {
        let targets = broker.target("city", "prefix = \"turin\"");
        let source = Source::start(name, false, &targets, &["--no-seed"]);
        source.write(&[("Apple", "1"), ("Pear", "1"), ("Plum", "1")]);
        let bad = "urn:ngsi-ld:Dataset:turin.pear".to_owned();
        let worse = "urn:ngsi-ld:Dataset:turin.plum".to_owned();
        broker.inside().faults.refuses.insert(bad.clone());
        broker.inside().faults.chokes_on.insert(worse.clone());
        let (code, said) = source.publish(&["--once"]);
        assert!(code != 0 && said.contains("2 not taken"), "{said}");
        let there = broker.contents();
        assert!(
            there.contains_key("urn:ngsi-ld:Dataset:turin.apple"),
            "{there:?}"
        );
        assert!(
            there.contains_key("urn:ngsi-ld:CatalogueRecord:turin.plum"),
            "{there:?}"
        );
        assert!(!there.contains_key(&bad) && !there.contains_key(&worse));
        let (_, state) = source.publish(&[]);
        assert!(
            state.contains(&bad) && state.contains("it is not liked"),
            "{state}"
        );
        assert!(
            state.contains(&worse) && state.contains("Database Error"),
            "{state}"
        );
        // The same on the moderators' pages and among the figures.
        let (_, made) = run(&source.dir, &["token", "add", "--role", "administrator"]);
        let bearer = format!("Bearer {}", made.lines().next().expect("a token"));
        let page = |path: &str| {
            let headers = [("Accept", "text/html"), ("Authorization", bearer.as_str())];
            let answer = source.server().ask("GET", path, &headers, b"");
            assert_eq!(answer.status, 200, "{path}");
            answer.text()
        };
        let desk = page("/admin/targets");
        assert!(
            desk.contains(&bad) && desk.contains("it is not liked"),
            "{desk}"
        );
        assert!(page("/resource/pear").contains("not taken: "));
        assert!(page("/resource/apple").contains("has it; last answer"));
        let open = source.server().get("/resource/pear", "text/html");
        assert!(!open.contains("not taken: "), "that is for moderators");
        let figures = source.server().body("/metrics");
        assert!(
            figures.contains("ldt_catalogue_target_undelivered{target=\"city\"} 2"),
            "{figures}"
        );
        assert!(
            figures.contains("ldt_catalogue_target_lag{target=\"city\"} 0"),
            "{figures}"
        );
        // What is refused is not asked for again before it changes.
        let log = broker.inside().log.len();
        source.publish(&["--once"]);
        assert_eq!(broker.inside().log.len(), log);
        broker.inside().faults.refuses.clear();
        broker.inside().faults.chokes_on.clear();
        source.write(&[("Apple", "1"), ("Pear", "2"), ("Plum", "1")]);
        let (code, said) = source.publish(&["--once"]);
        assert!(code != 0 && said.contains("1 not taken"), "{said}");
        assert!(
            broker.contents().contains_key(&bad),
            "it changed, so it was sent"
        );
        let form = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let sent = source
            .server()
            .ask("POST", "/admin/targets", &form, b"target=city&wish=retry");
        assert_eq!(sent.status, 303, "{}", sent.text());
        let own = source.entities();
        let began = Instant::now();
        while broker.contents().len() < own.len() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{}",
                source.publish(&[]).1
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let hashes =
            |all: BTreeMap<String, String>| -> BTreeSet<String> { all.into_values().collect() };
        assert_eq!(
            hashes(broker.contents()),
            hashes(own),
            "the same under another prefix"
        );
    });
}

#[test]
fn one_slow_target_delays_no_other_and_two_catalogues_feed_one_broker() {
    let (slow, fast) = (Broker::start(Kind::Scorpio), Broker::start(Kind::Stellio));
    slow.inside().faults.slow = Duration::from_secs(20);
    let targets = slow.target("slow", "") + &fast.target("fast", "");
    let source = Source::start("publish-slow", true, &targets, &["--no-seed"]);
    source.write(&[("Apple", "1"), ("Pear", "1")]);
    source.arrives(&fast);
    assert!(slow.contents().is_empty(), "it has not even answered");
    let other = Source::start(
        "publish-other",
        false,
        &fast.target("same", ""),
        &["--no-seed"],
    );
    other.write(&[("Apple", "7"), ("Kiwi", "1")]);
    let (code, said) = other.publish(&["--reconcile"]);
    assert_eq!(code, 0, "{said}");
    let mut both = source.entities();
    both.extend(other.entities());
    assert_eq!(fast.contents(), both);
    let (code, said) = source.publish(&["fast", "--reconcile"]);
    assert!(code == 0 && said.contains("0 deleted"), "{said}");
    assert_eq!(fast.contents(), both);
}

#[test]
fn a_killed_service_goes_on_where_it_was() {
    let broker = Broker::start(Kind::Orion);
    let targets = broker.target("city", "");
    let mut source = Source::start("publish-killed", true, &targets, &["--no-seed"]);
    // The address of our names has to stay; the broker read them when they were there.
    let public = format!("http://{}", source.server().address);
    let more = ["--no-seed", "--public-url", &public];
    source.write(&[("Apple", "1"), ("Pear", "1")]);
    source.arrives(&broker);
    for version in ["2", "3", "4"] {
        broker.inside().faults.slow = Duration::from_millis(100);
        source.write(&[("Apple", version), ("Pear", version)]);
        // Dropping it kills it.
        source.server = None;
        broker.inside().faults.slow = Duration::ZERO;
        source.serve(&more);
        source.arrives(&broker);
    }
    let sent = broker.inside().log.iter().map(|l| l.2).max();
    assert!(
        sent.is_some_and(|n| n < 20),
        "it did not begin anew: {sent:?}"
    );
}

#[test]
fn a_token_is_got_used_and_got_anew() {
    let broker = Broker::start(Kind::Stellio);
    broker.inside().tenants.insert("urn:tenant:turin".into());
    let more = format!(
        "tenant = \"urn:tenant:turin\"\ntoken_url = \"http://{}/token\"\nclient_id = \"catalogue\"\nclient_secret = \"s\"\nheaders = {{ \"X-City\" = \"Turin\" }}\n",
        broker.address
    );
    broker.inside().faults.token = Some("none yet".into());
    let source = Source::start(
        "publish-token",
        false,
        &broker.target("city", &more),
        &["--no-seed"],
    );
    source.write(&[("Apple", "1")]);
    let (code, said) = source.publish(&["--once"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(broker.contents(), source.entities());
    let before = broker.inside().tokens;
    broker.inside().faults.token = Some("taken back".into());
    source.write(&[("Apple", "2")]);
    let (code, said) = source.publish(&["--once"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(broker.contents(), source.entities());
    assert!(broker.inside().tokens > before);
}

#[test]
fn the_doctor_says_what_is_wrong_and_leaves_nothing_behind() {
    each("publish-doctor", |mut broker, name| {
        let right = broker.target("right", "");
        let wrong = match broker.kind {
            Kind::Orion => Kind::Scorpio,
            _ => Kind::Orion,
        };
        let other = broker
            .target("other", "")
            .replace(broker.kind.name(), wrong.name());
        let tenant = broker.target("tenant", "tenant = \"nowhere\"");
        let source = Source::start(name, false, &(right + &other + &tenant), &["--no-seed"]);
        let doctor =
            |target: &str| run(&source.dir, &["--config", &source.config, "doctor", target]);
        let (code, said) = doctor("right");
        assert_eq!(code, 0, "{said}");
        for good in [
            "it answers",
            "it is ",
            "is served",
            "it took an entity",
            "names are those",
        ] {
            assert!(said.contains(good), "{good}: {said}");
        }
        assert!(broker.contents().is_empty(), "nothing is left");
        let (code, said) = doctor("other");
        assert!(
            code != 0 && said.contains(&format!("looks like {}", broker.kind.name())),
            "{said}"
        );
        let (code, said) = doctor("tenant");
        assert_eq!(code != 0, broker.kind == Kind::Stellio, "{said}");
        broker.stop();
        let (code, said) = doctor("right");
        assert!(code != 0 && said.contains("it does not answer"), "{said}");
        let (code, said) = doctor("none");
        assert!(
            code != 0 && said.contains("there are right, other, tenant"),
            "{said}"
        );
    });
}

#[test]
fn dialects_of_lists_of_errors_are_understood() {
    for (kind, bare, experimental) in [(Kind::Scorpio, true, false), (Kind::Orion, false, true)] {
        let broker = Broker::start(kind);
        broker.inside().faults.bare = bare;
        broker.inside().faults.experimental = experimental;
        let targets = broker.target("city", "prefix = \"a\"");
        let source = Source::start(
            &format!("publish-dialect-{bare}"),
            false,
            &targets,
            &["--no-seed"],
        );
        source.write(&[("Apple", "1"), ("Pear", "1")]);
        broker
            .inside()
            .faults
            .refuses
            .insert("urn:ngsi-ld:Dataset:a.pear".into());
        let (_, said) = source.publish(&["--once"]);
        assert!(said.contains("1 not taken"), "{said}");
        broker.inside().faults.refuses.clear();
        let (code, said) = source.publish(&["--retry"]);
        assert!(code == 0 && said.contains("1 sent"), "{said}");
        assert_eq!(broker.contents().len(), source.entities().len());
    }
}

/// One text, as Idra's connector casts it (`getString` of `value`).
fn cast<'v>(entity: &'v Value, name: &str) -> Option<&'v str> {
    let attribute = entity.get(name)?;
    let text = attribute["value"].as_str();
    Some(text.unwrap_or_else(|| panic!("it passes over the data set for {name} {attribute}")))
}

/// One text or a list of them.
fn several(entity: &Value, name: &str) -> Vec<String> {
    match entity.get(name).map(|a| &a["value"]) {
        None => Vec::new(),
        Some(Value::Array(all)) => {
            let text = |v: &Value| v.as_str().expect("a text").to_owned();
            all.iter().map(text).collect()
        }
        Some(_) => vec![cast(entity, name).expect("a text").to_owned()],
    }
}

fn dated(entity: &Value, name: &str) {
    if let Some(attribute) = entity.get(name) {
        let text = attribute["value"]["@value"].as_str();
        assert!(text.is_some_and(|t| t.ends_with('Z')), "{name} {attribute}");
    }
}

/// What it goes through: all data sets in one page without an @context, then each distribution by an id that it makes
/// from the fifth part on. Gives titles with how many distributions each has.
fn as_idra_reads(broker: &Broker) -> BTreeMap<String, usize> {
    let get = |path: &str| -> Vec<Value> {
        let path = format!("/ngsi-ld/v1/entities?{path}");
        let headers = [("Content-Type", "application/json")];
        let answer = ask(&broker.address, "GET", &path, &headers, b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).expect("a list")
    };
    let mut all = BTreeMap::new();
    for set in get("type=Dataset&limit=1000") {
        for name in [
            "description",
            "landingPage",
            "frequency",
            "version",
            "accessRights",
            "publisher",
            "creator",
        ] {
            cast(&set, name);
        }
        for name in [
            "theme",
            "keyword",
            "language",
            "documentation",
            "provenance",
            "otherIdentifier",
            "versionNotes",
            "contactPoint",
        ] {
            several(&set, name);
        }
        dated(&set, "releaseDate");
        dated(&set, "updateDate");
        // It takes these for lists, which an attribute never is.
        for name in ["applicableLegislation", "wasGeneratedBy", "HVDCategory"] {
            assert!(set.get(name).is_none(), "{name}");
        }
        let parts = several(&set, "datasetDistribution");
        for id in &parts {
            let rest: Vec<&str> = id.split(':').skip(4).collect();
            let id = format!("urn:ngsi-ld:DistributionDCAT-AP:id:{}", rest.join(":"));
            let found = get(&format!("type=DistributionDCAT-AP&id={id}"));
            let part = found.first().unwrap_or_else(|| panic!("no {id}"));
            for name in [
                "title",
                "description",
                "accessUrl",
                "downloadURL",
                "format",
                "byteSize",
                "checksum",
                "rights",
                "mediaType",
                "license",
            ] {
                cast(part, name);
            }
            dated(part, "releaseDate");
            dated(part, "modifiedDate");
            // And these for texts, which an attribute never is either.
            for name in [
                "accessService",
                "applicableLegislation",
                "availability",
                "compressionFormat",
                "hasPolicy",
                "packagingFormat",
                "spatialResolution",
                "temporalResolution",
            ] {
                assert!(part.get(name).is_none(), "{name}");
            }
        }
        let title = cast(&set, "title").expect("a title").to_owned();
        assert_eq!(all.insert(title.clone(), parts.len()), None, "{title}");
    }
    all
}

#[test]
fn idra_reads_from_a_broker_what_it_is_fed_in_older_names() {
    for kind in [Kind::Orion, Kind::Scorpio] {
        let broker = Broker::start(kind);
        let targets = broker.target("ours", "") + &broker.target("idra", "profile = \"idra\"\n");
        let name = format!("publish-idra-{}", kind.name());
        let source = Source::start(&name, false, &targets, &[]);
        let (code, said) = source.publish(&["--once"]);
        assert_eq!(code, 0, "{said}");
        let read = as_idra_reads(&broker);
        let catalogue = source.server().body("/search.json?limit=1");
        let catalogue: Value = serde_json::from_str(&catalogue).expect("JSON");
        assert_eq!(
            catalogue["total"],
            serde_json::json!(read.len()),
            "{read:?}"
        );
        assert!(read.values().sum::<usize>() > 100, "{read:?}");
        // Beside them lie those of the other target.
        let ours = source.entities();
        let all = broker.contents();
        assert!(ours.iter().all(|(id, hash)| all.get(id) == Some(hash)));
        let (code, said) = source.publish(&["idra", "--reconcile"]);
        assert!(code == 0 && said.contains("0 sent, 0 deleted"), "{said}");
        // What changes, goes or was changed there comes to be right again.
        let (code, said) = run(&source.dir, &["decide", "orion-ld", "withdraw"]);
        assert_eq!(code, 0, "{said}");
        let (code, said) = source.publish(&["--once"]);
        assert_eq!(code, 0, "{said}");
        let less = as_idra_reads(&broker);
        assert_eq!(less.len(), read.len() - 1);
        assert!(!less.contains_key("Orion-LD Context Broker"), "{less:?}");
        let (code, said) = source.publish(&["idra", "--reconcile"]);
        assert!(code == 0 && said.contains("0 sent, 0 deleted"), "{said}");
        let (code, said) = run(&source.dir, &["--config", &source.config, "doctor", "idra"]);
        assert!(code == 0 && said.contains("no @context"), "{said}");
        assert_eq!(as_idra_reads(&broker), less, "the doctor leaves nothing");
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let one =
        "[[publish.targets]]\nname = \"a\"\nkind = \"generic\"\nurl = \"http://127.0.0.1:1\"\n";
    for (targets, named) in [
        (one.replace("generic", "orion"), "one of generic, orion-ld"),
        (one.replace("127", "ada:secret@127"), "without user"),
        (
            one.replace("http://127.0.0.1:1", "broker"),
            "url is \"broker\"",
        ),
        (one.to_owned() + one, "two publish targets are called \"a\""),
        (
            one.to_owned() + "types = [\"DataSet\"]\n",
            "types is \"DataSet\"",
        ),
        (one.to_owned() + "prefix = \"a.b\"\n", "prefix is \"a.b\""),
        (one.to_owned() + "tenants = \"x\"\n", "tenants"),
        (
            one.to_owned() + "profile = \"dcat\"\n",
            "dcat-ap or idra is wanted",
        ),
        (
            one.replace("generic", "stellio") + "profile = \"idra\"\n",
            "does not hold what Idra reads",
        ),
        (
            one.to_owned() + "profile = \"idra\"\ntypes = [\"Agent\"]\n",
            "types is \"Agent\"; Dataset, Distribution or both",
        ),
    ] {
        let dir = directory("publish-wrong");
        let file = dir.with_extension("toml");
        std::fs::write(&file, &targets).expect("writes");
        let config = file.to_string_lossy().into_owned();
        let (code, said) = run(
            &dir,
            &["--config", &config, "serve", "--listen", "127.0.0.1:0"],
        );
        assert!(code != 0 && said.contains(named), "{named}: {said}");
    }
}

/// Each answer of a broker that the reference data holds is read as it says.
#[test]
fn answers_of_brokers_are_read_as_the_vectors_say() {
    let Some(dir) = specification("answers of brokers") else {
        return;
    };
    let folder: &Path = &dir.join("ngsi-ld/samples");
    let mut count = 0;
    for broker in ["orion", "scorpio", "stellio"] {
        let file = folder.join(format!("batch-result.{broker}.json"));
        let file: Value =
            serde_json::from_slice(&std::fs::read(file).expect("reads")).expect("JSON");
        for case in file["cases"].as_array().expect("cases") {
            let action = match case["operation"].as_str() {
                Some("upsert") => Action::Upsert,
                Some("delete") => Action::Delete,
                _ => continue,
            };
            let ids: Vec<&str> = case["request"]
                .as_array()
                .expect("ids")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let status = case["status"].as_u64().expect("a status") as u16;
            let body = match &case["body"] {
                Value::Null => String::new(),
                body => body.to_string(),
            };
            let answer = read(action, status, None, &body, &ids);
            let expected = &case["expect"];
            let name = format!("{broker}: {}", case["name"]);
            count += 1;
            match (&answer, expected["action"].as_str().expect("an action")) {
                (Answer::Each(verdicts), "none" | "report" | "retry") => {
                    let done: Vec<&str> = ids
                        .iter()
                        .zip(verdicts)
                        .filter(|v| *v.1 == Verdict::Done)
                        .map(|v| *v.0)
                        .collect();
                    let wanted: Vec<&str> = expected["ok"]
                        .as_array()
                        .expect("ids")
                        .iter()
                        .filter_map(Value::as_str)
                        .collect();
                    assert_eq!(done, wanted, "{name}");
                    for failed in expected["failed"].as_array().expect("failures") {
                        let Some(at) = ids.iter().position(|id| failed["id"] == *id) else {
                            continue;
                        };
                        match &verdicts[at] {
                            Verdict::Refused(r) => {
                                assert_eq!(failed["status"], r.status, "{name}");
                                let kind = failed["type"].as_str().expect("a type");
                                assert!(kind.trim().ends_with(&r.kind), "{name}: {}", r.kind);
                            }
                            Verdict::Unknown => assert!(failed["status"].is_null(), "{name}"),
                            Verdict::Done => panic!("{name}: {failed}"),
                        }
                    }
                }
                (Answer::Setting(_), "config") | (Answer::Halve(_), "split" | "report") => {}
                (Answer::Later(..), "retry") => {}
                (answer, wanted) => panic!("{name}: {wanted} is wanted, not {answer:?}"),
            }
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn a_broker_asks_the_catalogue_once_it_is_registered_and_no_more_when_it_is_not() {
    each("registers", |mut broker, name| {
        let source = Source::start(name, false, &broker.target("city", ""), &["--no-seed"]);
        source.write(&[("Pumps", "1"), ("Trams", "1")]);
        let register = |more: &[&str]| {
            let base = ["--config", source.config.as_str(), "register", "city"];
            run(&source.dir, &[&base[..], more].concat())
        };
        let link = format!(
            "<http://{}/contexts/{}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
            source.public,
            ldt_catalogue::mapping::ngsi::context::file()
        );
        // Someone who knows the broker alone.
        let asked = |broker: &Broker, path: &str| -> Value {
            let path = format!("/ngsi-ld/v1/{path}");
            let answer = ask(&broker.address, "GET", &path, &[("Link", &link)], b"");
            serde_json::from_slice(&answer.body).expect("JSON")
        };
        let titles = |broker: &Broker| -> usize {
            asked(broker, "entities?type=Dataset")
                .as_array()
                .expect("a list")
                .len()
        };
        assert_eq!(titles(&broker), 0, "{name}");
        let (code, said) = register(&[]);
        assert!(code == 0 && said.contains("created"), "{said}");
        assert_eq!(titles(&broker), 2, "{name}");
        source.write(&[("Pumps", "1"), ("Trams", "1"), ("Lifts", "1")]);
        assert_eq!(titles(&broker), 3, "{name}: what is new is there at once");
        let first = asked(&broker, "entities?type=Dataset")[0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let one = asked(&broker, &format!("entities/{first}"));
        assert_eq!(one["id"], first.as_str(), "{name}");
        assert_eq!(
            asked(&broker, "entities/urn:ngsi-ld:Dataset:none")["title"],
            "Entity Not Found"
        );
        let (_, said) = register(&[]);
        assert!(said.contains("stands"), "{said}");
        // It fell over and forgot, or is away.
        broker.inside().registrations.clear();
        let (_, said) = register(&[]);
        assert!(said.contains("created"), "{said}");
        broker.inside().faults.down = Some((503, None));
        let (code, said) = register(&["--remove"]);
        assert!(
            code == 1 && said.contains("503") && said.contains("out of order"),
            "{said}"
        );
        broker.inside().faults.down = None;
        broker.stop();
        let (code, said) = register(&[]);
        assert!(code == 1 && said.contains(&broker.address), "{said}");
        broker.come_back();
        let (code, said) = register(&["--remove"]);
        assert!(code == 0 && said.contains("removed"), "{said}");
        assert_eq!(titles(&broker), 0, "{name}: nobody is asked any more");
    });
}

#[test]
fn a_tenant_that_a_broker_does_not_take_is_told_in_its_words() {
    for (kind, tenant, wanted) in [
        (
            Kind::Orion,
            "a-tenant-with-a-long-name",
            "tenant name too long",
        ),
        (Kind::Stellio, "nobody", "Tenant does not exist"),
    ] {
        let broker = Broker::start(kind);
        let target = broker.target("city", &format!("tenant = \"{tenant}\""));
        let source = Source::start(&format!("tenant-{tenant}"), false, &target, &["--no-seed"]);
        let (code, said) = run(
            &source.dir,
            &["--config", &source.config, "register", "city"],
        );
        assert!(code == 1 && said.contains(wanted), "{said}");
    }
}
