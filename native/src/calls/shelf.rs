//! Messages of calls that are over, packed: most of them nobody reads again. What a first look at them shows is kept
//! beside the packed bytes, and whoever wants a message itself gets the whole call folded anew.
//!
//! A call is packed in two pieces: the message that began it, with the bytes of another call as the dictionary (calls
//! of one capture are alike), and the others, with the first as theirs. Reading the first is frequent and cheap.

use super::said::{Said, Signs};
use super::seen::{Catch, Place, SipSeen, Wire};
use lz4_flex::block;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Calls that stay unpacked after somebody read them: rules look at one call at a time, often.
const RECENT: usize = 4;

/// The messages of one call: of each use of its Call-ID, and of each hop there.
type Unpacked = Arc<Vec<Vec<Said>>>;

/// Folds messages in the order of time.
type Fold = fn(Python<'_>, &[Py<SipSeen>]) -> Vec<Vec<Said>>;

/// All packed calls of a ledger.
pub struct Shelf {
    fold: Fold,
    /// The first message that was packed.
    alike: OnceLock<Box<[u8]>>,
    recent: Mutex<Vec<(Weak<Sheaf>, Unpacked)>>,
}

impl Shelf {
    pub fn new(fold: Fold) -> Shelf {
        Shelf { fold, alike: OnceLock::new(), recent: Mutex::default() }
    }
}

/// The messages with one Call-ID, in the order of time.
pub struct Sheaf {
    shelf: Arc<Shelf>,
    first: Box<[u8]>,
    others: Box<[u8]>,
    slips: Box<[Slip]>,
    /// The addresses between which they went, each once.
    ends: Box<[(Place, Py<PyAny>)]>,
    /// In which ways they came, each once.
    manners: Box<[Manner]>,
    /// The frames of messages that came in several, by the place of the message.
    frames: Box<[(u32, Box<[u64]>)]>,
}

/// A message without its bytes.
struct Slip {
    frame: u64,
    time: f64,
    bytes: u32,
    wire_bytes: u32,
    src: u32,
    dst: u32,
    manner: u32,
    is_copy: bool,
    is_retransmission: bool,
    is_truncated: bool,
}

struct Manner {
    transport: Py<PyAny>,
    hep: Py<PyAny>,
    is_udp: bool,
    connection: u64,
    fragments: usize,
}

impl Manner {
    fn is_of(&self, py: Python<'_>, seen: &SipSeen) -> bool {
        let catch = &seen.catch;
        self.connection == catch.connection
            && self.fragments == catch.fragments
            && self.is_udp == catch.is_udp
            && self.hep.is(&seen.hep)
            && self.transport.is(&seen.transport(py))
    }
}

impl Sheaf {
    /// Packs messages in the order of time.
    pub fn new(py: Python<'_>, shelf: &Arc<Shelf>, rows: &[Py<SipSeen>]) -> Sheaf {
        let mut others = Vec::new();
        let (mut ends, mut manners, mut frames) =
            (Vec::<(Place, Py<PyAny>)>::new(), Vec::<Manner>::new(), Vec::new());
        let mut end_of = |place: &Place, address: &Py<PyAny>| {
            let known = ends.iter().position(|(other, _)| other == place);
            known.unwrap_or_else(|| {
                ends.push((place.clone(), address.clone_ref(py)));
                ends.len() - 1
            }) as u32
        };
        let mut slips = Vec::with_capacity(rows.len());
        for (place, row) in rows.iter().enumerate() {
            let seen = row.get();
            let catch = &seen.catch;
            if place > 0 {
                others.extend_from_slice(&seen.raw);
            }
            frames.extend(catch.frames.as_ref().map(|these| (place as u32, these.clone())));
            let manner = manners.iter().position(|manner| manner.is_of(py, seen)).unwrap_or_else(|| {
                manners.push(Manner {
                    transport: seen.transport(py),
                    hep: seen.hep.clone_ref(py),
                    is_udp: catch.is_udp,
                    connection: catch.connection,
                    fragments: catch.fragments,
                });
                manners.len() - 1
            });
            slips.push(Slip {
                frame: catch.frame,
                time: catch.time,
                bytes: seen.raw.len() as u32,
                wire_bytes: catch.wire_bytes as u32,
                src: end_of(&seen.from, &seen.src),
                dst: end_of(&seen.to, &seen.dst),
                manner: manner as u32,
                is_copy: catch.is_copy,
                is_retransmission: catch.is_retransmission,
                is_truncated: catch.is_truncated,
            });
        }
        let first = rows.first().map_or(&[][..], |row| &row.get().raw);
        let alike = shelf.alike.get_or_init(|| first.into());
        Sheaf {
            shelf: shelf.clone(),
            first: block::compress_with_dict(first, alike).into(),
            others: block::compress_with_dict(&others, first).into(),
            slips: slips.into(),
            ends: ends.into(),
            manners: manners.into(),
            frames: frames.into(),
        }
    }

    /// The message that began it.
    pub fn first(&self, py: Python<'_>) -> PyResult<SipSeen> {
        Ok(self.seen(py, 0, self.first_bytes()?.into()))
    }

    pub fn first_bytes(&self) -> PyResult<Vec<u8>> {
        let alike = self.shelf.alike.get().map_or(&[][..], |alike| alike);
        unpacked(&self.first, self.slips.first().map_or(0, |slip| slip.bytes as usize), alike)
    }

    /// The messages as they came.
    pub fn rows(&self, py: Python<'_>) -> PyResult<Vec<Py<SipSeen>>> {
        let first = self.first_bytes()?;
        let size = self.slips.iter().skip(1).map(|slip| slip.bytes as usize).sum();
        let others = unpacked(&self.others, size, &first)?;
        let (mut rows, mut at) = (vec![Py::new(py, self.seen(py, 0, first.into()))?], 0);
        for (place, slip) in self.slips.iter().enumerate().skip(1) {
            let end = at + slip.bytes as usize;
            rows.push(Py::new(py, self.seen(py, place, others[at..end].into()))?);
            at = end;
        }
        Ok(rows)
    }

    fn seen(&self, py: Python<'_>, place: usize, raw: Arc<[u8]>) -> SipSeen {
        let slip = &self.slips[place];
        let manner = &self.manners[slip.manner as usize];
        let frames = self.frames.iter().find(|(of, _)| *of as usize == place).map(|(_, frames)| frames.clone());
        let end = |at: u32| {
            let (place, address) = &self.ends[at as usize];
            (place.clone(), address.clone_ref(py))
        };
        let catch = Catch {
            frame: slip.frame,
            time: slip.time,
            frames,
            fragments: manner.fragments,
            connection: manner.connection,
            is_udp: manner.is_udp,
            is_copy: slip.is_copy,
            is_retransmission: slip.is_retransmission,
            is_truncated: slip.is_truncated,
            wire_bytes: slip.wire_bytes as usize,
        };
        let (transport, hep) = (manner.transport.clone_ref(py), manner.hep.clone_ref(py));
        SipSeen::new(catch, Wire { src: end(slip.src), dst: end(slip.dst), transport, raw, hep })
    }
}

/// Of who packed it, so that it fits; an error all the same, and no panic.
fn unpacked(packed: &[u8], size: usize, alike: &[u8]) -> PyResult<Vec<u8>> {
    block::decompress_with_dict(packed, size, alike).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// The messages of one hop, packed with all others of its call, and what a first look at them shows.
pub struct Shelved {
    sheaf: Arc<Sheaf>,
    /// Which use of the Call-ID, and which hop there.
    at: (usize, usize),
    pub signs: Signs,
    pub is_one_sided: bool,
    /// What the caller and the callee call themselves.
    pub agents: [Box<[u8]>; 2],
    /// Every request by a number for its method and branch, and who sent it.
    pub requests: Box<[(u64, Py<PyAny>)]>,
}

impl Shelved {
    pub fn new(py: Python<'_>, sheaf: &Arc<Sheaf>, at: (usize, usize), said: &Said) -> Shelved {
        let requests = said.requests().map(|(number, seen)| (number, seen.src.clone_ref(py)));
        Shelved {
            sheaf: sheaf.clone(),
            at,
            signs: said.signs(),
            is_one_sided: said.is_one_sided(),
            agents: [said.agent(true).into(), said.agent(false).into()],
            requests: requests.collect(),
        }
    }

    /// The packed call where this hop's first message is the one that began it.
    pub fn opened(&self) -> Option<&Sheaf> {
        (self.at == (0, 0)).then_some(&*self.sheaf)
    }

    /// What was said, as long as somebody looks at it.
    pub fn said(&self, py: Python<'_>) -> PyResult<Reading> {
        let shelf = &self.sheaf.shelf;
        let recent = || shelf.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |of: &Weak<Sheaf>| of.as_ptr() == Arc::as_ptr(&self.sheaf);
        let known = recent().iter().find(|(of, _)| is_this(of)).map(|(_, call)| call.clone());
        if let Some(call) = known {
            return Ok(Reading { call, at: self.at });
        }
        let call = Arc::new((shelf.fold)(py, &self.sheaf.rows(py)?));
        let mut recent = recent();
        recent.insert(0, (Arc::downgrade(&self.sheaf), call.clone()));
        let kept = RECENT.min(recent.len());
        let old = recent.split_off(kept);
        // what Python lets go of may come back here
        drop(recent);
        drop(old);
        Ok(Reading { call, at: self.at })
    }
}

/// An unpacked hop.
pub struct Reading {
    call: Unpacked,
    at: (usize, usize),
}

impl Reading {
    pub fn said(&self) -> &Said {
        &self.call[self.at.0][self.at.1]
    }
}
