//! Asks the addresses in shown records whether they answer: politely, one at a time on each host, and
//! never in a private network unless that is allowed. What they answer changes no record.
use crate::catalogue::{Catalogue, now};
use crate::client;
use crate::config::Links;
use crate::error::Result;
use crate::store::links::{Answer, Broken, Due};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode, Url, header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Addresses that are asked in one go.
const ROUND: i64 = 10_000;

/// How often it is looked whether addresses are due.
const LOOK: Duration = Duration::from_secs(3_600);

/// Broken links that a report lists.
const LISTED: i64 = 100;

/// What came of asking.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub asked: usize,
    pub answered: usize,
    /// All that is known to be broken now, at most a hundred.
    pub broken: Vec<Broken>,
}

/// Asks what is due, again and again, until the process ends.
pub async fn tend(catalogue: &Catalogue, settings: &Links) {
    let interval = i64::from(settings.interval_hours) * 3_600_000_000;
    loop {
        match check(catalogue, settings, ROUND, now() - interval).await {
            Ok(report) => tracing::info!(
                asked = report.asked,
                answered = report.answered,
                "links checked"
            ),
            Err(e) => tracing::error!(error = %e, "links are not checked"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks at most `limit` addresses that were not asked since a time, those that wait longest first.
///
/// # Errors
/// The ledger fails. An address that does not answer is no error.
pub async fn check(
    catalogue: &Catalogue,
    settings: &Links,
    limit: i64,
    since: i64,
) -> Result<Report> {
    // Two at the same time would each be polite, and together not.
    let _one = catalogue.checking.lock().await;
    catalogue.note_links().await?;
    let due = catalogue.ledger.due_links(since, limit).await?;
    let client = client::guarded(settings.private, Duration::from_secs(settings.seconds))?;
    let mut hosts: BTreeMap<String, Vec<Due>> = BTreeMap::new();
    for one in due {
        let url = Url::parse(&one.address).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        hosts.entry(host.to_owned()).or_default().push(one);
    }
    let delay = Duration::from_millis(settings.delay_milliseconds);
    let (client, private) = (&client, settings.private);
    let counts = futures_util::stream::iter(hosts.into_values())
        .map(|some| async move {
            let (mut asked, mut answered) = (0, 0);
            for one in some {
                if asked > 0 {
                    tokio::time::sleep(delay).await;
                }
                let answer = ask(client, &one, private, delay).await;
                catalogue.heard(&one.address, &answer).await?;
                asked += 1;
                answered += usize::from(answer.is_good());
            }
            Ok::<_, crate::error::Error>((asked, answered))
        })
        .buffer_unordered(settings.concurrent.max(1))
        .collect::<Vec<_>>()
        .await;
    let (mut asked, mut answered) = (0, 0);
    for count in counts {
        let (a, b) = count?;
        asked += a;
        answered += b;
    }
    Ok(Report {
        asked,
        answered,
        broken: catalogue.ledger.broken_links(LISTED).await?,
    })
}

/// What an address answers, asked a second time where it failed for what may be a moment.
async fn ask(client: &reqwest::Client, due: &Due, private: bool, delay: Duration) -> Answer {
    let url = match Url::parse(&due.address) {
        Ok(url) => url,
        Err(e) => return silence(format!("no address: {e}")),
    };
    if let Err(e) = client::admit(&url, private) {
        return silence(e.message);
    }
    let answer = look(client, &url, &due.tag).await;
    if !matches!(answer.status, 0 | 429 | 500..) {
        return answer;
    }
    tokio::time::sleep(delay).await;
    look(client, &url, &due.tag).await
}

/// HEAD; where that is refused, GET of the first byte.
async fn look(client: &reqwest::Client, url: &Url, tag: &str) -> Answer {
    let answer = send(client, Method::HEAD, url, tag).await;
    if matches!(answer.status, 400..=428 | 430..) {
        return send(client, Method::GET, url, tag).await;
    }
    answer
}

async fn send(client: &reqwest::Client, method: Method, url: &Url, tag: &str) -> Answer {
    let mut request = client.request(method.clone(), url.clone());
    if method == Method::GET {
        request = request.header(header::RANGE, "bytes=0-0");
    }
    if !tag.is_empty() {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    // The body is not read: the connection ends with the answer.
    match request.send().await {
        Ok(answer) => {
            let new = answer.headers().get(header::ETAG);
            let new = new.and_then(|v| v.to_str().ok()).unwrap_or_default();
            Answer {
                // An empty file has no first byte.
                status: match answer.status() {
                    StatusCode::RANGE_NOT_SATISFIABLE => 200,
                    status => status.as_u16(),
                },
                why: String::new(),
                moved: match answer.url() {
                    there if there == url => String::new(),
                    there => there.to_string(),
                },
                tag: if answer.status() == StatusCode::NOT_MODIFIED {
                    tag.to_owned()
                } else {
                    new.to_owned()
                },
            }
        }
        Err(e) if e.is_timeout() => silence("no answer in time".into()),
        Err(e) => silence(client::cause(&e)),
    }
}

fn silence(why: String) -> Answer {
    Answer {
        why,
        ..Answer::default()
    }
}
