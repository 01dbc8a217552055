//! Connections: how many there may be, and how long one that is slow is waited for. Requests: how many a client
//! may send.
use super::client::Client;
use crate::config::Server;
use crate::error::{Error, Kind};
use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// Requests after which those are forgotten who have not asked for long.
const SWEEP: u32 = 10_000;

/// Serves until `stop` ends, then ends connections as their requests do.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    settings: &Server,
    proxies: Vec<IpAddr>,
    stop: impl Future<Output = ()>,
) {
    let patience = Duration::from_secs(settings.patience_seconds.max(1));
    let connections = Arc::new(Connections {
        most: settings.connections,
        most_of_one: settings.connections_per_client,
        proxies,
        open: Mutex::default(),
    });
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    // Such as too many open files: others may end meanwhile.
                    tracing::warn!(error = %e, "a connection cannot be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let Some(place) = connections.take(peer.ip()) else {
            tracing::debug!(%peer, "a connection too many");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        // Of a reader who takes nothing; requests that are worked on read nothing meanwhile.
        stream.set_write_timeout(Some(patience));
        let routes = routes.clone();
        let answer = hyper::service::service_fn(move |request: hyper::Request<_>| {
            let mut request = request.map(axum::body::Body::new);
            one_slash(request.uri_mut());
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(Box::pin(stream)), answer);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(e) = watched.await {
                tracing::debug!(%peer, error = %e, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Who joins an address that ends in a slash and a path asks for `//path`, and means `/path`.
fn one_slash(uri: &mut Uri) {
    let path = uri.path_and_query().map_or("", |p| p.as_str());
    if path.starts_with("//")
        && let Ok(path) = format!("/{}", path.trim_start_matches('/')).parse()
    {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(path);
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// Connections that are open.
struct Connections {
    most: usize,
    most_of_one: usize,
    /// Peers that speak for many.
    proxies: Vec<IpAddr>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, until it is dropped.
struct Place {
    peer: IpAddr,
    of: Arc<Connections>,
}

impl Connections {
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = Client::of(peer, &[], &[]).0;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(peer).or_default();
        if all >= self.most || *own >= self.most_of_one && !self.proxies.contains(&peer) {
            if *own == 0 {
                open.remove(&peer);
            }
            return None;
        }
        *own += 1;
        let of = self.clone();
        Some(Place { peer, of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

/// How many requests clients sent.
pub struct Rates {
    clients: DefaultKeyedRateLimiter<Client>,
    asked: AtomicU32,
}

impl Rates {
    /// `None` where clients may send as many as they like.
    pub fn of(settings: &Server) -> Option<Arc<Self>> {
        let quota = NonZeroU32::new(settings.requests_per_minute)?;
        Some(Arc::new(Self {
            clients: RateLimiter::keyed(Quota::per_minute(quota)),
            asked: AtomicU32::new(0),
        }))
    }
}

/// Refuses what a client sends beyond its rate. Programs on this machine itself are its operator's, and what has no
/// address is asked by the service of itself.
pub async fn limit(
    Extension(rates): Extension<Arc<Rates>>,
    client: Client,
    request: Request,
    next: Next,
) -> Response {
    if client.0.is_loopback() || client.0.is_unspecified() {
        return next.run(request).await;
    }
    if rates.asked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
        rates.clients.retain_recent();
    }
    match rates.clients.check_key(&client) {
        Ok(()) => next.run(request).await,
        Err(early) => {
            let wait = early.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + 1;
            let why = format!("too many requests from your address; ask again in {seconds} s");
            let mut response = Error::new(Kind::TooMany, why).into_response();
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, seconds.into());
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_the_places_of_all() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let connections = Arc::new(Connections {
            most: 5,
            most_of_one: 2,
            proxies: vec![ip("10.0.0.2")],
            open: Mutex::default(),
        });
        let [a, b] = ["203.0.113.1", "203.0.113.2"].map(ip);
        let first = connections.take(a);
        let second = connections.take(a);
        assert!(first.is_some() && second.is_some());
        assert!(connections.take(a).is_none(), "a third of one client");
        drop(first);
        let third = connections.take(a);
        assert!(third.is_some(), "one ended");
        // A network of 64 bits is one client; a proxy speaks for many.
        let near = connections.take(ip("2001:db8::1"));
        assert_eq!(near.map(|p| p.peer), Some(ip("2001:db8::")));
        let many: Vec<_> = (0..3).map(|_| connections.take(ip("10.0.0.2"))).collect();
        assert!(many.iter().all(Option::is_some));
        assert!(connections.take(b).is_none(), "all places are taken");
        drop((second, third, many));
        assert!(connections.open.lock().expect("no panic").is_empty());
    }
}
