//! A datagram on its way in and out, as everybody on that way passes it on. Whose it is stays open here: the port is
//! known above, and what is below (the backends, the desk) only carries it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Media, or what is said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Rtp,
    Rtcp,
}

/// A socket of a port, and whether it is the one for RTCP.
pub struct Socket<P> {
    pub port: Arc<P>,
    pub descriptor: Arc<OwnedFd>,
    pub is_rtcp: bool,
}

impl<P> Clone for Socket<P> {
    fn clone(&self) -> Self {
        Socket { port: self.port.clone(), descriptor: self.descriptor.clone(), is_rtcp: self.is_rtcp }
    }
}

/// A datagram on its way out: its first `length` bytes lie in the buffer it came in.
pub struct Outgoing<P> {
    pub port: Arc<P>,
    pub descriptor: Arc<OwnedFd>,
    pub to: SocketAddr,
    /// The socket is connected to that address.
    pub is_connected: bool,
    /// The address has proven lasting: tell `Sender::proven` when this is sent.
    pub is_steady: bool,
    /// It leaves as it came, over that socket, and so would the next of its stream.
    pub is_plain: bool,
    pub media: Media,
    pub length: usize,
    /// More may leave in place of what came to this port: ask `follow` when this is sent.
    pub followed_from: Option<Arc<P>>,
}

/// Whose datagrams leave, as the backends know it.
pub trait Sender {
    /// The kernel refused a datagram, though it was counted as sent.
    fn refused(&self, media: Media, length: usize);
    /// Datagrams to this address left, and more will.
    fn proven(self: &Arc<Self>, to: SocketAddr);
}
