//! Questions over UDP, all from one port; each is sent once more after half of its time, because datagrams get lost.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::round::Round;
use crate::model::answer::Outcome;

/// Questions on their way at one time; more answers than these could overflow the socket's buffer.
pub(super) const WINDOW: usize = 32;

/// Asks what waits in `round`. Where nobody takes datagrams the questions wait on: a `kubectl port-forward` takes TCP only.
pub(super) async fn ask(round: &mut Round<'_>, server: SocketAddr) {
    round.begin();
    match converse(round, server).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => round.begin(),
        Err(error) => round.end_all(&Outcome::Unreachable(super::said(&error))),
        Ok(()) => {}
    }
}

async fn converse(round: &mut Round<'_>, server: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // The system then drops what others send, and tells where nobody listens.
    socket.connect(server).await?;
    let mut inbox = vec![0; usize::from(u16::MAX)];
    loop {
        while let Some(message) = round.next(WINDOW) {
            socket.send(&message).await?;
        }
        if round.is_done() {
            return Ok(());
        }
        let event = round.next_event(true).unwrap_or_else(Instant::now);
        tokio::select! {
            read = socket.recv(&mut inbox) => round.take(&inbox[..read?]),
            () = sleep_until(event) => {}
        }
        for message in round.overdue() {
            socket.send(&message).await?;
        }
        round.expire();
    }
}
