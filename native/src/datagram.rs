//! UDP for signalling: many datagrams in one system call, and the local address of each (IP_PKTINFO), so that one
//! wildcard socket a family serves every address of the machine and answers from the one that was asked.
//!
//! With a guard, what it does not let pass is dropped here, before Python sees a byte of it, and answers that nobody
//! has a right to are not sent.
//!
//! Where more comes than Python takes, all of it is read and sorted (`backlog`): the kernel would drop whatever came last,
//! a BYE as well as a new call. New calls that waited for too long are answered here.
//!
//! ICMP errors about what was sent are asked for too (IP_RECVERR), and change three things. The kernel tells them as
//! failures of whatever the socket is asked for next, be it a datagram to somebody else, which is then done again. It
//! keeps a queue of them, which is read only when there may be some. And it reports the socket as broken to whoever
//! waits for it, which libuv takes for its end; so an epoll of our own stands between, which is readable whenever there
//! is something to do.

mod neighbours;
mod parcel;

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use neighbours::Neighbours;
use parcel::Parcel;

use crate::backlog::{self, Backlog};
use crate::guard::python::Sources;
use crate::guard::{refusal, Peer, Verdict};

/// Datagrams read by one system call; more wait in the kernel for the next.
const BATCH: usize = 32;
/// Batches read in one go while the guard lets nothing of them pass: Python is not asked for what is dropped.
const DROPPED_BATCHES: usize = 16;
/// Full batches in a row after which what waits is sorted: less is a burst, and done as fast as it is sorted.
const FULL_BATCHES: usize = 4;
/// Batches read in one go to be sorted, and messages given to Python before it is looked again what has come meanwhile.
const SORTED_BATCHES: usize = 64;
const HANDED: usize = 16;
/// How a STUN answer begins (RFC 8489 section 5).
const STUN_ANSWER: u8 = 1;
/// The largest UDP payload, rounded up (`base/limits.py` SIP_MESSAGE_BYTES).
const DATAGRAM: usize = 65_535;
/// Room for one IPV6_PKTINFO (40 bytes) or IP_PKTINFO (28 bytes) with its header, aligned.
const CONTROL: usize = 64;

/// Room for what stands beside an ICMP error: sock_extended_err (16 bytes), an address, and PKTINFO, each with its header.
const REPORT_CONTROL: usize = 256;
/// What is kept of the datagram that an error quotes: routers quote up to 576 bytes, those of IPv6 up to 1,280.
const QUOTE: usize = 1_280;
/// Errors read in one go; they take of the room that datagrams wait in, so a flood of them must not stay there.
const REPORTS: usize = 512;
/// How often a call is made again that failed with the error of another datagram.
const AGAIN: usize = 4;

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

#[repr(C, align(8))]
struct ReportControl([u8; REPORT_CONTROL]);

/// The buffers that one batch is received into; allocated once.
struct Batch {
    data: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
}

/// Sends and receives on a UDP socket that Python opened, bound and keeps open.
#[pyclass(module = "talkpath._native")]
pub struct Datagrams {
    fd: RawFd,
    /// Readable when the socket has something for us.
    waker: OwnedFd,
    v6: bool,
    batch: Batch,
    guard: Option<Sources>,
    neighbours: Neighbours,
    backlog: Backlog<Way>,
    /// Batches in a row that were full.
    full: usize,
    /// Datagrams of the last `receive`, dropped ones included.
    taken: usize,
    /// There may be ICMP errors: a call failed by one, or we were woken for nothing.
    may_have_reports: bool,
}

/// The local address that a datagram was sent to, and whom it is from.
type Way = (Option<IpAddr>, SocketAddr);

/// An ICMP error: the beginning of the datagram that it quotes, where that was sent, type and code, who says so.
type Report<'py> = (Bound<'py, PyBytes>, String, u16, u8, u8, String);

/// What comes next off the queue of errors.
enum Next {
    Nothing,
    /// It quotes nothing of the datagram, or is no word of ICMP.
    Useless,
    Error {
        length: usize,
        remote: SocketAddr,
        error: libc::sock_extended_err,
        reporter: Option<SocketAddr>,
    },
}

