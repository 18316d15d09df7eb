// A stream that needs nothing of us passes here, below the sockets: at the ingress of an interface its packets are
// found by their addresses, copied for whoever counts them, rewritten and sent on. Whatever is not exactly that
// climbs to the sockets, as if this program were not there. `relay/kernel` loads it, says which streams, and reads the
// copies; the layouts of `key`, `flow` and `heard` stand there too.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define swap16(value) __builtin_bswap16(value)

// Maps as BTF tells them (libbpf's convention).
#define number_of(name, value) int(*name)[value]
#define type_of(name, value) typeof(value) *name

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*now_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static void *(*reserve)(void *ring, __u64 size, __u64 flags) = (void *)BPF_FUNC_ringbuf_reserve;
static void (*submit)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_submit;
static long (*pull)(struct __sk_buff *skb, __u32 length) = (void *)BPF_FUNC_skb_pull_data;
static long (*load)(const void *skb, __u32 offset, void *to, __u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*store)(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length, __u64 flags) =
    (void *)BPF_FUNC_skb_store_bytes;
static __s64 (*difference)(const void *from, __u32 from_size, const void *to, __u32 to_size, __wsum seed) =
    (void *)BPF_FUNC_csum_diff;
static long (*replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags) =
    (void *)BPF_FUNC_l4_csum_replace;
static long (*redirect)(__u32 interface, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*redirect_neigh)(__u32 interface, void *hop, int hop_size, __u64 flags) =
    (void *)BPF_FUNC_redirect_neigh;

// The packet as it was, and as if we were not there.
enum { CLIMBS = -1 };
enum { LOOPBACK = 1, HOPS = 64, LEAST = 12, MOST = 496, RING = 8 << 20, FLOWS = 65536, DONT_FRAGMENT = 0x4000 };

struct addresses {
	__be32 source[4], target[4];
};

struct ports {
	__be16 source, target;
};

// What came: from a peer to a port of ours. IPv4 stands in the first word.
struct key {
	struct addresses addresses;
	struct ports ports;
};

// How it leaves.
struct flow {
	__u64 number;
	struct addresses addresses;
	struct ports ports;
	__u32 arrives, leaves; // by interfaces
	__u32 class;
};

// A copy of what was sent on: its payload is RTP.
struct heard {
	__u64 number;
	__u64 now_ns;
	__u32 length;
	__u32 _room;
	__u8 data[MOST];
};

struct {
	number_of(type, BPF_MAP_TYPE_HASH);
	number_of(max_entries, FLOWS);
	number_of(map_flags, BPF_F_NO_PREALLOC);
	type_of(key, struct key);
	type_of(value, struct flow);
} flows SECTION(".maps");

struct {
	number_of(type, BPF_MAP_TYPE_RINGBUF);
	number_of(max_entries, RING);
} copies SECTION(".maps");

// Every header of a packet that we pass on, up to the fixed part of RTP (RFC 3550 5.1).
struct v4 {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	__u8 rtp[LEAST];
} __attribute__((packed));

struct v6 {
	struct ethhdr ethernet;
	struct ipv6hdr ip;
	struct udphdr udp;
	__u8 rtp[LEAST];
} __attribute__((packed));

// Version 2, no padding, no extension, no contributors; no RTCP on a shared port (RFC 5761 4).
INLINE int is_plain_rtp(const __u8 *rtp)
{
	__u8 type = rtp[1] & 0x7f;
	return rtp[0] == 0x80 && (type < 64 || type > 95);
}

// Copy `length` bytes of media at `offset`. Without room for the copy the packet is not ours to send.
INLINE int copy(struct __sk_buff *skb, const struct flow *flow, __u32 offset, __u32 length)
{
	struct heard *heard = reserve(&copies, sizeof(struct heard), 0);
	if (!heard)
		return 0;
	heard->number = flow->number;
	heard->now_ns = now_ns();
	heard->length = length;
	load(skb, offset, heard->data, length);
	submit(heard, BPF_RB_NO_WAKEUP);
	return 1;
}

