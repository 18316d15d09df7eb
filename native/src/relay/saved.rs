//! Ports as bytes: what the engine was told of them and has learnt, so that another goes on (`handover`).
//!
//! A map of field names in MessagePack. Who reads leaves out what it does not know, and what is not there has its
//! default: fields are added without another version. `VERSION` rises only with what an older reader would misunderstand.
//! Keys are in it: whoever stores it seals it. Read as a stranger's: whatever the bytes are, it answers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::bundle::{BundleState, SECTIONS};
use super::checks::Name;
use super::dub::DubState;
use super::flavour::Flavour;
use super::guard::GuardsState;
use super::latch::LatchState;
use super::pace;
use super::receipts::ReceiptsState;
use super::strangers::Strangers;
use super::tone::ToneState;
use super::totals::Totals;
use super::transcode::TranscoderState;
use crate::meter::Sums;

pub const VERSION: u32 = 1;
/// Ports of one state: of both sides of a call with as many sections as there may be, twice over.
pub const PORTS: usize = 256;

/// Why no port can be made of these bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    Mangled(&'static str),
    Newer(u32),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Mangled(why) => write!(text, "this is no state of ports: {why}"),
            Unreadable::Newer(version) => {
                write!(text, "the state of these ports is of version {version}; {VERSION} is the newest known here")
            }
        }
    }
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
pub struct Saved {
    version: u32,
    /// When it was taken, in seconds since the epoch.
    pub at: f64,
    /// Its ports have been silent since then: nothing is known to have left that is not in it.
    #[serde(default)]
    pub last: bool,
    pub ports: Vec<PortState>,
}

/// A place in `Saved::ports`.
pub type Place = u32;

#[derive(Serialize, Deserialize)]
pub struct PortState {
    pub host: IpAddr,
    /// The even one of the pair.
    pub number: u16,
    /// The port whose transport it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Place>,
    #[serde(default)]
    pub outlet: OutletState,
    #[serde(default)]
    pub flavour: Flavour,
    pub latch: LatchState,
    #[serde(default)]
    pub guard: GuardsState,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Name>,
    #[serde(default)]
    pub was_heard: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcoder: Option<TranscoderState>,
    #[serde(default)]
    pub converts: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<ToneState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dub: Option<DubState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<(u8, u8)>,
    #[serde(default)]
    pub watch_ns: Option<u64>,
    #[serde(default)]
    pub totals: Totals,
    #[serde(default)]
    pub sums: Sums,
    /// In seconds since the epoch.
    #[serde(default)]
    pub last_heard: Option<f64>,
    #[serde(default, skip_serializing_if = "Strangers::is_empty")]
    pub strangers: Strangers,
    #[serde(default)]
    pub receipts: ReceiptsState,
    /// Packets that left in the busiest second, 0 where none was counted.
    #[serde(default)]
    pub pace: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutletState {
    #[default]
    Nowhere,
    Port(Place),
    Back {
        ssrc: u32,
    },
}

impl Saved {
    pub fn new(at: f64, last: bool, ports: Vec<PortState>) -> Saved {
        Saved { version: VERSION, at, last, ports }
    }

    /// Whether anything is sealed that may go on.
    pub fn is_secured(&self) -> bool {
        self.ports.iter().any(|port| port.guard.seals())
    }

    /// Packets a second that the busiest of its ports may have sent since.
    pub fn pace(&self) -> u32 {
        self.ports.iter().map(|port| pace::of(port.pace)).max().unwrap_or_default()
    }

    pub fn write(&self) -> Vec<u8> {
        // Into memory, and there is no type in it that has no bytes.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    pub fn read(bytes: &[u8]) -> Result<Saved, Unreadable> {
        let head: Head = rmp_serde::from_slice(bytes).map_err(|_| Unreadable::Mangled("it has no version"))?;
        if head.version > VERSION {
            return Err(Unreadable::Newer(head.version));
        }
        let saved: Saved =
            rmp_serde::from_slice(bytes).map_err(|_| Unreadable::Mangled("what is in it is not what it says"))?;
        saved.check().map(|()| saved).map_err(Unreadable::Mangled)
    }

    /// Whether its ports fit each other.
    fn check(&self) -> Result<(), &'static str> {
        if self.ports.len() > PORTS {
            return Err("more ports than a call has");
        }
        let place = |place: Place| self.ports.get(place as usize);
        for port in &self.ports {
            if port.number == 0 || port.number % 2 == 1 {
                return Err("RTP has an even port");
            }
            if matches!(port.outlet, OutletState::Port(target) if place(target).is_none()) {
                return Err("a route leads to no port of it");
            }
            let carrier = port.carrier.map(place);
            let is_carried_well = carrier.is_none_or(|carrier| {
                carrier.is_some_and(|by| by.carrier.is_none() && (by.host, by.number) == (port.host, port.number))
            });
            if !is_carried_well || port.carrier.is_some() && port.bundle.is_some() {
                return Err("a port shares a transport that is none");
            }
            let sections = port.bundle.iter().flat_map(BundleState::places);
            if sections.clone().count() > SECTIONS || sections.clone().any(|section| place(section).is_none()) {
                return Err("a transport has sections that are none");
            }
        }
        Ok(())
    }
}
