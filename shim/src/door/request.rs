//! Reads a request. The headers say nothing that the door needs.

use heapless::Vec;

use super::{Refusal, Route, route};

/// The maximum length of a request line with all headers.
pub const MAX_HEAD: usize = 4096;
/// The maximum number of headers. Node sends two, curl three.
pub(super) const MAX_HEADERS: usize = 32;
/// The longest name of a user (`NAME_MAX`).
const NAME: usize = 255;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub route: &'static Route,
    /// The user of the query's `user=`; empty if it has none.
    pub user: Vec<u8, NAME>,
    /// Whether the query has `kernel`: the kernel's messages, not a user's.
    pub kernel: bool,
    /// Whether the query has `follow`: the answer goes on as the log does.
    pub follow: bool,
}

/// Reads what has arrived; `None` if it is incomplete.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLong),
        Err(_) => return Err(Refusal::Malformed),
    }
    // HTTP/1.1
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version) else {
        return Err(Refusal::Malformed);
    };
    let mut parts = target.splitn(2, '?');
    let (path, query) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut request = Request { route: route(method, path)?, user: Vec::new(), kernel: false, follow: false };
    for pair in query.split('&') {
        let mut parts = pair.splitn(2, '=');
        match (parts.next(), parts.next().unwrap_or_default()) {
            (Some("user"), value) => request.user = decoded(value).ok_or(Refusal::NoLog)?,
            (Some("follow"), value) => request.follow = is_on(value),
            (Some("kernel"), value) => request.kernel = is_on(value),
            _ => {}
        }
    }
    Ok(Some(request))
}

/// Whether a value switches something on.
fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false")
}

/// Decodes a value of a query: `%` with two digits is a byte, and `+` a blank (HTML, "application/x-www-form-urlencoded").
fn decoded(value: &str) -> Option<Vec<u8, NAME>> {
    let mut all = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            b'+' => b' ',
            byte => byte,
        };
        all.push(byte).ok()?;
    }
    Some(all)
}
