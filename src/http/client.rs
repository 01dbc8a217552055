//! Who asks: the address by which clients are told apart.
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Proxies whose word is taken, an extension of every request.
#[derive(Clone)]
pub struct Proxies(pub Arc<Vec<IpAddr>>);

/// The client's address: an IPv4 address, or the network of 64 bits that a client with IPv6 has to
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(pub IpAddr);

impl Client {
    /// The last address of the way here that is no proxy of ours.
    pub fn of(peer: IpAddr, forwarded: &[&str], proxies: &[IpAddr]) -> Self {
        let mut client = peer;
        let mut way = forwarded.iter().flat_map(|v| v.split(',')).rev();
        while proxies.contains(&client) {
            match way.next().and_then(|hop| hop.trim().parse().ok()) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        Self(match client.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 => v4,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |c| c.0.ip());
        let forwarded: Vec<&str> = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .collect();
        let proxies = parts.extensions.get::<Proxies>();
        let proxies = proxies.map_or(&[][..], |p| p.0.as_slice());
        Ok(Self::of(peer, &forwarded, proxies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_of_ours_is_believed_and_nobody_else() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let ours = [ip("127.0.0.1"), ip("10.0.0.2")];
        for (peer, forwarded, client) in [
            ("198.51.100.7", &["1.2.3.4"][..], "198.51.100.7"),
            ("127.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6, 1.2.3.4", "10.0.0.2"], "1.2.3.4"),
            ("127.0.0.1", &["6.6.6.6, nonsense"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("::ffff:1.2.3.4", &[], "1.2.3.4"),
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
        ] {
            let found = Client::of(ip(peer), forwarded, &ours);
            assert_eq!(found, Client(ip(client)), "{peer} {forwarded:?}");
        }
    }
}
