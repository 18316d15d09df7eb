//! TLS record protection with the secrets of a key log: key derivation (RFC 5246 section 6.3, RFC 8446 section 7) and
//! opening of records (RFC 5288, RFC 7905, RFC 8446 section 5.2, and CBC suites of old phones).

use super::limits::SECRETS;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use rustc_hash::FxHashMap;
use sha2::{Sha256, Sha384};

/// Secrets of an SSLKEYLOGFILE by label and client random.
#[derive(Default)]
pub struct KeyLog {
    secrets: FxHashMap<(Label, [u8; 32]), Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Label {
    Master,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
}

impl KeyLog {
    /// Lines of "LABEL client-random secret"; what is not of that form is skipped.
    pub fn add(&mut self, text: &[u8]) {
        for line in text.split(|&b| b == b'\n') {
            if self.secrets.len() >= SECRETS {
                return;
            }
            let _ = self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let label = match words.next()? {
            "CLIENT_RANDOM" => Label::Master,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
            "CLIENT_TRAFFIC_SECRET_0" => Label::ClientTraffic,
            "SERVER_TRAFFIC_SECRET_0" => Label::ServerTraffic,
            _ => return None,
        };
        let random = unhex(words.next()?)?.try_into().ok()?;
        let secret = unhex(words.next()?).filter(|s| matches!(s.len(), 32 | 48))?;
        self.secrets.insert((label, random), secret);
        Some(())
    }

    pub fn secret(&self, label: Label, client_random: &[u8; 32]) -> Option<&Vec<u8>> {
        self.secrets.get(&(label, *client_random))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|d| d[0] << 4 | d[1]).collect())
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bulk {
    Gcm,
    ChaCha,
    /// Followed by a MAC of so many bytes.
    Cbc(usize),
}

#[derive(Clone, Copy, Debug)]
pub struct Suite {
    bulk: Bulk,
    key: usize,
    sha384: bool,
    pub is_13: bool,
}

impl Suite {
    pub fn of(number: u16) -> Option<Suite> {
        let (bulk, key, sha384) = match number {
            0x1301 | 0x009c | 0x009e | 0xc02b | 0xc02f => (Bulk::Gcm, 16, false),
            0x1302 | 0x009d | 0x009f | 0xc02c | 0xc030 => (Bulk::Gcm, 32, true),
            0x1303 | 0xcca8 | 0xcca9 | 0xccaa => (Bulk::ChaCha, 32, false),
            0x002f | 0x0033 | 0xc009 | 0xc013 => (Bulk::Cbc(20), 16, false),
            0x0035 | 0x0039 | 0xc00a | 0xc014 => (Bulk::Cbc(20), 32, false),
            0x003c | 0x0067 | 0xc023 | 0xc027 => (Bulk::Cbc(32), 16, false),
            0x003d | 0x006b => (Bulk::Cbc(32), 32, false),
            0xc024 | 0xc028 => (Bulk::Cbc(48), 32, true),
            _ => return None,
        };
        Some(Suite { bulk, key, sha384, is_13: number >> 8 == 0x13 })
    }

    /// RFC 5246 section 6.3: (client, server) keys out of the master secret.
    pub fn keys12(self, master: &[u8], client_random: &[u8], server_random: &[u8], mac_last: bool) -> [Opener; 2] {
        let (mac, iv) = match self.bulk {
            Bulk::Gcm => (0, 4),
            Bulk::ChaCha => (0, 12),
            Bulk::Cbc(mac) => (mac, 0),
        };
        let seed = [b"key expansion".as_slice(), server_random, client_random].concat();
        let block = prf(self.sha384, master, &seed, 2 * (mac + self.key + iv));
        let at = |from: usize, len: usize| block[from..from + len].to_vec();
        let (keys, ivs) = (2 * mac, 2 * mac + 2 * self.key);
        [0, 1].map(|side| Opener {
            suite: self,
            key: at(keys + side * self.key, self.key),
            iv: at(ivs + side * iv, iv),
            sequence: 0,
            mac_last,
        })
    }

    /// RFC 8446 section 7.3.
    pub fn keys13(self, secret: &[u8]) -> Opener {
        let key = self.expand(secret, "key", self.key);
        Opener { suite: self, key, iv: self.expand(secret, "iv", 12), sequence: 0, mac_last: false }
    }

    /// The secret after a KeyUpdate (RFC 8446 section 7.2).
    pub fn next_secret(self, secret: &[u8]) -> Vec<u8> {
        self.expand(secret, "traffic upd", secret.len())
    }

