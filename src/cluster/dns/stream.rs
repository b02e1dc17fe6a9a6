//! Questions over a stream of bytes, all on one connection: each message after its length, answers in any order
//! (RFC 7766 6.2.1.1, 7, 8).

use core::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

use super::message;
use super::round::Round;
use crate::model::answer::Outcome;

/// Questions on their way at one time. A server that answers one by one must have time for all of them.
const WINDOW: usize = 128;
/// Bytes of the length before a message.
const PREFIX: usize = 2;

/// A connection. `fault` ends when something else than the connection says that it is of no use, and why.
pub(super) struct Line {
    pub(super) stream: Pin<Box<dyn Duplex>>,
    pub(super) fault: Pin<Box<dyn Future<Output = String> + Send>>,
}

/// Bytes in and out.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Duplex for S {}

/// How a connection ended before all was answered.
enum End {
    /// Between two messages, as servers do that limit what one connection may ask.
    Closed,
    /// In the middle of a message.
    Cut,
    /// Otherwise: why.
    Broken(String),
}

/// Asks what waits in `round`. Connects again only where the connection before answered something.
pub(super) async fn ask(round: &mut Round<'_>, connect: impl AsyncFn() -> Result<Line, Outcome>) {
    loop {
        round.begin();
        let line = match connect().await {
            Ok(line) => line,
            Err(outcome) => return round.end_all(&outcome),
        };
        let Line { mut stream, mut fault } = line;
        let end = tokio::select! {
            // A connection that was closed for a reason shows both at once.
            biased;
            why = &mut fault => Err(End::Broken(why)),
            end = converse(round, &mut stream) => end,
        };
        let outcome = match end {
            Ok(()) => break,
            Err(End::Closed | End::Broken(_)) if round.was_of_use() => continue,
            Err(End::Closed) => Outcome::Unreachable("the server closed the connection without an answer".to_owned()),
            Err(End::Cut) => message::malformed("the connection ended in the middle of an answer"),
            Err(End::Broken(why)) => Outcome::Unreachable(why),
        };
        return round.end_all(&outcome);
    }
    // Over a stream there is room for all of it.
    if round.ask_again_over_tcp() {
        round.end_all(&message::malformed("the answer says that it is cut short, over TCP"));
    }
}

async fn converse(round: &mut Round<'_>, stream: &mut Pin<Box<dyn Duplex>>) -> Result<(), End> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut out, mut inbox) = (Vec::new(), Vec::with_capacity(16 * 1024));
    let mut writable = true;
    loop {
        while let Some(message) = writable.then(|| round.next(WINDOW)).flatten() {
            // A question is a name and a few bytes.
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            out.extend(length.to_be_bytes());
            out.extend(message);
        }
        if round.is_done() {
            return Ok(());
        }
        let event = round.next_event(false).unwrap_or_else(Instant::now);
        tokio::select! {
            written = writer.write(&out), if writable && !out.is_empty() => match written {
                Ok(written) if written > 0 => _ = out.drain(..written),
                // Answers may have come before the other side closed; the reading says how it ended.
                _ => writable = false,
            },
            read = reader.read_buf(&mut inbox) => match read {
                Ok(0) if inbox.is_empty() => return Err(End::Closed),
                Ok(0) => return Err(End::Cut),
                Ok(_) => take_all(round, &mut inbox),
                Err(error) => return Err(End::Broken(format!("the connection broke: {}", super::said(&error)))),
            },
            () = sleep_until(event) => {}
        }
        round.expire();
    }
}

/// Takes every whole message in; never more than one that is not stays, and a length is 64 KiB at most.
fn take_all(round: &mut Round<'_>, inbox: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&[high, low]) = inbox.get(at..at + PREFIX) {
        let end = at + PREFIX + usize::from(u16::from_be_bytes([high, low]));
        let Some(message) = inbox.get(at + PREFIX..end) else {
            break;
        };
        round.take(message);
        at = end;
    }
    inbox.drain(..at);
}