/// An epoll that watches one socket.
fn waker_of(fd: RawFd) -> io::Result<OwnedFd> {
    let made = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    let waker = unsafe { OwnedFd::from_raw_fd(made) };
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    if unsafe { libc::epoll_ctl(made, libc::EPOLL_CTL_ADD, fd, &raw mut event) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(waker)
}

/// Whether an error may be that of a datagram sent before, which ICMP told of (`icmp_err_convert` of the kernel).
fn may_be_of_another(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EMSGSIZE
                | libc::EPROTO
                | libc::EACCES
        )
    )
}

fn zeroed<T>() -> T {
    // Plain C structures for which all zeroes is the documented empty value.
    unsafe { mem::zeroed() }
}

fn set_option(fd: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> PyResult<()> {
    let length = mem::size_of::<libc::c_int>() as libc::socklen_t;
    let result = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) };
    if result < 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(())
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id)))
        }
        _ => None,
    }
}

/// The local address that a datagram was sent to, from its control message.
fn local_of(header: &libc::msghdr) -> Option<IpAddr> {
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while let Some(message) = unsafe { control.as_ref() } {
        let data = unsafe { libc::CMSG_DATA(control) };
        if message.cmsg_level == libc::IPPROTO_IP && message.cmsg_type == libc::IP_PKTINFO {
            let info: libc::in_pktinfo = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            return Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr))));
        }
        if message.cmsg_level == libc::IPPROTO_IPV6 && message.cmsg_type == libc::IPV6_PKTINFO {
            let info: libc::in6_pktinfo = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
            return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
        }
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    None
}

/// An ICMP error from its control message, and who says so; None for errors of our own machine.
fn error_of(header: &libc::msghdr) -> Option<(libc::sock_extended_err, Option<SocketAddr>)> {
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while let Some(message) = unsafe { control.as_ref() } {
        let kind = (message.cmsg_level, message.cmsg_type);
        if kind == (libc::IPPROTO_IP, libc::IP_RECVERR) || kind == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) {
            let data = unsafe { libc::CMSG_DATA(control) };
            let error: libc::sock_extended_err = unsafe { data.cast::<libc::sock_extended_err>().read_unaligned() };
            let is_icmp = matches!(error.ee_origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6);
            // The address of who says so follows (ip(7), SO_EE_OFFENDER).
            let length = message.cmsg_len as usize - unsafe { libc::CMSG_LEN(0) } as usize;
            let after = mem::size_of::<libc::sock_extended_err>();
            let mut name: libc::sockaddr_storage = zeroed();
            let offered = length.saturating_sub(after).min(mem::size_of::<libc::sockaddr_in6>());
            unsafe { std::ptr::copy_nonoverlapping(data.add(after), (&raw mut name).cast(), offered) };
            return is_icmp.then(|| (error, address_of(&name)));
        }
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    None
}

#[pymethods]
impl Datagrams {
    /// Take a bound, non-blocking UDP socket by its number and ask for the local address of each datagram.
    #[new]
    #[pyo3(signature = (fd, v6, neighbour, guard=None))]
    fn new(fd: RawFd, v6: bool, neighbour: Py<PyAny>, guard: Option<PyRef<'_, Sources>>) -> PyResult<Self> {
        if v6 {
            set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
            set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
        } else {
            set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
            set_option(fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
        }
        let batch = Batch {
            data: vec![0; BATCH * DATAGRAM],
            names: (0..BATCH).map(|_| zeroed()).collect(),
            controls: (0..BATCH).map(|_| Control([0; CONTROL])).collect(),
        };
        let guard = guard.map(|one| one.clone());
        let neighbours = Neighbours::new(neighbour);
        let waker = waker_of(fd)?;
        let backlog = Backlog::default();
        Ok(Datagrams { fd, waker, v6, batch, guard, neighbours, backlog, full: 0, taken: 0, may_have_reports: false })
    }

    /// What to wait for instead of the socket: readable while there are datagrams or errors.
    fn fileno(&self) -> RawFd {
        self.waker.as_raw_fd()
    }

    /// Datagrams that wait and may pass, at most 32: [(payload, what `neighbour` made of its way)]; [] when none does.
    /// `now` is the time, in seconds, as the guard counts it.
    fn receive<'py>(&mut self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        self.taken = 0;
        if self.full >= FULL_BATCHES {
            self.receive_sorted(py, now, &list)?;
            return Ok(list);
        }
        for _ in 0..DROPPED_BATCHES {
            let taken = self.receive_batch(py, now, &list)?;
            self.taken += taken;
            if taken < BATCH || !list.is_empty() {
                break;
            }
        }
        self.full = if self.taken < BATCH { 0 } else { self.full + 1 };
        self.may_have_reports |= self.taken == 0;
        Ok(list)
    }

