//! ICMP and ICMPv6 errors with the flow they answer (RFC 792, RFC 4443; kinds are records.py `IcmpKind`).

use super::bytes::{be16, be32};
use super::flow::{Endpoint, Flow, Ip};
use super::ip;
use super::record::Icmp;

/// Bytes of the quoted transport payload kept: a SIP start line and the first headers.
const MAX_QUOTED: usize = 1500;

/// Nothing for messages that are no errors (echo, neighbour discovery).
pub fn parse(v6: bool, src: Ip, dst: Ip, data: &[u8], frame: u64, time: i64) -> Option<Icmp> {
    let (&icmp_type, &icmp_code) = (data.first()?, data.get(1)?);
    let kind = if v6 { kind_v6(icmp_type, icmp_code)? } else { kind_v4(icmp_type, icmp_code)? };
    let mtu = match (kind, v6) {
        ("too-big", true) => be32(data, 4)?,
        ("too-big", false) => u32::from(be16(data, 6)?),
        _ => 0,
    };
    // RFC 4884 extensions follow the quoted packet, whose own length tells where it ends.
    let quoted = ip::parse(data.get(8..)?).ok()?;
    let is_first = quoted.fragment.is_none_or(|f| f.offset == 0);
    let has_ports = matches!(quoted.protocol, 6 | 17 | 132) && is_first;
    let port = |at| be16(quoted.payload, at).filter(|_| has_ports).unwrap_or(0);
    let header = match quoted.protocol {
        17 => 8,
        6 => usize::from(quoted.payload.get(12).copied().unwrap_or(0) >> 4) * 4,
        _ => 0,
    };
    let rest = quoted.payload.get(header..).unwrap_or(&[]);
    Some(Icmp {
        frame,
        time,
        src,
        dst,
        kind,
        icmp_type,
        icmp_code,
        mtu,
        flow: Flow {
            src: Endpoint { ip: quoted.src, port: port(0) },
            dst: Endpoint { ip: quoted.dst, port: port(2) },
        },
        protocol: quoted.protocol,
        quoted: rest[..rest.len().min(MAX_QUOTED)].to_vec(),
    })
}

fn kind_v4(icmp_type: u8, code: u8) -> Option<&'static str> {
    Some(match (icmp_type, code) {
        (3, 0 | 6 | 11) => "net-unreachable",
        (3, 1 | 7 | 12) => "host-unreachable",
        (3, 2) => "protocol-unreachable",
        (3, 3) => "port-unreachable",
        (3, 4) => "too-big",
        (3, 9 | 10 | 13) => "prohibited",
        (11, 0) => "ttl-exceeded",
        (11, 1) => "reassembly-exceeded",
        (12, _) => "parameter-problem",
        (3 | 11, _) => "other",
        _ => return None,
    })
}

fn kind_v6(icmp_type: u8, code: u8) -> Option<&'static str> {
    Some(match (icmp_type, code) {
        (1, 0) => "net-unreachable",
        (1, 1 | 5 | 6) => "prohibited",
        (1, 3) => "host-unreachable",
        (1, 4) => "port-unreachable",
        (2, _) => "too-big",
        (3, 0) => "ttl-exceeded",
        (3, 1) => "reassembly-exceeded",
        (4, _) => "parameter-problem",
        (1 | 3, _) => "other",
        _ => return None,
    })
}
