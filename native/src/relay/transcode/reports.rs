//! RTCP of a section that is converted (RFC 3550 section 7.2): what a side reports is about streams that end here.
//!
//! A report is turned around in two halves, because the two directions are known to different ports: the converter
//! of the reporter's own stream makes its sender report fit the stream that we send; the converter of the other
//! direction adds what we ourselves heard of it, in place of what the reporter heard of ours.

use super::Transcoder;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;

/// Chunks of one datagram that are looked at.
const CHUNKS: usize = 16;
/// A CNAME and some more items.
const DESCRIPTION: usize = 512;
/// Room for what `write_report` writes.
pub const REPORT: usize = DESCRIPTION + 64;

/// What one side reported, as far as it concerns the other.
pub struct Report {
    /// Our source towards the other side.
    ssrc: u32,
    /// NTP time, mapped timestamp, packets, octets; None for a side that does not send.
    sender: Option<[u8; 20]>,
    /// What it says about our stream towards it: (source, fraction lost, LSR and DLSR).
    blocks: Vec<(u32, u8, [u8; 8])>,
    /// Its source description, under our source.
    description: Vec<u8>,
}

impl Transcoder {
    /// Read what our peer reports. None when it is about nothing that we sent.
    pub fn read_report(&self, data: &[u8]) -> Option<Report> {
        let mut report = Report { ssrc: self.line.ssrc, sender: None, blocks: Vec::new(), description: Vec::new() };
        if self.line.packets == 0 {
            return None;
        }
        for (chunk, _) in chunks(data).zip(0..CHUNKS) {
            match chunk[1] {
                SENDER_REPORT => {
                    report.sender = self.sender_info(chunk);
                    read_blocks(chunk, 28, &mut report.blocks);
                }
                RECEIVER_REPORT => read_blocks(chunk, 8, &mut report.blocks),
                SOURCE_DESCRIPTION if chunk.len() <= DESCRIPTION => self.describe(chunk, &mut report.description),
                // BYE ends a source that lives on here; feedback and extended reports name packets that end here.
                _ => {}
            }
        }
        Some(report)
    }

    /// The sender information with the timestamp and the counts of our stream.
    fn sender_info(&self, chunk: &[u8]) -> Option<[u8; 20]> {
        let mut info: [u8; 20] = chunk.get(8..28)?.try_into().ok()?;
        let (ssrc, timestamp) = (word(chunk, 4)?, word(&info, 8)?);
        let position = self.timeline.position(ssrc, timestamp)?;
        let timestamp = self.line.timestamp(position, self.plan.spoken.coding.clock());
        info[8..12].copy_from_slice(&timestamp.to_be_bytes());
        info[12..16].copy_from_slice(&self.line.packets.to_be_bytes());
        info[16..].copy_from_slice(&self.line.octets.to_be_bytes());
        Some(info)
    }

    /// A description of one source, as nearly all are.
    fn describe(&self, chunk: &[u8], description: &mut Vec<u8>) {
        if chunk[0] & 0x1f == 1 && chunk.len() >= 8 && description.is_empty() {
            description.extend_from_slice(chunk);
            description[4..8].copy_from_slice(&self.line.ssrc.to_be_bytes());
        }
    }

    /// Finish the report of the other side for our peer, whose stream this converts; its length.
    pub fn write_report(&mut self, report: &Report, out: &mut [u8]) -> Option<usize> {
        let about_us = report.blocks.iter().find(|(ssrc, ..)| *ssrc == self.line.ssrc);
        if let Some((_, fraction, _)) = about_us {
            self.encoder.heed_loss((u16::from(*fraction) * 100 / 256) as u8);
        }
        // The peer's own sender report went to the other side with its time unchanged, so the round trip is whole.
        let block = self.reception.block(about_us.map_or([0; 8], |(_, _, last)| *last));
        let kind = if report.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let mut body = Vec::with_capacity(64 + report.description.len());
        body.extend_from_slice(&report.ssrc.to_be_bytes());
        body.extend(report.sender.iter().flatten());
        body.extend(block.iter().flatten());
        let words = body.len() / 4;
        let length = 4 + body.len() + report.description.len();
        let out = out.get_mut(..length)?;
        out[..4].copy_from_slice(&[2 << 6 | u8::from(block.is_some()), kind, (words >> 8) as u8, words as u8]);
        out[4..4 + body.len()].copy_from_slice(&body);
        out[4 + body.len()..].copy_from_slice(&report.description);
        Some(length)
    }
}

/// The packets of a compound packet, as far as they fit (RFC 3550 6.4).
fn chunks(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = 4 * (usize::from(u16::from_be_bytes([*data.get(2)?, *data.get(3)?])) + 1);
        let (chunk, rest) = data.split_at_checked(length)?;
        data = rest;
        Some(chunk)
    })
}

/// Report blocks from this place on.
fn read_blocks(chunk: &[u8], start: usize, blocks: &mut Vec<(u32, u8, [u8; 8])>) {
    let count = usize::from(chunk[0] & 0x1f);
    for block in chunk.get(start..).unwrap_or(&[]).chunks_exact(24).take(count) {
        if let (Some(ssrc), Ok(last)) = (word(block, 0), block[16..].try_into()) {
            blocks.push((ssrc, block[4], last));
        }
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}
