//! Looks whether a target can be fed, and says in plain words what is wrong. It leaves nothing behind.
use super::answer::{Action, Answer, Verdict, read};
use super::target::{Line, Said, Target};
use crate::catalogue::Catalogue;
use crate::client;
use crate::error::Result;
use crate::mapping::ngsi::context;
use crate::mapping::ngsi::profile::Model;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub what: String,
    /// It is as it should be; a note where that is neither good nor bad.
    pub good: Option<bool>,
    pub said: String,
}

/// Where each kind tells that it is well.
const HEALTH: [(&str, &str); 3] = [
    ("orion-ld", "/ngsi-ld/ex/v1/version"),
    ("scorpio", "/q/health"),
    ("stellio", "/actuator/health"),
];

struct Doctor {
    line: Line,
    findings: Vec<Finding>,
}

/// Looks at a target: whether it answers, is what the settings call it, has the tenant, reads our
/// @context, and writes and deletes a probe.
///
/// # Errors
/// A setting is wrong.
pub async fn examine(catalogue: &Catalogue, target: &Target) -> Result<Vec<Finding>> {
    let profile = target.profile()?;
    let mut doctor = Doctor {
        line: Line::new(target, &catalogue.public_url)?,
        findings: Vec::new(),
    };
    let it = format!(
        "as {}: batches of {} entities and {} kB, pages of {}",
        target.kind, profile.batch, profile.kilobytes, profile.page
    );
    doctor.note("limits", None, it);
    if doctor.reach().await {
        let url = context::address(&catalogue.public_url);
        if profile.model == Model::DcatAp {
            doctor.context(&url).await;
        }
        if doctor.tenant().await {
            doctor.probe(&url).await;
        }
    }
    Ok(doctor.findings)
}

fn told(said: &Said) -> String {
    format!("{} ({})", said.refusal().why, said.status)
}

impl Doctor {
    fn note(&mut self, what: &str, good: Option<bool>, said: impl Into<String>) {
        self.findings.push(Finding {
            what: what.into(),
            good,
            said: said.into(),
        });
    }

    /// Whether it answers, and whether it is what the settings call it.
    async fn reach(&mut self) -> bool {
        let first = self.line.ask(Method::GET, "types?limit=1", None).await;
        let said = match first {
            Err(why) => {
                self.note("reach", Some(false), format!("it does not answer: {why}"));
                return false;
            }
            Ok(said) => said,
        };
        match said.status {
            401 | 403 => {
                let hint = "its headers or token do not let us in: look at headers, token_url, client_id and client_secret";
                self.note("reach", Some(false), format!("{}; {hint}", told(&said)));
                return false;
            }
            300..=399 => {
                let hint = "it leads elsewhere; url has to be the address it leads to";
                self.note("reach", Some(false), format!("{}; {hint}", told(&said)));
                return false;
            }
            status => self.note("reach", Some(true), format!("it answers ({status})")),
        }
        let mut kinds = Vec::new();
        for (kind, path) in HEALTH {
            let said = self.line.ask(Method::GET, path, None).await;
            if said.is_ok_and(|s| s.is_good()) {
                kinds.push(kind);
            }
        }
        let set = self.line.target.kind.clone();
        match kinds[..] {
            [] => self.note("kind", None, "it does not tell which broker it is"),
            [kind] if kind == set => self.note("kind", Some(true), format!("it is {kind}")),
            [kind] => {
                let said = format!("it looks like {kind}; the settings say {set}");
                self.note("kind", Some(set == "generic"), said);
            }
            _ => self.note(
                "kind",
                None,
                format!("it answers as {}", kinds.join(" and ")),
            ),
        }
        true
    }

    /// Whether our @context can be had as brokers want it.
    async fn context(&mut self, url: &str) {
        let asked = async {
            let http = client::client()
                .ok()?
                .redirect(reqwest::redirect::Policy::none())
                .timeout(std::time::Duration::from_secs(10))
                .build()
                .ok()?;
            let answer = http
                .get(url)
                .header("accept", "application/ld+json")
                .send()
                .await
                .ok()?;
            let media = answer
                .headers()
                .get("content-type")?
                .to_str()
                .ok()?
                .to_owned();
            let status = answer.status().as_u16();
            Some((status, media, answer.text().await.ok()?))
        };
        match asked.await {
            None => self.note(
                "@context",
                Some(false),
                format!("{url} does not answer from here; server.public_url has to be an address that the broker reaches"),
            ),
            Some((200, media, text)) if media.starts_with("application/ld+json") && text == context::document() => {
                self.note("@context", Some(true), format!("{url} is served"));
            }
            Some((200, media, _)) => self.note(
                "@context",
                Some(false),
                format!("{url} is {media} or another document: something between changes it"),
            ),
            Some((status, ..)) => {
                self.note("@context", Some(false), format!("{url} answers {status}; brokers follow no redirect"));
            }
        }
        let local = reqwest::Url::parse(url).ok();
        let host = local
            .as_ref()
            .and_then(|u| u.host_str())
            .unwrap_or_default();
        if ["127.0.0.1", "localhost", "[::1]"].contains(&host) {
            let said = "it is at an address of this machine alone: a broker elsewhere, or in a container, cannot read it; set server.public_url";
            self.note("@context", None, said);
        }
    }

