//! The walk of a packet whose section is converted, from where `port` has judged it: the converter of its port takes
//! it, and gives what leaves in its place out of the other port.

use std::sync::{Arc, MutexGuard};

use super::io::deliver;
use super::packet::Media;
use super::port::{leave, Outgoing, Outlet, Port, Side};
use super::transcode::REPORT;
use crate::rtp::Header;
use crate::srtp::OVERHEAD;

/// What leaves in place of what came to `port`, in another codec: nothing yet, or the first of what `follow` gives.
pub fn convert(
    port: &Arc<Port>,
    mut side: MutexGuard<'_, Side>,
    media: Media,
    buffer: &mut [u8],
    length: usize,
    now_ns: u64,
) -> Option<Outgoing> {
    let transcoder = side.transcoder.as_mut()?;
    if media == Media::Rtp {
        let header = Header::parse(&buffer[..length])?;
        transcoder.hear(&header, header.payload(&buffer[..length]), now_ns);
        drop(side);
        return follow(port, buffer);
    }
    let report = transcoder.read_report(&buffer[..length])?;
    let Outlet::Port(target) = &side.outlet else { return None };
    let target = target.upgrade()?;
    drop(side);
    let length = target.side().transcoder.as_mut()?.write_report(&report, buffer)?;
    leave(&target, media, buffer, length)
}

/// What leaves next in place of what came to `port`, written into `buffer`.
pub fn follow(port: &Arc<Port>, buffer: &mut [u8]) -> Option<Outgoing> {
    loop {
        let mut side = port.side();
        let Outlet::Port(target) = &side.outlet else { return None };
        let target = target.upgrade()?;
        let length = side.transcoder.as_mut()?.speak(buffer)?;
        drop(side);
        // What cannot be sent is gone, and does not keep the rest.
        if let Some(outgoing) = leave(&target, Media::Rtp, buffer, length) {
            return Some(Outgoing { followed_from: Some(port.clone()), ..outgoing });
        }
    }
}

/// RTCP of a bundle, as far as it is about a section that is converted: it leaves by itself.
pub fn report_converted(section: &Arc<Port>, side: MutexGuard<'_, Side>, data: &[u8], now_ns: u64) {
    let mut copy = data.to_vec();
    copy.resize(data.len().max(REPORT) + OVERHEAD, 0);
    if let Some(outgoing) = convert(section, side, Media::Rtcp, &mut copy, data.len(), now_ns) {
        deliver(&outgoing, &copy[..outgoing.length]);
    }
}
