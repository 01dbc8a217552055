//! What the catalogue is deployed with: the image's recipe and the file that runs it beside a broker. Neither is
//! run here, for that takes an engine; what they say is read, and what they call is called.
use crate::support::{directory, launch, run};
use ldt_catalogue::config::Config;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|v| v.as_str().expect("a text").to_owned())
        .collect()
}

/// An image by a version of its own.
fn pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    tag.chars().any(|c| c.is_ascii_digit()) && !tag.contains("latest")
}

/// Which keys a service may have (Compose Specification, section "services"), of those in use.
const SERVICE: [&str; 16] = [
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
];

#[test]
fn each_broker_has_a_profile_that_is_whole() {
    let compose: Value = serde_saphyr::from_str(&file("docker-compose.yml")).expect("YAML");
    let top: BTreeSet<&str> = compose
        .as_object()
        .expect("a map")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(top, BTreeSet::from(["name", "services", "volumes"]));
    let services = compose["services"].as_object().expect("services");
    let volumes: BTreeSet<&str> = compose["volumes"]
        .as_object()
        .expect("volumes")
        .keys()
        .map(String::as_str)
        .collect();
    let mut mounted = BTreeSet::new();
    for (name, service) in services {
        let service = service.as_object().expect("a service");
        for key in service.keys() {
            assert!(SERVICE.contains(&key.as_str()), "{name}: {key}");
        }
        let image = service["image"].as_str().expect("an image");
        assert!(pinned(image), "{name}: {image}");
        let profiles = texts(service.get("profiles").unwrap_or(&Value::Null));
        assert_eq!(profiles.is_empty(), name == "catalogue", "{name}");
        let needs: Vec<String> = match service.get("depends_on") {
            Some(Value::Object(all)) => all
                .iter()
                .map(|(other, how)| {
                    let healthy = how["condition"] == "service_healthy";
                    assert!(
                        !healthy || services[other].get("healthcheck").is_some(),
                        "{name}: {other}"
                    );
                    other.clone()
                })
                .collect(),
            Some(list) => texts(list),
            None => Vec::new(),
        };
        for other in needs {
            assert_eq!(
                texts(&services[&other]["profiles"]),
                profiles,
                "{name} needs {other}"
            );
        }
        for port in texts(service.get("ports").unwrap_or(&Value::Null)) {
            assert!(
                port.starts_with("127.0.0.1:"),
                "{name}: {port} is open to all"
            );
        }
        for volume in texts(service.get("volumes").unwrap_or(&Value::Null)) {
            let (from, to) = volume.split_once(":/").expect("a mount");
            assert!(!to.is_empty());
            if !from.starts_with("./") {
                assert!(volumes.contains(from), "{name}: {from}");
                assert!(mounted.insert(from.to_owned()), "{from} is mounted twice");
            }
        }
    }
    assert_eq!(mounted.len(), volumes.len(), "every volume is of use");

    let catalogue = &services["catalogue"];
    let mount = "./docker/${COMPOSE_PROFILES:-orion-ld}.toml:/etc/ldt-catalogue.toml:ro";
    assert!(texts(&catalogue["volumes"]).iter().any(|v| v == mount));
    assert!(
        file(".env")
            .lines()
            .any(|l| l == "COMPOSE_PROFILES=orion-ld")
    );
    // The settings of each profile feed the broker that it starts, at the port that it listens on.
    for (profile, port) in [("orion-ld", 1026), ("scorpio", 9090), ("stellio", 8080)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docker/{profile}.toml"));
        let config = Config::read(Some(&path), std::iter::empty()).expect("settings");
        config.publish.check().expect("targets");
        let [target] = &config.publish.targets[..] else {
            panic!("{profile}: one target is wanted");
        };
        let parts = services
            .values()
            .filter(|s| texts(s.get("profiles").unwrap_or(&Value::Null)) == [profile]);
        assert!(parts.count() >= 2, "{profile}: a broker and its database");
        assert!(services.contains_key(profile));
        assert_eq!(
            (target.name.as_str(), target.url.as_str()),
            (profile, format!("http://{profile}:{port}").as_str())
        );
        let open = texts(&services[profile]["ports"]);
        assert!(open[0].ends_with(&format!(":{port}")), "{open:?}");
    }
}

#[test]
fn the_image_runs_as_nobody_and_knows_whether_it_is_well() {
    let recipe = file("Dockerfile");
    let says = |word: &str| -> Vec<String> {
        let lines = recipe.lines().filter_map(|l| l.trim().strip_prefix(word));
        lines.map(|l| l.trim().to_owned()).collect()
    };
    let stages = says("FROM ");
    assert!(
        stages.len() > 1
            && stages
                .iter()
                .all(|s| !s.contains("latest") && s.contains(':')),
        "{stages:?}"
    );
    let user: u32 = says("USER ")
        .last()
        .and_then(|u| u.parse().ok())
        .expect("a number, which every engine can tell from root");
    assert_ne!(user, 0);
    let pinned_rust: Vec<u32> = stages
        .iter()
        .find_map(|s| s.strip_prefix("rust:"))
        .map(|v| v.split(['.', '-']).map_while(|n| n.parse().ok()).collect())
        .expect("a compiler");
    let manifest = file("Cargo.toml");
    let least = manifest
        .lines()
        .find_map(|l| l.strip_prefix("rust-version = \""))
        .expect("a version");
    let least: Vec<u32> = least
        .trim_end_matches('"')
        .split('.')
        .map_while(|n| n.parse().ok())
        .collect();
    assert!(
        pinned_rust >= least,
        "{pinned_rust:?} builds what wants {least:?}"
    );
    for copied in says("COPY ").iter().filter(|c| !c.starts_with("--from")) {
        let mut parts: Vec<&str> = copied.split_whitespace().collect();
        parts.pop();
        for part in parts {
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(part).exists(),
                "{part}"
            );
        }
    }
    assert!(recipe.contains("CMD [\"ldt-catalogue\", \"health\"]"));

    // What the health check calls.
    let dir = directory("health");
    let (code, said) = run(&dir, &["health"]);
    assert!(code == 1 && said.contains("no service runs on"), "{said}");
    let mut server = launch(&dir, &["--public-url", crate::support::PUBLIC]);
    let (code, said) = run(&dir, &["health"]);
    assert!(
        code == 0 && said.contains("http://library.example/ is served"),
        "{said}"
    );
    server.process.kill().expect("ends");
    server.process.wait().expect("ends");
    let (code, said) = run(&dir, &["health"]);
    assert!(code == 1 && said.contains("does not answer"), "{said}");
}