// Addresses and ports are part of the checksum of UDP, if it has one.
INLINE void write_udp(struct __sk_buff *skb, __u32 offset, const struct key *key, const struct flow *flow, __u32 size,
		      int has_sum)
{
	__u32 at = offset + __builtin_offsetof(struct udphdr, check);
	if (has_sum) {
		__s64 changed = difference(&key->addresses.source, size, &flow->addresses.source, size, 0);
		changed = difference(&key->addresses.target, size, &flow->addresses.target, size, changed);
		replace(skb, at, 0, changed, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
		replace(skb, at, *(__u32 *)&key->ports, *(__u32 *)&flow->ports, BPF_F_MARK_MANGLED_0 | sizeof(__u32));
	}
	store(skb, offset, &flow->ports, sizeof(flow->ports), 0);
}

INLINE int leave(const struct flow *flow)
{
	if (flow->leaves == LOOPBACK)
		return redirect(LOOPBACK, 0);
	return redirect_neigh(flow->leaves, 0, 0, 0);
}

// RFC 791 3.1: over a header of twenty bytes.
INLINE __u16 sum_of(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;
#pragma unroll
	for (int at = 0; at < 10; at++)
		sum += words[at];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

INLINE int pass_v4(struct __sk_buff *skb, const struct v4 *packet)
{
	struct iphdr ip = packet->ip;
	__u32 length = swap16(packet->udp.len);
	int has_sum = packet->udp.check != 0;
	struct key key = {};
	const struct flow *flow;

	// No options, no fragment, and all of it here.
	if (ip.version != 4 || ip.ihl != 5 || ip.protocol != IPPROTO_UDP || ip.frag_off & swap16(0x3fff) || ip.ttl < 2)
		return CLIMBS;
	if (swap16(ip.tot_len) != length + sizeof(ip) || skb->len < length + sizeof(ip) + ETH_HLEN)
		return CLIMBS;
	length -= sizeof(struct udphdr);
	if (length < LEAST || length > MOST || !is_plain_rtp(packet->rtp))
		return CLIMBS;
	key.addresses.source[0] = ip.saddr;
	key.addresses.target[0] = ip.daddr;
	key.ports.source = packet->udp.source;
	key.ports.target = packet->udp.dest;
	flow = lookup(&flows, &key);
	if (!flow || flow->arrives != skb->ifindex || !copy(skb, flow, __builtin_offsetof(struct v4, rtp), length))
		return CLIMBS;
	ip.saddr = flow->addresses.source[0];
	ip.daddr = flow->addresses.target[0];
	ip.tos = flow->class;
	ip.ttl = HOPS;
	ip.frag_off = swap16(DONT_FRAGMENT);
	ip.check = 0;
	ip.check = sum_of(&ip);
	write_udp(skb, __builtin_offsetof(struct v4, udp), &key, flow, sizeof(__be32), has_sum);
	store(skb, __builtin_offsetof(struct v4, ip), &ip, sizeof(ip), 0);
	return leave(flow);
}

INLINE int pass_v6(struct __sk_buff *skb, const struct v6 *packet)
{
	struct ipv6hdr ip = packet->ip;
	__u32 length = swap16(packet->udp.len);
	struct key key = {};
	const struct flow *flow;

	// No extension headers, and all of it here. Over IPv6 there is always a checksum (RFC 8200 8.1).
	if (ip.version != 6 || ip.nexthdr != IPPROTO_UDP || ip.hop_limit < 2 || !packet->udp.check)
		return CLIMBS;
	if (swap16(ip.payload_len) != length || skb->len < length + sizeof(ip) + ETH_HLEN)
		return CLIMBS;
	length -= sizeof(struct udphdr);
	if (length < LEAST || length > MOST || !is_plain_rtp(packet->rtp))
		return CLIMBS;
	__builtin_memcpy(&key.addresses.source, &ip.saddr, sizeof(ip.saddr));
	__builtin_memcpy(&key.addresses.target, &ip.daddr, sizeof(ip.daddr));
	key.ports.source = packet->udp.source;
	key.ports.target = packet->udp.dest;
	flow = lookup(&flows, &key);
	if (!flow || flow->arrives != skb->ifindex || !copy(skb, flow, __builtin_offsetof(struct v6, rtp), length))
		return CLIMBS;
	__builtin_memcpy(&ip.saddr, &flow->addresses.source, sizeof(ip.saddr));
	__builtin_memcpy(&ip.daddr, &flow->addresses.target, sizeof(ip.daddr));
	ip.priority = flow->class >> 4;
	ip.flow_lbl[0] = (flow->class & 0xf) << 4;
	ip.flow_lbl[1] = ip.flow_lbl[2] = 0;
	ip.hop_limit = HOPS;
	write_udp(skb, __builtin_offsetof(struct v6, udp), &key, flow, sizeof(ip.saddr), 1);
	store(skb, __builtin_offsetof(struct v6, ip), &ip, sizeof(ip), 0);
	return leave(flow);
}

// The headers, all in one piece; none where there are fewer bytes.
INLINE void *headers(struct __sk_buff *skb, __u32 size)
{
	if (skb->len < size || pull(skb, size))
		return 0;
	return (void *)(long)skb->data;
}

SECTION("classifier")
int relay(struct __sk_buff *skb)
{
	void *packet;

	// What is tagged, for others, or many in one, climbs.
	if (skb->vlan_present || skb->pkt_type != 0 || skb->gso_size)
		return CLIMBS;
	if (skb->protocol == swap16(ETH_P_IP)) {
		packet = headers(skb, sizeof(struct v4));
		if (!packet || packet + sizeof(struct v4) > (void *)(long)skb->data_end)
			return CLIMBS;
		return pass_v4(skb, packet);
	}
	if (skb->protocol == swap16(ETH_P_IPV6)) {
		packet = headers(skb, sizeof(struct v6));
		if (!packet || packet + sizeof(struct v6) > (void *)(long)skb->data_end)
			return CLIMBS;
		return pass_v6(skb, packet);
	}
	return CLIMBS;
}

char of_this_program[] SECTION("license") = "Apache-2.0";