    /// Whether messages were read that wait for the next `receive`.
    #[getter]
    fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// New calls that were refused because too many waited, and other requests that were dropped for it, since the start.
    fn overload(&self) -> (u64, u64) {
        let counts = self.backlog.counts();
        (counts.refused, counts.dropped)
    }

    /// Whether `reports` may have something.
    #[getter]
    fn may_have_reports(&self) -> bool {
        self.may_have_reports
    }

    /// ICMP errors about datagrams of ours that quote more than a header: [(how the datagram began, the host and the
    /// port that it was sent to, type, code, the host that says so)]. Anybody can make up such an error; what it quotes
    /// tells whether its sender saw the datagram.
    fn reports<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Report<'py>>> {
        self.may_have_reports = false;
        let mut found = Vec::new();
        for _ in 0..REPORTS {
            let mut data = [0u8; QUOTE];
            match self.next_report(&mut data) {
                Next::Nothing => return Ok(found),
                Next::Useless => {}
                Next::Error { length, remote, error, reporter } => {
                    let by = reporter.map_or_else(String::new, |one| one.ip().to_string());
                    let quoted = PyBytes::new(py, &data[..length]);
                    let (kind, code) = (error.ee_type, error.ee_code);
                    found.push((quoted, remote.ip().to_string(), remote.port(), kind, code, by));
                }
            }
        }
        self.may_have_reports = true;
        Ok(found)
    }

    /// Forget the ways on which nobody was heard for a while, of which `receive` gives the same object each time. To be
    /// called now and then, in the time of `receive`.
    fn forget(&mut self, now: f64) {
        self.neighbours.forget(now);
    }

    /// How many ways are remembered.
    #[getter]
    fn remembered(&self) -> usize {
        self.neighbours.len()
    }

    /// How many datagrams the last `receive` took out of the socket, dropped ones included.
    #[getter]
    fn taken(&self) -> usize {
        self.taken
    }

    /// Send datagrams, in as few system calls as it takes: whoever they go to wakes once for all of them.
    ///
    /// Each is (payload, local address or "" for the kernel to choose, remote host, remote port). Gives the places of
    /// those that could not be sent. Answers that the guard withholds count as sent: nobody is to try again.
    fn send(&mut self, batch: Vec<(PyBackedBytes, PyBackedStr, PyBackedStr, u16)>, now: f64) -> Vec<usize> {
        let mut parcels = Vec::with_capacity(batch.len());
        let mut failed = Vec::new();
        let mut guard = self.guard.as_ref().map(Sources::lock);
        for (place, (data, source, host, port)) in batch.iter().enumerate() {
            match Parcel::of(place, data, source, host, *port, self.v6) {
                Some(parcel) => {
                    if guard.as_mut().is_none_or(|guard| parcel.may_leave(guard, data, now)) {
                        parcels.push(parcel);
                    }
                }
                None => failed.push(place),
            }
        }
        drop(guard);
        self.transmit(&mut parcels, |place| failed.push(place));
        failed
    }

    /// The same for requests that belong to no story, as Python has them: [(flow, payload)], a flow being (transport,
    /// (local host, port), (remote host, port), ...). Gives how many could not be sent.
    fn send_parcels(&mut self, parcels: &Bound<'_, PyList>) -> PyResult<usize> {
        let mut leaving = Vec::with_capacity(parcels.len());
        let mut failed = 0;
        for (place, parcel) in parcels.iter().enumerate() {
            let (flow, data) = parcel.extract::<(Bound<'_, PyTuple>, Bound<'_, PyBytes>)>()?;
            let local = flow.get_item(1)?.get_item(0)?;
            let (host, port) = flow.get_item(2)?.extract::<(PyBackedStr, u16)>()?;
            match Parcel::of(place, data.as_bytes(), local.cast::<PyString>()?.to_str()?, &host, port, self.v6) {
                // The bytes that it points at are in the list, which outlives it.
                Some(one) => leaving.push(one),
                None => failed += 1,
            }
        }
        self.transmit(&mut leaving, |_| failed += 1);
        Ok(failed)
    }
}