    async fn tenant(&mut self) -> bool {
        if self.line.target.tenant.is_empty() {
            return true;
        }
        let path = "entities?type=Catalogue&limit=1";
        match self.line.ask(Method::GET, path, None).await {
            Err(why) => self.note("tenant", Some(false), why),
            Ok(said) if said.is_good() => self.note("tenant", Some(true), "it is there"),
            Ok(said) if said.status == 404 => {
                let profile = self.line.target.profile().ok();
                let made = profile
                    .is_some_and(|p| p.tenants == crate::mapping::ngsi::profile::Tenants::Broker);
                match made {
                    true => self.note(
                        "tenant",
                        None,
                        "it is not there yet; the first write makes it",
                    ),
                    false => {
                        let hint = "this kind of broker takes tenants from its own settings alone";
                        self.note("tenant", Some(false), format!("{}; {hint}", told(&said)));
                        return false;
                    }
                }
            }
            Ok(said) => self.note("tenant", Some(false), told(&said)),
        }
        true
    }

    /// Writes a probe, reads it with and without our names, writes it again, and deletes it twice.
    async fn probe(&mut self, url: &str) {
        let id = format!("urn:ngsi-ld:Dataset:probe-{:016x}", rand::random::<u64>());
        let text = |value: Value| json!({ "type": "Property", "value": value });
        let probe = json!([{
            "id": id,
            "type": "Dataset",
            "title": text(json!(["A probe", "Eine Probe"])),
            "keyword": text(json!(["one"])),
            "ldtLayer": text(json!(["data-management"])),
            "managedBy": text(json!("urn:ldt-catalogue:probe")),
            "issued": text(json!({ "@type": "DateTime", "@value": "2026-01-01T00:00:00Z" })),
            "distribution": { "type": "Relationship", "object": ["urn:ngsi-ld:Distribution:a", "urn:ngsi-ld:Distribution:b"] },
        }])
        .to_string();
        if !self.write(&id, &probe).await {
            return;
        }
        self.names(&id, url).await;
        self.write(&id, &probe).await;
        for round in ["delete", "delete again"] {
            let body = json!([id]).to_string();
            let said = self
                .line
                .ask(Method::POST, "entityOperations/delete", Some(body))
                .await;
            match said {
                Err(why) => self.note(round, Some(false), why),
                Ok(said) => {
                    let done = read(Action::Delete, said.status, None, &said.body, &[&id]);
                    let good = done == Answer::Each(vec![Verdict::Done]);
                    let status = said.status;
                    let said = match good {
                        true => format!("done ({status})"),
                        false => told(&said),
                    };
                    self.note(round, Some(good), said);
                }
            }
        }
    }

    async fn write(&mut self, id: &str, probe: &str) -> bool {
        let body = Some(probe.to_owned());
        let said = self
            .line
            .ask(Method::POST, "entityOperations/upsert", body)
            .await;
        let said = match said {
            Ok(said) => said,
            Err(why) => {
                self.note("write", Some(false), why);
                return false;
            }
        };
        let (good, why) = match read(Action::Upsert, said.status, None, &said.body, &[id]) {
            Answer::Each(verdicts) => match &verdicts[..] {
                [Verdict::Refused(r)] => (false, format!("{} ({})", r.why, r.status)),
                _ => (true, format!("it took an entity ({})", said.status)),
            },
            Answer::Setting(r) if r.kind == "LdContextNotAvailable" => {
                (false, format!("it cannot read our @context: {}", r.why))
            }
            Answer::Setting(r) | Answer::Halve(r) | Answer::Later(r, _) => {
                (false, format!("{} ({})", r.why, r.status))
            }
        };
        self.note("write", Some(good), why);
        good
    }

    /// Whether names came to be the right IRIs, and what became of lists.
    async fn names(&mut self, id: &str, url: &str) {
        match self
            .line
            .ask_plain(&format!("entities/{id}?options=keyValues"))
            .await
        {
            Err(why) => self.note("names", Some(false), why),
            Ok(said) => {
                let json = said.json();
                let wrong = json.as_object().into_iter().flatten().map(|m| m.0);
                // Without our @context the names that it gives are long, unless it took them for names of no context.
                let ours = context::own();
                let wrong = wrong.filter(|name| {
                    let short = self.line.has_context() && ours.contains_key(name.as_str());
                    short || name.contains("ngsi-ld/default-context/")
                });
                match wrong.map(String::as_str).next() {
                    Some(name) => {
                        let said = format!(
                            "{name} shows that it has no, an old or an empty copy of our @context; DELETE /ngsi-ld/v1/jsonldContexts/{}?reload=true there has it read anew",
                            percent_encoding::utf8_percent_encode(
                                url,
                                percent_encoding::NON_ALPHANUMERIC
                            )
                        );
                        self.note("names", Some(false), said);
                    }
                    None if said.is_good() => {
                        let of = match self.line.has_context() {
                            true => "our @context",
                            false => "no @context, as Idra asks for them",
                        };
                        self.note("names", Some(true), format!("names are those of {of}"));
                    }
                    None => self.note("names", Some(false), told(&said)),
                }
            }
        }
        let path = format!("entities/{id}?options=keyValues");
        let Ok(said) = self.line.ask(Method::GET, &path, None).await else {
            return;
        };
        let json = said.json();
        let list = |name: &str| json.get(name).is_some_and(Value::is_array);
        if json.get("keyword").is_some() && !list("keyword") {
            self.note(
                "lists",
                None,
                "a list of one comes back as its one value; that is understood",
            );
        }
        if json.get("distribution").is_some() {
            let several = list("distribution");
            let said = match several {
                true => "a Relationship keeps several objects",
                false => {
                    "a Relationship keeps one object of several: this release wants another profile"
                }
            };
            self.note("lists", Some(several), said);
        }
    }
}
