"""Every cap of talkpath with its unit and the reason for the number. Nothing that a peer fills is unbounded."""

# One SIP message. UDP cannot carry more than 65,507 bytes, and no phone sends half of it on a stream.
SIP_MESSAGE_BYTES = 65_535
# Header fields in one message. Long Via and Record-Route chains reach some dozens; the torture tests some more.
SIP_HEADERS = 256
# Via entries after which a request is taken for a loop, whatever Max-Forwards says (RFC 3261 16.3 asks for 70).
SIP_VIAS = 70
# Calls that the ledger keeps open at once. At some 20 kB each they take 400 MB; the oldest is closed for a new one.
LEDGER_CALLS = 20_000
# Messages, retransmissions included, kept of one call. A healthy call has 14 on our two sides; a call of hours with
# session timers and an auth loop some hundreds. What is beyond is counted.
CALL_MESSAGES = 1_000
# Moments kept of one call: an ICE negotiation of two sides makes some dozens.
CALL_MOMENTS = 1_000
# RTP streams metered for one call: audio, video and text of a few forks, and changed SSRCs.
CALL_STREAMS = 64
# Seconds of meters kept of one stream: the last two hours, at 38 bytes each 270 kB.
STREAM_SECONDS = 7_200
# Seconds a call that ended stays open in the ledger for late messages: retransmissions of BYE end after Timer F.
CALL_LINGER_S = 5.0
# Calls that were refused and stay open for so long, for their ACK and for the next attempt with credentials: those of
# 400 a second that are all challenged. In a flood the oldest, which is a second old then, is closed for a new one.
LEDGER_REFUSED = 2_000
# Seconds without a word after which the ledger closes a call nobody ended (its BYE never came this way).
CALL_FORGOTTEN_S = 12 * 3600.0
# One session description: what fits a SIP message. Phones write 300 to 800 bytes, browsers 3 to 10 kB.
SDP_BYTES = 65_535
# Lines of one description. A conference offer of 20 sections with simulcast has about a thousand.
SDP_LINES = 2_000
# Media sections of one description. Phones have one to three, conference pages some dozens.
SDP_MEDIA_SECTIONS = 64

# One STUN message. A connectivity check has about 100 bytes; nothing we answer comes near an Ethernet frame.
STUN_MESSAGE_BYTES = 1_500
# Attributes in one STUN message; a check of a browser has eight.
STUN_ATTRIBUTES = 32
# Characters of a peer's ufrag and of its password each (RFC 8839 section 5.4).
ICE_CREDENTIAL = 256
# Candidates that one peer may signal for one description. A browser with VPN, two families and TURN names about 30.
ICE_REMOTE_CANDIDATES = 64
# Remote addresses learnt from checks, over all components. A peer behind a symmetric NAT shows two or three.
ICE_PEER_REFLEXIVE = 16
# Candidate pairs of one checklist (RFC 8445 section 6.1.2.5 suggests 100).
ICE_PAIRS = 100
# Checks a second whose integrity we are ready to compute for addresses that never passed one, and for one that did.
# A browser sends some 20 a second to all pairs while it connects, one every 2.5 s afterwards.
ICE_STRANGER_CHECKS_PER_S = 50.0
ICE_PEER_CHECKS_PER_S = 50.0

# Seconds of an announcement: nobody listens longer before he may talk. It is held in memory, at 48 KB a second.
ANNOUNCEMENT_S = 60