impl Datagrams {
    /// Write what leaves, in as few system calls as it takes; tells the place of each that could not.
    fn transmit(&mut self, parcels: &mut [Parcel], mut failed: impl FnMut(usize)) {
        let mut headers: Vec<libc::mmsghdr> = parcels.iter_mut().map(Parcel::header).collect();
        let (mut next, mut failures) = (0, 0);
        while next < headers.len() {
            let rest = &mut headers[next..];
            let sent = unsafe { libc::sendmmsg(self.fd, rest.as_mut_ptr(), rest.len() as u32, libc::MSG_DONTWAIT) };
            if sent > 0 {
                (next, failures) = (next + sent as usize, 0);
            } else if failures < AGAIN && may_be_of_another(&io::Error::last_os_error()) {
                // What is true of this datagram too will be said again.
                self.may_have_reports = true;
                failures += 1;
            } else {
                failed(parcels[next].place);
                (next, failures) = (next + 1, 0);
            }
        }
    }

    /// Read all that waits, refuse whom it is too late for, and give the most urgent of the rest.
    fn receive_sorted(&mut self, py: Python<'_>, now: f64, list: &Bound<'_, PyList>) -> PyResult<()> {
        for _ in 0..SORTED_BATCHES {
            if !self.backlog.has_room() || self.sort_batch(now)? < BATCH {
                break;
            }
        }
        while let Some(late) = self.backlog.refused(now) {
            self.refuse_call(&late.data, late.way, now);
        }
        while list.len() < HANDED {
            let Some(next) = self.backlog.take(now) else {
                self.full = 0;
                break;
            };
            list.append((PyBytes::new(py, &next.data), self.neighbours.of(py, next.way)?))?;
        }
        self.taken = list.len();
        Ok(())
    }

    /// Read one batch into the backlog; gives how many were read.
    fn sort_batch(&mut self, now: f64) -> PyResult<usize> {
        let mut heard = [false; BATCH];
        let read = self.read_batch(now, &mut heard)?;
        for index in (0..read.count).filter(|index| heard[*index]) {
            let Some((length, way)) = read.ways[index] else { continue };
            let at = index * DATAGRAM;
            self.backlog.put(&self.batch.data[at..at + length], way, now);
        }
        Ok(read.count)
    }

    /// A new call is answered that nothing was done for yet.
    fn refuse_call(&self, data: &[u8], (local, remote): Way, now: f64) {
        let Some(answer) = busy(data) else { return };
        let may_leave = |guard: &Sources| guard.lock().may_answer(Peer::datagram(remote), answer.len() as u32, now);
        if self.guard.as_ref().is_none_or(may_leave) {
            self.refuse(&answer, local, remote);
        }
    }

    /// Read one batch and add what may pass to the list; gives how many were read.
    fn receive_batch(&mut self, py: Python<'_>, now: f64, list: &Bound<'_, PyList>) -> PyResult<usize> {
        let mut heard = [false; BATCH];
        let read = self.read_batch(now, &mut heard)?;
        for index in (0..read.count).filter(|index| heard[*index]) {
            let Some((length, way)) = read.ways[index] else { continue };
            let at = index * DATAGRAM;
            let data = &self.batch.data[at..at + length];
            self.backlog.passed(data);
            let payload = PyBytes::new(py, data);
            let neighbour = self.neighbours.of(py, way)?;
            list.append((payload, neighbour))?;
        }
        Ok(read.count)
    }

