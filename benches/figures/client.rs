//! HTTP/1.1 over one kept connection, blocking: no timer wheel and no task queue between the
//! clock and the socket.
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Connection {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
    /// What of `buffer` is read and not yet used.
    start: usize,
    end: usize,
    /// What the last answer said of the next page.
    next: Option<String>,
    /// Who asks.
    pub token: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// Path of the next page, where a Link says so.
    pub next: Option<String>,
}

enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

fn bad(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}

/// One answer over a connection of its own.
pub fn get(address: &str, path: &str, accept: &str) -> Result<Answer> {
    Connection::open(address)?.get(path, accept)
}

/// Address and relation of a Link.
fn link(value: &str) -> Option<(&str, &str)> {
    let (address, rest) = value.trim().strip_prefix('<')?.split_once(">; rel=\"")?;
    Some((address, rest.strip_suffix('"')?))
}

/// The path of an address with what follows it.
pub fn below(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    address[host..]
        .find('/')
        .map_or("/", |at| &address[host + at..])
}

impl Connection {
    pub fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(600)))?;
        Ok(Self {
            stream,
            address: address.to_owned(),
            buffer: vec![0; 1 << 18],
            start: 0,
            end: 0,
            next: None,
            token: None,
        })
    }

    pub fn get(&mut self, path: &str, accept: &str) -> Result<Answer> {
        self.ask(path, accept, None)
    }

    /// POST where there is content, a media type and the bytes; else GET.
    pub fn ask(
        &mut self,
        path: &str,
        accept: &str,
        content: Option<(&str, &[u8])>,
    ) -> Result<Answer> {
        let mut body = Vec::new();
        let status = self.read(path, accept, content, |part| {
            body.extend_from_slice(part);
            Ok(())
        })?;
        let next = self.next.take();
        Ok(Answer { status, body, next })
    }

    /// Hands the body over part by part and gives the status.
    pub fn read(
        &mut self,
        path: &str,
        accept: &str,
        content: Option<(&str, &[u8])>,
        mut part: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u16> {
        let mut request = format!(
            "{} {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n",
            if content.is_some() { "POST" } else { "GET" },
            self.address
        )
        .into_bytes();
        if let Some(token) = &self.token {
            write!(request, "Authorization: Bearer {token}\r\n")?;
        }
        if let Some((media, bytes)) = content {
            write!(
                request,
                "Content-Type: {media}\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            )?;
            request.extend_from_slice(bytes);
        } else {
            request.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&request)?;
        let (status, length) = self.head()?;
        match length {
            Length::Known(length) => self.take(length, &mut part)?,
            Length::Chunked => loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16)
                    .map_err(|_| bad(format!("no chunk size: {line:?}")))?;
                if size == 0 {
                    while !self.line()?.is_empty() {}
                    break;
                }
                self.take(size, &mut part)?;
                self.line()?;
            },
            Length::UntilClose => loop {
                if self.start == self.end && self.fill()? == 0 {
                    break;
                }
                part(&self.buffer[self.start..self.end])?;
                self.start = self.end;
            },
        }
        Ok(status)
    }

    fn head(&mut self) -> Result<(u16, Length)> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| bad(format!("no status line: {first:?}")))?;
        let mut length = match status {
            204 | 304 => Length::Known(0),
            _ => Length::UntilClose,
        };
        self.next = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, length));
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                let value = value.trim().parse();
                length = Length::Known(value.map_err(|_| bad(line.clone()))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunked;
            } else if name.eq_ignore_ascii_case("link")
                && let Some((address, "next")) = link(value)
            {
                self.next = Some(below(address).to_owned());
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            if self.start == self.end && self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let ready = &self.buffer[self.start..self.end];
            if let Some(at) = ready.iter().position(|&b| b == b'\n') {
                line.extend_from_slice(&ready[..at]);
                self.start += at + 1;
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return String::from_utf8(line).map_err(|_| bad("a head that is not text"));
            }
            line.extend_from_slice(ready);
            self.start = self.end;
        }
    }

    fn take(&mut self, mut length: u64, part: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while length > 0 {
            if self.start == self.end && self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let ready = (self.end - self.start).min(usize::try_from(length).unwrap_or(usize::MAX));
            part(&self.buffer[self.start..self.start + ready])?;
            self.start += ready;
            length -= ready as u64;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<usize> {
        self.start = 0;
        self.end = self.stream.read(&mut self.buffer)?;
        Ok(self.end)
    }
}
