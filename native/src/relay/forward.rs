//! The walk of a packet from a socket of one port to one of another: `Switch::datagram` calls `forward`; the source's
//! side hears it (open, then latch, then meter, then tee), the target's side says where it leaves (seal, then the address). Each
//! side is behind its own short lock, and the two are never held together, so sides of different workers may forward to
//! each other.

use std::net::SocketAddr;
use std::sync::Arc;

use super::convert::{convert, report_converted};
use super::events::Events;
use super::io::deliver;
use super::packet::Media;
use super::port::{leave, Arrival, Outgoing, Port, Socket};
use crate::srtp::OVERHEAD;

/// Judge the datagram in `buffer[..length]` that came to `socket`, and say what leaves in its place.
pub fn forward(
    socket: &Socket,
    source: SocketAddr,
    buffer: &mut [u8],
    length: usize,
    now_ns: u64,
    events: &Events,
) -> Option<Outgoing> {
    let port = &socket.port;
    let mut side = port.side();
    let arrival = Arrival { port: port.id, on_rtcp_socket: socket.is_rtcp, source, now_ns, events };
    let (media, length) = side.take(&arrival, &mut buffer[..length])?;
    if side.bundle.is_some() {
        let sections = side.sort(media, &buffer[..length]);
        drop(side);
        return forward_sections(sections, &arrival, media, buffer, length);
    }
    let second = second_of(&buffer[..length]);
    side.hear(&arrival, media, &mut buffer[..length])?;
    side.record(port, &arrival, &buffer[..length], second);
    if side.converts {
        return convert(port, side, media, buffer, length, now_ns);
    }
    let target = side.target(port, media, &mut buffer[..length])?;
    let is_plain = media == Media::Rtp && side.passes(source, &target);
    drop(side);
    let outgoing = leave(&target, media, buffer, length)?;
    Some(Outgoing { is_plain: is_plain && outgoing.is_plain, ..outgoing })
}

/// The same for a packet of a bundle. RTCP may be about several sections; it leaves once for each transport.
fn forward_sections(
    sections: Vec<Arc<Port>>,
    arrival: &Arrival,
    media: Media,
    buffer: &mut [u8],
    length: usize,
) -> Option<Outgoing> {
    let mut targets: Vec<Arc<Port>> = Vec::new();
    let second = second_of(&buffer[..length]);
    let mut is_recorded = false;
    for section in sections {
        let arrival = Arrival { port: section.id, ..*arrival };
        let mut side = section.side();
        let heard = side.hear(&arrival, media, &mut buffer[..length]);
        if heard.is_some() && !is_recorded {
            is_recorded = side.record(&section, &arrival, &buffer[..length], second);
        }
        if side.converts {
            match media {
                Media::Rtp => {
                    return heard.and_then(|()| convert(&section, side, media, buffer, length, arrival.now_ns))
                }
                Media::Rtcp => report_converted(&section, side, &buffer[..length], arrival.now_ns),
            }
            continue;
        }
        if let Some(target) = heard.and_then(|()| side.target(&section, media, &mut buffer[..length])) {
            if targets.iter().all(|other| other.transport().id != target.transport().id) {
                targets.push(target);
            }
        }
    }
    let last = targets.pop()?;
    for target in targets {
        let mut copy = buffer[..length + OVERHEAD].to_vec();
        if let Some(outgoing) = leave(&target, media, &mut copy, length) {
            deliver(&outgoing, &copy[..outgoing.length]);
        }
    }
    leave(&last, media, buffer, length)
}

/// Where RTP has its payload type, and RTCP its type.
fn second_of(data: &[u8]) -> u8 {
    data.get(1).copied().unwrap_or_default()
}
