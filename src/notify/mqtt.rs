//! Notifications by MQTT 3.1.1 and 5.0 (ETSI GS CIM 009, clause 7.2). Packets are rumqttc's; the connection is
//! ours, so that its address obeys the rule of all outgoing requests.
use crate::client;
use crate::error::{Error, Result};
use crate::mapping::ngsi::subscription::{Endpoint, Mqtt};
use bytes::BytesMut;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest answer that is read, in bytes; those of a broker to a publisher are short.
const LONGEST: usize = 64 << 10;

/// Stands where a password is.
const HIDDEN: &str = "***";

type Said<T> = std::result::Result<T, String>;

/// What an address with `mqtt` or `mqtts` names: `mqtt[s]://[user[:password]@]host[:port]/topic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub secure: bool,
    pub host: String,
    pub port: u16,
    pub user: Option<(String, String)>,
    pub topic: String,
}

impl Address {
    /// # Errors
    /// Says what of it is wrong.
    pub fn parse(uri: &str) -> Result<Self> {
        let wrong = |why: &str| Error::bad_input(format!("the address {why}"));
        let url: Url = uri.parse().map_err(|e| wrong(&format!("is none: {e}")))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let secure = url.scheme() == "mqtts";
        let host = url.host_str().filter(|h| !h.is_empty());
        let topic = decoded(url.path().trim_start_matches('/'));
        // Behind # or ? stands nothing of a path.
        let whole = url.fragment().is_none() && url.query().is_none();
        if !whole || topic.is_empty() || topic.contains(['+', '#', '\0']) || topic.len() > 1_000 {
            return Err(wrong(
                "names no topic to publish to, such as mqtt://host/topic",
            ));
        }
        Ok(Self {
            secure,
            host: host.ok_or_else(|| wrong("names no host"))?.to_owned(),
            port: url.port().unwrap_or(if secure { 8_883 } else { 1_883 }),
            user: (!url.username().is_empty()).then(|| {
                let password = url.password().unwrap_or_default();
                (decoded(url.username()), decoded(password))
            }),
            topic,
        })
    }
}