    /// Read one batch into our buffers, and see who of it is heard.
    fn read_batch(&mut self, now: f64, heard: &mut [bool; BATCH]) -> PyResult<Read> {
        let mut vectors: [libc::iovec; BATCH] = zeroed();
        let mut headers: [libc::mmsghdr; BATCH] = zeroed();
        for index in 0..BATCH {
            vectors[index].iov_base = unsafe { self.batch.data.as_mut_ptr().add(index * DATAGRAM) }.cast();
            vectors[index].iov_len = DATAGRAM;
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut self.batch.names[index]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.batch.controls[index]).cast();
            header.msg_controllen = CONTROL;
        }
        let count = self.receive_into(&mut headers)?;
        self.look_at(&headers[..count], now, heard);
        let mut ways = [None; BATCH];
        for (index, header) in headers[..count].iter().enumerate() {
            ways[index] = address_of(&self.batch.names[index])
                .map(|remote| (header.msg_len as usize, (local_of(&header.msg_hdr), remote)));
        }
        Ok(Read { count, ways })
    }

    /// How many datagrams were read, 0 when none waits.
    fn receive_into(&mut self, headers: &mut [libc::mmsghdr; BATCH]) -> io::Result<usize> {
        for _ in 0..AGAIN {
            let (into, flags) = (headers.as_mut_ptr(), libc::MSG_DONTWAIT);
            let count = unsafe { libc::recvmmsg(self.fd, into, BATCH as u32, flags, std::ptr::null_mut()) };
            if count >= 0 {
                return Ok(count as usize);
            }
            let error = io::Error::last_os_error();
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
                return Ok(0);
            }
            if !may_be_of_another(&error) {
                return Err(error);
            }
            self.may_have_reports = true;
        }
        Ok(0)
    }

    /// Take one error off the queue of the kernel, and into `data` what it quotes.
    fn next_report(&self, data: &mut [u8; QUOTE]) -> Next {
        let mut name: libc::sockaddr_storage = zeroed();
        let mut control = ReportControl([0; REPORT_CONTROL]);
        let mut vector = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
        let mut header: libc::msghdr = zeroed();
        header.msg_name = (&raw mut name).cast();
        header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = REPORT_CONTROL;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        let length = unsafe { libc::recvmsg(self.fd, &raw mut header, flags) };
        if length < 0 {
            return Next::Nothing;
        }
        match (address_of(&name), error_of(&header)) {
            (Some(remote), Some((error, reporter))) if length > 0 => {
                Next::Error { length: length as usize, remote, error, reporter }
            }
            _ => Next::Useless,
        }
    }

    /// Answer who is not heard, from the address that he sent to; what cannot leave at once is lost.
    fn refuse(&self, answer: &[u8], local: Option<IpAddr>, remote: SocketAddr) {
        let mut parcel = Parcel::new(0, answer, local, remote);
        let header = parcel.header();
        for _ in 0..AGAIN {
            let sent = unsafe { libc::sendmsg(self.fd, &raw const header.msg_hdr, libc::MSG_DONTWAIT) };
            if sent >= 0 || !may_be_of_another(&io::Error::last_os_error()) {
                break;
            }
        }
    }

    /// Which datagrams of a batch the guard lets pass; who is refused with a word hears it. The guard is let go before
    /// Python is asked for anything.
    fn look_at(&self, headers: &[libc::mmsghdr], now: f64, heard: &mut [bool; BATCH]) {
        let Some(guard) = self.guard.as_ref() else { return heard.fill(true) };
        let mut guard = guard.lock();
        for (index, header) in headers.iter().enumerate() {
            let Some(remote) = address_of(&self.batch.names[index]) else { continue };
            let data = &self.batch.data[index * DATAGRAM..index * DATAGRAM + header.msg_len as usize];
            let peer = Peer::datagram(remote);
            heard[index] = guard.look(peer, data, now) == Verdict::Pass;
            if heard[index] {
                continue;
            }
            if let Some(answer) = guard.refusal(peer, data, now) {
                self.refuse(&answer, local_of(&header.msg_hdr), remote);
            }
        }
    }
}

/// One batch as it was read: how many datagrams, and of each how long it is and which way it came.
struct Read {
    count: usize,
    ways: [Option<(usize, Way)>; BATCH],
}

/// What a new call is told that comes when there are too many; None where it is none, or cannot be answered so. Who is
/// refused now shall not come back with all others.
fn busy(data: &[u8]) -> Option<Vec<u8>> {
    let spread = data.iter().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) % 10;
    if backlog::is_new_call(data) {
        refusal::written(data, 503, refusal::A_WHILE_S + spread)
    } else {
        None
    }
}

/// What a new call is told on a connection that comes when there are too many; None where a message is no new call.
#[pyfunction]
fn busy_answer<'py>(py: Python<'py>, data: &[u8]) -> Option<Bound<'py, PyBytes>> {
    busy(data).map(|answer| PyBytes::new(py, &answer))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Datagrams>()?;
    module.add_function(wrap_pyfunction!(busy_answer, module)?)
}