    /// HKDF-Expand-Label with an empty context; one or two blocks.
    fn expand(self, secret: &[u8], label: &str, len: usize) -> Vec<u8> {
        let mut info = (len as u16).to_be_bytes().to_vec();
        info.push(6 + label.len() as u8);
        info.extend_from_slice(b"tls13 ");
        info.extend_from_slice(label.as_bytes());
        info.push(0);
        let (mut out, mut block) = (Vec::new(), Vec::new());
        for i in 1u8.. {
            if out.len() >= len {
                break;
            }
            block = hash(self.sha384, secret, &[&block, &info, &[i]]);
            out.extend_from_slice(&block);
        }
        out.truncate(len);
        out
    }
}

fn hash(sha384: bool, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    fn run<M: Mac + hmac::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let Ok(mut mac) = <M as hmac::KeyInit>::new_from_slice(key) else { return Vec::new() };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }
    if sha384 {
        run::<Hmac<Sha384>>(key, parts)
    } else {
        run::<Hmac<Sha256>>(key, parts)
    }
}

/// RFC 5246 section 5.
fn prf(sha384: bool, secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let (mut out, mut a) = (Vec::new(), seed.to_vec());
    while out.len() < len {
        a = hash(sha384, secret, &[&a]);
        out.extend(hash(sha384, secret, &[&a, seed]));
    }
    out.truncate(len);
    out
}

/// Opens the records of one direction, in order.
#[derive(Clone)]
pub struct Opener {
    suite: Suite,
    key: Vec<u8>,
    iv: Vec<u8>,
    sequence: u64,
    /// Encrypt-then-MAC (RFC 7366): the MAC is outside.
    mac_last: bool,
}

impl Opener {
    /// (content type, plain text) of a record; nothing if it does not open with these keys.
    pub fn open(&mut self, kind: u8, record: &[u8]) -> Option<(u8, Vec<u8>)> {
        let plain = match (self.suite.bulk, self.suite.is_13) {
            (Bulk::Cbc(mac), _) => self.cbc(record, mac)?,
            (_, true) => self.aead(record, self.nonce(), &additional13(record.len()))?,
            (Bulk::Gcm, false) => {
                let nonce = [self.iv.as_slice(), record.get(..8)?].concat();
                let aad = self.additional12(kind, record.len().checked_sub(24)?);
                self.aead(&record[8..], nonce, &aad)?
            }
            (Bulk::ChaCha, false) => {
                let aad = self.additional12(kind, record.len().checked_sub(16)?);
                self.aead(record, self.nonce(), &aad)?
            }
        };
        self.sequence += 1;
        if !self.suite.is_13 {
            return Some((kind, plain));
        }
        // TLS 1.3 hides the type behind the text, before any padding.
        let end = plain.iter().rposition(|&b| b != 0)?;
        Some((plain[end], plain[..end].to_vec()))
    }

    fn nonce(&self) -> Vec<u8> {
        let mut nonce = self.iv.clone();
        for (byte, s) in nonce.iter_mut().rev().zip(self.sequence.to_be_bytes().iter().rev()) {
            *byte ^= s;
        }
        nonce
    }

    fn additional12(&self, kind: u8, len: usize) -> Vec<u8> {
        let len = (len as u16).to_be_bytes();
        [self.sequence.to_be_bytes().as_slice(), &[kind, 3, 3], &len].concat()
    }

    fn aead(&self, data: &[u8], nonce: Vec<u8>, aad: &[u8]) -> Option<Vec<u8>> {
        fn run<C: KeyInit + AeadInOut>(key: &[u8], nonce: &[u8], aad: &[u8], data: &[u8]) -> Option<Vec<u8>> {
            let mut buffer = data.to_vec();
            let nonce = aes_gcm::aead::Nonce::<C>::try_from(nonce).ok()?;
            C::new_from_slice(key).ok()?.decrypt_in_place(&nonce, aad, &mut buffer).ok()?;
            Some(buffer)
        }
        match (self.suite.bulk, self.suite.key) {
            (Bulk::ChaCha, _) => run::<ChaCha20Poly1305>(&self.key, &nonce, aad, data),
            (_, 16) => run::<Aes128Gcm>(&self.key, &nonce, aad, data),
            _ => run::<Aes256Gcm>(&self.key, &nonce, aad, data),
        }
    }

    /// RFC 5246 section 6.2.3.2: an explicit IV, then blocks; the MAC is cut off, not checked.
    fn cbc(&self, record: &[u8], mac: usize) -> Option<Vec<u8>> {
        let end = record.len().checked_sub(if self.mac_last { mac } else { 0 })?;
        let blocks = record.get(..end).filter(|b| b.len() >= 32 && b.len() % 16 == 0)?;
        let mut plain = Vec::with_capacity(blocks.len());
        for pair in blocks.windows(32).step_by(16) {
            let block = decrypt_block(&self.key, &pair[16..])?;
            plain.extend(block.iter().zip(&pair[..16]).map(|(a, b)| a ^ b));
        }
        let padding = usize::from(*plain.last()?) + 1;
        let inner_mac = if self.mac_last { 0 } else { mac };
        plain.truncate(plain.len().checked_sub(padding + inner_mac)?);
        Some(plain)
    }
}

fn decrypt_block(key: &[u8], block: &[u8]) -> Option<[u8; 16]> {
    use aes::cipher::BlockCipherDecrypt;
    let mut block = aes::Block::try_from(block).ok()?;
    if key.len() == 16 {
        <aes::Aes128 as aes::cipher::KeyInit>::new_from_slice(key).ok()?.decrypt_block(&mut block);
    } else {
        <aes::Aes256 as aes::cipher::KeyInit>::new_from_slice(key).ok()?.decrypt_block(&mut block);
    }
    Some(block.into())
}

fn additional13(len: usize) -> [u8; 5] {
    let len = (len as u16).to_be_bytes();
    [23, 3, 3, len[0], len[1]]
}
