//! Writes a capture: pcap with nanoseconds, or pcapng where packets of several link types come together.

use std::fs::File;
use std::io::{self, BufWriter, Write};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Pcap,
    PcapNg,
}

pub struct Writer {
    file: BufWriter<File>,
    form: Form,
    /// Link types met, in the order of their interfaces.
    links: Vec<u16>,
}

impl Writer {
    pub fn create(path: &str, form: Form) -> io::Result<Writer> {
        let mut writer = Writer { file: BufWriter::new(File::create(path)?), form, links: Vec::new() };
        if form == Form::PcapNg {
            writer.words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28])?;
        }
        Ok(writer)
    }

    /// False: a pcap file has one link type, and this is another.
    pub fn packet(&mut self, link: u16, time: i64, data: &[u8], wire: usize) -> io::Result<bool> {
        let interface = match self.links.iter().position(|&l| l == link) {
            Some(interface) => interface,
            None if self.form == Form::Pcap && !self.links.is_empty() => return Ok(false),
            None => self.interface(link)?,
        };
        match self.form {
            Form::Pcap => self.classic(time, data, wire)?,
            Form::PcapNg => self.enhanced(interface as u32, time, data, wire)?,
        }
        Ok(true)
    }

    pub fn finish(mut self) -> io::Result<()> {
        if self.links.is_empty() {
            self.interface(1)?;
        }
        self.file.flush()
    }

    /// The header of a pcap, or an interface with nanosecond timestamps (if_tsresol 9).
    fn interface(&mut self, link: u16) -> io::Result<usize> {
        match self.form {
            Form::Pcap => self.words(&[0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, u32::from(link)])?,
            Form::PcapNg => self.words(&[1, 32, u32::from(link), 262_144, 9 | 1 << 16, 9, 0, 32])?,
        }
        self.links.push(link);
        Ok(self.links.len() - 1)
    }

    fn classic(&mut self, time: i64, data: &[u8], wire: usize) -> io::Result<()> {
        let (seconds, nanos) = (time.div_euclid(1_000_000_000), time.rem_euclid(1_000_000_000));
        self.words(&[seconds as u32, nanos as u32, data.len() as u32, wire as u32])?;
        self.file.write_all(data)
    }

    fn enhanced(&mut self, interface: u32, time: i64, data: &[u8], wire: usize) -> io::Result<()> {
        let padding = data.len().wrapping_neg() & 3;
        let total = (32 + data.len() + padding) as u32;
        let time = time as u64;
        self.words(&[6, total, interface, (time >> 32) as u32, time as u32, data.len() as u32, wire as u32])?;
        self.file.write_all(data)?;
        self.file.write_all(&[0; 3][..padding])?;
        self.words(&[total])
    }

    fn words(&mut self, words: &[u32]) -> io::Result<()> {
        words.iter().try_for_each(|w| self.file.write_all(&w.to_le_bytes()))
    }
}