# Offers that wait, and exchanges remembered for repeats, of one branch. Three are open at once at worst (RFC 6337).
MEDIA_EXCHANGES = 8
# Branches of one call that may hold media ports at once: a user with many phones, or a fork of gateways.
MEDIA_BRANCHES = 32
# Places that take no connection, remembered so that only the first large request waits, at some 200 bytes each.
STREAMS_REFUSED = 4_096
# Messages of one call that wait while a script is asked about one of them.
HELD_MESSAGES = 64
# Contacts of one redirection that are tried.
REDIRECT_CONTACTS = 8
# Addresses that gave no answer of late, at some 200 bytes each: those of one large carrier, and strangers' names.
OUTAGES = 4_096
# Dialogs of one call: the branches that ring and whoever else answers on them. A farm of gateways makes some ten.
CALL_DIALOGS = 64
# Calls that we ended of which it is remembered that they are dead, at some 200 bytes each: a restarted proxy in front
# of the pages may break thousands at once.
DEAD_CALLS = 4_096
# Phones that were away when a call of theirs ended, and such calls of one phone, at some 2 kB each.
UNTOLD_PHONES = 1_024
UNTOLD_ENDS = 8
# Bytes that wait to be written to one connection; a peer that reads nothing for this long is gone.
STREAM_WRITE_BYTES = 1_048_576
# Seconds until a new connection must have said something whole; a slow handset on a bad link needs some.
STREAM_FIRST_MESSAGE_S = 30.0
# Calls that wait to be written to the history. At some 20 kB each they take 200 MB: half a minute of 400 calls/s.
STORE_QUEUE = 10_000
# DTLS handshakes under way at one endpoint. One is the peer's; each of the others is a stranger who may fail alone.
DTLS_HANDSHAKES = 8
# UDP payload of one DTLS datagram in bytes: below 1280 (IPv6's least MTU) minus IPv6 and UDP headers, with reserve.
DTLS_DATAGRAM_BYTES = 1_200
# A ClientHello in bytes, put together from its fragments. With post-quantum keys it has about 2,000.
DTLS_HELLO_BYTES = 8_192
# DTLS records looked at in one datagram. A flight packed by us has six.
DTLS_RECORDS = 32
# a=crypto lines of one media section that are read. Phones send two to eight.
SDES_LINES = 16
# Connections of capture agents at once: each node of a site has one, and a site has dozens.
HEP_AGENTS = 256
# Records that are neither SIP nor RTP kept of one capture for its calls: STUN, DTLS, RTCP, ICMP ... A busy WebRTC
# capture of an hour has some hundred thousand.
CAPTURE_RECORDS = 500_000
# Of those, kept of one call: a flood of checks or reports says nothing more after that.
CALL_RECORDS = 2_000
# Caps of the capture reader are beside its code, with their reasons: native/src/capture/limits.rs.
# INVITEs that were challenged and wait for their ACK, at some 1.5 kB each; see `LEDGER_REFUSED`.
CHALLENGED_INVITES = 2_000
# Nonces whose count is remembered against replay, at some 200 bytes each; a phone uses one for minutes or hours.
NONCES = 50_000
# Phones of which it is remembered what they offered, took and refused, at some 350 bytes each.
PROFILES = 32_768
# User-Agent strings of which the same is remembered: a large site has some dozens of models and versions.
PROFILES_OF_AGENTS = 1_024
# Moments of one kind told of one transport: a browser with many interfaces has some twenty pairs; what strangers and
# bad networks cause beyond is counted.
MOMENTS_OF_A_KIND = 30
# Streams relayed for one call, each with two port pairs: audio, video, slides, text and as many spare. A stranger who
# may call a user must not be able to take the whole port range with a few packets.
MEDIA_SECTIONS = 8
# Ports that were given back of which a running call remembers what passed, each by itself; older ones are summed up
# by their side. Who adds and drops a stream again and again makes one each time, and all is told to other nodes.
MEDIA_RELEASED = 32
# Users whose phones a node takes up at once that got an address of another: some 10 ms, twenty times a second, so
# that neither its old calls nor its new ones wait for long.
INHERITED_AT_ONCE = 500
# Users of whom it is looked at once whether they have such phones: a few milliseconds.
LOOKED_AT_ONCE = 10_000
# Guests of the page that one address may have at a time: an office behind one NAT, and not the whole house.
GUESTS_PER_ADDRESS = 50
# Names that are being looked up at once to see whether they lead to us, and what waits for one of them. Strangers may
# bring names, too: enough for phones that start together, and no flood of questions to a server of names.
NAMES_ASKED = 32
# Those that one source brought: its phones know one or two, and a stranger's must leave room for the others.
NAMES_ASKED_BY_ONE = 4
NAME_WAITERS = 256
# Names remembered of each kind (ours, and not ours), at some 200 bytes each. A provider has a few for each product.
NAMES = 1_024
# Addresses to which one URI leads: more are there for balance, and nobody waits until all of them were tried.
DNS_TARGETS = 32
# Services that NAPTR records of one domain name: three transports, and some at other providers.
DNS_SERVICES = 8
# Records remembered of DNS with what asked for them, at some 300 bytes each, and records of one answer: a carrier has
# some hundred addresses, a message at most some thousands.
DNS_RECORDS = 50_000
DNS_ANSWER = 1_000
# Questions under way: each of some hundred calls a second may ask six, and wait four seconds for a silent server.
DNS_QUESTIONS = 4_096
# Datagrams a second that keep flows through NATs open, before each flow has to wait longer for its turn. One costs 3
# to 5 us of a core, the kernel's work included.
KEEP_ALIVES_PER_S = 2_000
# Those of them that ask for an answer, before each phone is asked less often: to write one, to be woken and to read
# the answer costs ten times what line ends do.
KEEP_ALIVE_PROBES_PER_S = 200
# NATs remembered because they forgot a phone, at some 100 bytes each.
FORGETFUL_NATS = 4_096
# Files that this process takes at most, whatever the host allows: what the kernel allows one by default (fs.nr_open).
DESCRIPTORS = 1_048_576
# Steps between who may have the last descriptors (`net/descriptors.py`). A step holds some dozens of what lives for
# milliseconds: questions of `talkpath calls`, lookups, the list of interfaces. One in 32 where fewer than 2,048 are
# allowed, and never less than that list, two lookups and a command at a time need.
DESCRIPTORS_KEPT = 64
LEAST_DESCRIPTORS_KEPT = 8
# Commands of the operator that ask the running edge at a time, followers among them: eight people, two windows each.
CONTROL_ASKING = 16
# What waits for one target of HEP, at up to 2 kB each, and streams measured for it. A second of 400 calls a second.
HEP_QUEUE = 20_000
HEP_STREAMS = 20_000
# Ended calls that wait to be told as traces of OpenTelemetry, at some 10 kB each, and events of one span there.
TRACES_QUEUE = 2_000
TRACE_EVENTS = 512
# Changes of registrations that wait for one who follows them, at some 400 bytes each; what is more is counted.
FOLLOWED = 10_000
# Flows from which a user has proven himself, at some 300 bytes: he gets in there whatever others try.
KNOWN_DEVICES = 50_000
# Places that tried wrong passwords, at some 300 bytes each, and as many that sent none; the one longest unheard makes
# room.
LANES = 50_000
# Sources whose refused requests are remembered for the story of a ban, at up to 2 kB each.
SUSPECTS = 2_000
# Users that one of them asked for, kept by name: what it is after shows in a few.
SUSPECT_USERS = 10
# Accounts that called out of the house and are remembered for an hour, at some 700 bytes each. The number of users is
# the operator's; the one that called longest ago makes room.
TOLL_ACCOUNTS = 50_000
# Bans kept to be told of, at up to 2 kB each, and users with too many phones.
GUARD_STORIES = 1_000
# Places whose requests were refused, and users of each, kept to be told of at some 600 bytes a user: of strangers
# twice, for names of accounts and names that nobody has. A house that has wrong passwords in all its
# phones is told of in full.
FAILING_PLACES, FAILING_IN_A_PLACE = 500, 20
FAILING_OFFICES, FAILING_IN_AN_OFFICE = 100, 200
# Characters of one value in a line of the log, and of a whole line: names of people and hosts have some dozens, and a
# peer may write as much as a message holds.
LOGGED_VALUE = 80
LOGGED_LINE = 2_000
# Gateways, at some 3 kB each. The largest wholesale tables have some thousands; a routine that adds them in a circle
# must not fill the memory.
GATEWAYS = 20_000
# OPTIONS and REGISTER a second to all gateways together; with more gateways each is asked less often. One costs about
# 200 us: a tenth of a core.
GATEWAY_REQUESTS_PER_S = 500
# Addresses of one gateway that are probed before it is taken for down, one a probe.
GATEWAY_TARGETS = 4
# Points of all gateways of a tier on the circle of callers, at some 100 bytes each.
GATEWAY_POINTS = 100_000
# News of gateways that wait to be told: two of each of a large table, while nobody asks.
GATEWAY_NEWS = 10_000
# Gateways that one call tries: at a second and a half each, the caller has hung up long before.
GATEWAY_TRIES = 32
# Functions of the routing script that wait for something at once, at some 15 kB each: 500 calls a second that all
# wait for a server that hangs until the deadline, and hooks besides.
SCRIPTS_WAITING = 4_000
# Routes that a script tries for one call with `call.to`, one after another: ten agents ten times. More is a loop
# without an end: nobody's phone is rung so often, and where nobody is to be rung it takes no time.
SCRIPT_ATTEMPTS = 100
# Notes that one function of a script leaves on a call: more would take the place of all that happens to it later.
SCRIPT_NOTES = 100
# Characters of a note that a script leaves on a call, and of the way to where it failed.
SCRIPT_NOTE = 500
# Bytes of what a script remembers of one call that another node is told, with each change of the call.
SCRIPT_MEMORY_BYTES = 4_096
# Faults of one script that are logged with all their lines, each once.
SCRIPT_FAULTS = 100
# Bytes of packets of all recordings that wait for the disk: five seconds of 50,000 packets a second; and of one
# recording. Beyond, packets are left out and counted. Headers are in it, so a packet takes 56 bytes at least.
RECORDING_QUEUE_BYTES = 67_108_864
RECORDING_BUFFER_BYTES = 4_194_304
# Bytes of descriptions of one recording that wait for the disk: some hundred of browsers.
RECORDING_NOTES_BYTES = 1_048_576
# Recordings that are over and wait for a disk that takes no manifest, at some 5 kB each; the oldest is left for the
# next start, which finds it.
RECORDINGS_WAITING = 10_000
# Names of recordings that wait for the store, or to be told of, some 300 bytes each; those beyond are found again in
# their manifests.
RECORDINGS_TO_TRY = 100_000
# Recordings that go to the store at once, and parts of one, of 8 MiB: S3 takes 10,000 parts, so 80 GB; 64 MiB in all.
RECORDINGS_SHIPPED_AT_ONCE = 2
STORE_PART_BYTES = 8_388_608
STORE_PARTS_AT_ONCE = 2
# What is read of a file, or of what a store holds, at once.
STORE_CHUNK_BYTES = 1_048_576
# Bytes of a running recording that are copied to the store in one object, and held in memory for that.
STRETCH_BYTES = 8_388_608
# Recordings of which a stretch is sent at once: 500 that run and a store that takes 50 ms make a round of 6 s.
STRETCHES_AT_ONCE = 8
# Bytes of one page of a list of uploads: it names a thousand at most, of some kilobyte.
STORE_LISTING_BYTES = 4_194_304
# Seconds to reach a store, and for one answer, which may carry a part over a line of half a megabit.
STORE_CONNECT_S = 5
STORE_ANSWER_S = 120
# Seconds to reach whoever is told of recordings, and for all of the answer: it need only be put down there.
NOTICE_CONNECT_S = 5
# Notices that are sent at once: forty a second to a receiver that takes a tenth of one.
NOTICES_AT_ONCE = 4
NOTICE_ANSWER_S = 15
# Bytes of the text beside a recording that are read: a description has some kilobytes, and a call that is held and
# resumed a hundred times has two hundred of them.
RECORDING_METADATA_BYTES = 4 * 1024 * 1024
# Records that wait to be written to the engine of a cluster while it is away, at some kilobyte each: an hour of 25
# registrations a second. Beyond, the oldest are left out, and written when all is read again.
CLUSTER_WAITING = 100_000
# Processes of a cluster whose keys are remembered, at some 500 bytes each: every start of a node is one.
CLUSTER_PROCESSES = 1_000
# Nodes of a cluster: each writes a heartbeat a second, which all of them read.
CLUSTER_NODES = 64
# News of a cluster that wait to be told, while nobody asks.
CLUSTER_NEWS = 1_000