/// The address without its password, for whoever reads a subscription.
pub fn hidden(uri: &str) -> String {
    let Ok(mut url) = uri.parse::<Url>() else {
        return uri.to_owned();
    };
    match url.password().is_some() && url.set_password(Some(HIDDEN)).is_ok() {
        true => url.to_string(),
        false => uri.to_owned(),
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a broker, under way.
pub struct Connection {
    stream: Box<dyn Stream>,
    speaks: Mqtt,
    read: BytesMut,
    /// Of the last packet that wants an answer.
    packet: u16,
}

/// What a broker said, as far as a publisher cares.
enum Word {
    Welcome,
    /// The packet is taken.
    Taken(u16),
    /// It is received, and waits to be released.
    Received(u16),
    Other,
}

/// Publishes a message, over a connection that is there or a new one, and waits until the broker has it as the
/// quality of service promises.
///
/// # Errors
/// Says what went wrong; the connection is closed then.
pub async fn send(
    connection: &mut Option<Connection>,
    endpoint: &Endpoint,
    message: String,
    private: bool,
) -> Said<()> {
    let address = Address::parse(&endpoint.uri).map_err(|e| e.message)?;
    // A connection that was asleep may have died; what it did not take goes over a new one.
    if let Some(mut old) = connection.take()
        && old.speaks == endpoint.mqtt
        && old.is_open()
    {
        old.publish(&address.topic, &message).await?;
        *connection = Some(old);
        return Ok(());
    }
    let mut new = Connection::open(&address, endpoint.mqtt, private).await?;
    new.publish(&address.topic, &message).await?;
    *connection = Some(new);
    Ok(())
}

impl Connection {
    async fn open(address: &Address, speaks: Mqtt, private: bool) -> Said<Self> {
        let found = client::addresses(&address.host, address.port, private).await;
        let found = found.map_err(|e| e.message)?;
        let tcp = TcpStream::connect(&*found).await.map_err(text)?;
        tcp.set_nodelay(true).map_err(text)?;
        let stream: Box<dyn Stream> = match address.secure {
            false => Box::new(tcp),
            true => {
                let name = ServerName::try_from(address.host.trim_matches(['[', ']']).to_owned());
                let connector = TlsConnector::from(Arc::new(tls()?));
                let secure = connector.connect(name.map_err(text)?, tcp).await;
                Box::new(secure.map_err(text)?)
            }
        };
        let mut connection = Self {
            stream,
            speaks,
            read: BytesMut::new(),
            packet: 0,
        };
        let id = format!("ldt-catalogue-{:016x}", rand::random::<u64>());
        let user = address.user.clone();
        let mut out = BytesMut::new();
        if speaks.version == 5 {
            let connect = v5::Connect {
                keep_alive: 0,
                client_id: id,
                clean_start: true,
                properties: None,
            };
            let login = user.map(|(name, password)| v5::Login::new(name, password));
            connect.write(&None, &login, &mut out).map_err(odd)?;
        } else {
            let mut connect = v4::Connect::new(id);
            connect.keep_alive = 0;
            connect.login = user.map(|(name, password)| v4::Login::new(name, password));
            connect.write(&mut out).map_err(odd)?;
        }
        connection.write(&out).await?;
        match connection.hear().await? {
            Word::Welcome => Ok(connection),
            _ => Err("the broker does not greet".into()),
        }
    }

    /// Whether nothing says that the broker went away.
    fn is_open(&mut self) -> bool {
        let mut byte = [0; 1];
        let read = futures_util::FutureExt::now_or_never(self.stream.read(&mut byte));
        match read {
            None => true,
            Some(Ok(n)) if n > 0 => {
                self.read.extend_from_slice(&byte);
                true
            }
            _ => false,
        }
    }

    async fn publish(&mut self, topic: &str, message: &str) -> Said<()> {
        let qos = self.speaks.qos;
        if qos > 0 {
            self.packet = self.packet.checked_add(1).unwrap_or(1);
        }
        let number = if qos > 0 { self.packet } else { 0 };
        let message = message.as_bytes().to_vec();
        let level = rumqttc::qos(qos).map_err(odd)?;
        let mut out = BytesMut::new();
        if self.speaks.version == 5 {
            let level = rumqttc::v5::mqttbytes::qos(qos).ok_or("an unknown quality of service")?;
            let mut publish = v5::Publish::new(topic, level, message, None);
            publish.pkid = number;
            publish.write(&mut out).map_err(odd)?;
        } else {
            let mut publish = v4::Publish::new(topic, level, message);
            publish.pkid = number;
            publish.write(&mut out).map_err(odd)?;
        }
        self.write(&out).await?;
        if qos == 0 {
            return Ok(());
        }
        loop {
            match self.hear().await? {
                Word::Taken(n) if n == number => return Ok(()),
                Word::Received(n) if n == number => {
                    let mut out = BytesMut::new();
                    match self.speaks.version {
                        5 => v5::PubRel::new(n, None).write(&mut out).map_err(odd)?,
                        _ => v4::PubRel::new(n).write(&mut out).map_err(odd)?,
                    };
                    self.write(&out).await?;
                }
                _ => {}
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Said<()> {
        self.stream.write_all(bytes).await.map_err(text)?;
        self.stream.flush().await.map_err(text)
    }

    /// The next packet of the broker.
    async fn hear(&mut self) -> Said<Word> {
        loop {
            if let Some(word) = self.word()? {
                return Ok(word);
            }
            let read = self.stream.read_buf(&mut self.read).await.map_err(text)?;
            if read == 0 {
                return Err("the broker closed the connection".into());
            }
        }
    }

    fn word(&mut self) -> Said<Option<Word>> {
        if self.speaks.version == 5 {
            use v5::{ConnectReturnCode, Packet, PubAckReason, PubCompReason, PubRecReason};
            let most = u32::try_from(LONGEST).ok();
            let packet = match Packet::read(&mut self.read, most) {
                Ok(packet) => packet,
                Err(rumqttc::v5::mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
                Err(e) => return Err(odd(e)),
            };
            return Ok(Some(match packet {
                Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Word::Welcome,
                Packet::ConnAck(ack) => return refused(ack.code),
                Packet::PubAck(ack) => match ack.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
                        Word::Taken(ack.pkid)
                    }
                    why => return refused(why),
                },
                Packet::PubRec(rec) => match rec.reason {
                    PubRecReason::Success | PubRecReason::NoMatchingSubscribers => {
                        Word::Received(rec.pkid)
                    }
                    why => return refused(why),
                },
                Packet::PubComp(comp) if comp.reason == PubCompReason::Success => {
                    Word::Taken(comp.pkid)
                }
                Packet::PubComp(comp) => return refused(comp.reason),
                Packet::Disconnect(end) => return refused(end.reason_code),
                _ => Word::Other,
            }));
        }
        use v4::{ConnectReturnCode, Packet};
        let packet = match Packet::read(&mut self.read, LONGEST) {
            Ok(packet) => packet,
            Err(rumqttc::Error::InsufficientBytes(_)) => return Ok(None),
            Err(e) => return Err(odd(e)),
        };
        Ok(Some(match packet {
            Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Word::Welcome,
            Packet::ConnAck(ack) => return refused(ack.code),
            Packet::PubAck(ack) => Word::Taken(ack.pkid),
            Packet::PubRec(rec) => Word::Received(rec.pkid),
            Packet::PubComp(comp) => Word::Taken(comp.pkid),
            _ => Word::Other,
        }))
    }
}

fn tls() -> Said<ClientConfig> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(text)?;
    let builder = builder.with_platform_verifier().map_err(text)?;
    Ok(builder.with_no_client_auth())
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn odd(e: impl std::fmt::Debug) -> String {
    format!("{e:?}")
}

fn refused<T>(why: impl std::fmt::Debug) -> Said<T> {
    Err(format!("the broker refuses: {why:?}"))
}
