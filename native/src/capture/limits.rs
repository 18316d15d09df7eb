//! Every cap of the capture reader with its reason. Times are of the capture's clock.

pub const SECOND: i64 = 1_000_000_000;
/// The last time that a packet can have, in ns: beyond all that pcap can say (2106), and times can be subtracted and put
/// off without an overflow.
pub const LATEST_NS: i64 = 1 << 62;

/// Encapsulations in one packet. Carriers stack four; more is a loop made to hurt.
pub const DEPTH: u8 = 8;
/// Datagrams waiting for fragments: at 30 s each, some 270 fragmented datagrams lost a second.
pub const FRAGMENTED: usize = 8192;
/// Bytes of all of them together.
pub const FRAGMENT_BYTES: usize = 64 << 20;
/// Fragments of one datagram: 65,535 bytes in the smallest legal fragments that occur (552-byte paths) are 124.
pub const PIECES: usize = 256;
/// RFC 791 and RFC 8200 give a reassembly 15 to 60 s; Linux 30.
pub const FRAGMENT_S: i64 = 30 * SECOND;
/// Pieces of a datagram that is whole already are copies, for so long.
pub const FRAGMENT_COPY_S: i64 = 2 * SECOND;

/// TCP connections followed at once; those of other protocols are forgotten first.
pub const CONNECTIONS: usize = 131_072;
/// Segments of one direction held back for a hole: a window of 64 KiB in small segments.
pub const SEGMENTS: usize = 256;
/// Bytes of one direction held back for a hole before we give the hole up.
pub const HELD_BYTES: usize = 1 << 20;
/// A silent connection is forgotten after so long; SIP keep-alives come every 2 minutes at most (RFC 5626).
pub const TCP_IDLE_S: i64 = 3600 * SECOND;
/// The same for connections in which nothing of ours was found.
pub const TCP_OTHER_IDLE_S: i64 = 60 * SECOND;
/// Bytes of a direction in which a protocol must show itself.
pub const DETECT_BYTES: usize = 4096;
/// One SIP message on a stream (`base/limits.py` SIP_MESSAGE_BYTES).
pub const MESSAGE_BYTES: usize = 65_535;
/// One WebSocket message; a SIP message and some room.
pub const WEBSOCKET_BYTES: usize = 131_072;
/// TLS handshake messages: certificate chains reach some 10 KiB, RFC 8446 allows 16 MiB.
pub const HANDSHAKE_BYTES: usize = 65_536;

/// RTP flows followed at once: 50,000 calls with both directions and video.
pub const MEDIA_FLOWS: usize = 262_144;
/// Streams (SSRCs) of one flow; a conference bridge changes SSRC some dozens of times.
pub const FLOW_STREAMS: usize = 64;
/// A silent stream is told and forgotten after so long: hold music stops for longer, but then RTCP or hold is seen.
pub const MEDIA_IDLE_S: i64 = 300 * SECOND;
/// A flow that was quiet for so long and whose addresses another call announced meanwhile is that call's.
pub const REUSED_QUIET_S: i64 = SECOND;
/// An unconfirmed stream is forgotten after so long.
pub const MEDIA_DOUBT_S: i64 = 30 * SECOND;
/// Packets of a stream that are marked one by one, where several places are compared: two hours of 20 ms.
pub const MARKS: usize = 360_000;
/// Addresses announced by SDP.
pub const ANNOUNCED: usize = 524_288;
/// An announced address that neither SDP nor media used for so long is forgotten.
pub const ANNOUNCED_S: i64 = 7200 * SECOND;
/// Lists in a stream's summary: gaps, digits, payload types, loss run lengths.
pub const STREAM_LIST: usize = 256;

/// SIP messages remembered to recognise copies and retransmissions (timer B and F end at 32 s).
pub const REPEATS: usize = 262_144;
pub const REPEAT_S: i64 = 40 * SECOND;
/// The same bytes within so short a time are one packet captured twice (T1 is 500 ms).
pub const COPY_NS: i64 = 100_000_000;

/// The same for captures of two places, with clocks that were aligned: what a packet may take from one to the other.
pub const PLACES_NS: i64 = 400_000_000;
/// Packets (other than RTP and SIP) remembered to recognise copies, in each of two halves; a mirror of 10 Gbit/s brings
/// the second within some hundred.
pub const TWINS: usize = 32_768;
/// The same bytes without an IP identification are a copy within so short a time: nobody repeats sooner (RFC 8489 gives
/// 500 ms, RFC 9147 400 ms at least, RFC 6298 200 ms in practice).
pub const TWIN_NS: i64 = 20_000_000;

/// DTLS handshakes whose certificate is being put together.
pub const DTLS_FLOWS: usize = 16_384;
pub const DTLS_S: i64 = 60 * SECOND;
/// SIP messages over SCTP that wait for their next piece, and for how long: an association repeats what was lost within
/// seconds (RFC 9260 section 6.3.1).
pub const SCTP_MESSAGES: usize = 4096;
pub const SCTP_S: i64 = 60 * SECOND;
/// Secrets of a key log.
pub const SECRETS: usize = 1_000_000;
/// A mirrored payload unpacked: a SIP message and some room.
pub const HEP_BYTES: usize = 131_072;
/// Interfaces with several queues hand packets over out of order by so much; more is a clock that stepped.
pub const QUEUES_NS: i64 = SECOND / 1000;
/// Tables are swept for what is idle this often.
pub const SWEEP_S: i64 = 5 * SECOND;
