//! Reads capture files through an engine.

use super::engine::Engine;
use super::erf::Erf;
use super::netmon::NetMon;
use super::pcap::{Pcap, Span, Step};
use super::pcapng::PcapNg;
use super::snoop::Snoop;
use super::source::{kind_of, Source};
use super::writer::Writer;
use rustc_hash::FxHashSet;
use std::io;

pub enum Format {
    Pcap(Pcap),
    Ng(PcapNg),
    Snoop(Snoop),
    NetMon(NetMon),
    Erf(Erf),
}

impl Format {
    #[inline(always)]
    pub fn next(&mut self, source: &mut Source) -> io::Result<Step> {
        match self {
            Format::Pcap(pcap) => pcap.next(source),
            Format::Ng(ng) => ng.next(source),
            Format::Snoop(snoop) => snoop.next(source),
            Format::NetMon(netmon) => netmon.next(source),
            Format::Erf(erf) => erf.next(source),
        }
    }
}

/// Why a file cannot be read: it is something else, or the system says no.
pub enum Unreadable {
    NotACapture(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(e: io::Error) -> Self {
        Unreadable::Io(e)
    }
}

/// An open capture.
pub struct Open {
    source: Source,
    format: Format,
    /// Somebody writes on: its end is no end.
    pub is_growing: bool,
}

impl Open {
    pub fn new(mut source: Source) -> Result<Open, Unreadable> {
        let format = if let Some(pcap) = Pcap::open(&mut source)? {
            Format::Pcap(pcap)
        } else if let Some(ng) = PcapNg::open(&mut source)? {
            Format::Ng(ng)
        } else if let Some(snoop) = Snoop::open(&mut source)? {
            Format::Snoop(snoop)
        } else if let Some(netmon) = NetMon::open(&mut source)? {
            Format::NetMon(netmon)
        } else if let Some(erf) = Erf::open(&mut source)? {
            Format::Erf(erf)
        } else {
            let packed = source.packed;
            let head = source.peek(4096)?;
            return Err(Unreadable::NotACapture(packed.filter(|_| head.is_empty()).unwrap_or_else(|| kind_of(head))));
        };
        Ok(Open { source, format, is_growing: false })
    }

    /// (bytes taken of the file, its size or 0).
    pub fn position(&self) -> (u64, u64) {
        (self.source.taken(), self.source.size)
    }

    /// Reads on until so many records wait or so many bytes were read; false at the end. Notes go to the engine.
    pub fn run(&mut self, engine: &mut Engine, max_records: usize, max_bytes: u64) -> io::Result<bool> {
        let until = self.source.offset.saturating_add(max_bytes);
        while engine.out.len() < max_records && self.source.offset < until {
            match self.step(engine)? {
                Step::Packet(span) => self.hand_over(&span, engine),
                Step::Cut | Step::End => {
                    if self.is_growing {
                        self.source.look_again();
                    }
                    return Ok(self.is_growing);
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// Reads on by one step. A packet is left where it lies; what else there is goes to the engine.
    #[inline(always)]
    pub fn step(&mut self, engine: &mut Engine) -> io::Result<Step> {
        let step = self.format.next(&mut self.source)?;
        match step {
            Step::Packet(_) | Step::Other | Step::End => {}
            Step::Cut if self.is_growing => {}
            Step::Secrets { from, len, total } => {
                engine.tcp.keys.add(&self.source.buffered()[from..from + len]);
                self.source.skip(total);
            }
            Step::Dropped(count) => engine.note("dropped", count, 0),
            Step::Damaged(offset) => engine.note("damaged", 1, offset),
            Step::Cut => engine.note("cut-off", 1, self.source.offset),
        }
        Ok(step)
    }

    /// Gives the packet that the last step found to the engine, and takes it.
    #[inline(always)]
    pub fn hand_over(&mut self, span: &Span, engine: &mut Engine) {
        let data = &self.source.buffered()[span.from..span.from + span.len];
        engine.packet(span.link, span.time, data, span.wire);
        self.source.skip(span.total);
    }

    /// Takes the next packet without a look into it: its time; nothing at the end.
    pub fn skip_packet(&mut self) -> io::Result<Option<i64>> {
        let Some(span) = self.next_packet()? else { return Ok(None) };
        self.source.skip(span.total);
        Ok(Some(span.time))
    }

    /// Copies the packets with these frame numbers, and those of the engine's picked streams. How many there were;
    /// nothing if the writer cannot hold them together.
    pub fn copy(
        &mut self,
        engine: &mut Engine,
        frames: &FxHashSet<u64>,
        writer: &mut Writer,
    ) -> io::Result<Option<u64>> {
        let mut copied = 0;
        while let Some(span) = self.next_packet()? {
            let data = &self.source.buffered()[span.from..span.from + span.len];
            engine.media.touched = false;
            engine.packet(span.link, span.time, data, span.wire);
            engine.out.clear();
            if engine.media.touched || frames.contains(&engine.frame) {
                if !writer.packet(span.link, span.time, data, span.wire)? {
                    return Ok(None);
                }
                copied += 1;
            }
            self.source.skip(span.total);
        }
        Ok(Some(copied))
    }

    /// Takes the next packet alone; false at the end. Its records are in the engine.
    pub fn frame(&mut self, engine: &mut Engine) -> io::Result<bool> {
        let Some(span) = self.next_packet()? else { return Ok(false) };
        let data = &self.source.buffered()[span.from..span.from + span.len];
        engine.packet(span.link, span.time, data, span.wire);
        self.source.skip(span.total);
        Ok(true)
    }

    fn next_packet(&mut self) -> io::Result<Option<Span>> {
        loop {
            match self.format.next(&mut self.source)? {
                Step::Packet(span) => return Ok(Some(span)),
                Step::Secrets { total, .. } => self.source.skip(total),
                Step::Cut | Step::End => return Ok(None),
                Step::Other | Step::Dropped(_) | Step::Damaged(_) => {}
            }
        }
    }
}
