// SPDX-License-Identifier: GPL-2.0-only
// Every map of the sensor, once. lib/maps.h holds the types; including it with the line below
// makes the definitions. Per map: key, value (byte order), writer, reader, why this size, and what
// happens when it is full. "host order" unless said otherwise.
//
// socket_events   ring of struct socket_event. Writer: sockets.bpf.c. Reader: kernel/rings, every
//                 100 ms while records come. 1 MiB = about 4800 records; a quarter wakes it. Full:
//                 the record is dropped and counted in lost[kind]; `listeners` has the truth all
//                 the same.
// verdict_events  ring of struct verdict_event. Writer: ingress. Reader: kernel/rings. 512 KiB =
//                 about 5400 records; the event budgets allow 32 a window. Full: dropped, lost[4].
//                 A ring of its own, so that a scan cannot hide a bind.
// listeners       key u64 socket cookie, value struct listener_record (address bytes in network
//                 order). Writer: sockets.bpf.c, which removes an entry when its socket is
//                 released. Reader: userspace inventory. 32768 sockets that are bound at one time
//                 are far above any host we know; not preallocated, so an idle host pays for what
//                 it has. Full: the socket is not recorded, health[listeners_full] counts, the
//                 event is still sent and the sweep finds the socket.
// bind_requests   key socket (its own storage), value struct bind_request. Writer: bind4/6.
//                 Readers: post_bind4/6, set_state. As many as sockets that called bind() with
//                 port 0, freed with them. No memory: the port counts as asked for (an ephemeral
//                 bind looks deliberate).
// lost            per CPU, key enum event_kind, value u64: records that found their ring full.
//                 Writer: lib/emit.h. Reader: kernel, once a second. Never full (an array).
// health          per CPU, key enum health_counter, value u64. Writers: every program.
//                 Reader: kernel, once a second. Never full (an array).
// interfaces      key slot, value struct interface_config. Writer: userspace. Readers: ingress,
// egress.
//                 64 slots, opened by ifindex with 8 probes. Full: the interface is not attached.
// policy_slots    key POLICY_SLOT_*, value a map of one struct policy_image, frozen. Writer:
//                 userspace, one pointer write a policy. Readers: ingress, egress. Never full.
// networks        key struct network_key, value NETWORK_*. Writer: userspace. Reader: ingress. 4096
//                 prefixes. Full: as local_addresses.
// asked_first     key struct flow_key, value u64 boot time of the last question. Writer: ingress,
//                 for UDP and the like that a later policy may refuse. Reader: egress. 16384
//                 dialogues. Full: the least recently used goes, and an answer that comes only then
//                 could open a flow; `status` shows how many may have been lost.
// counters        per CPU, key (slot, reason, verdict), value struct counter, which is also the
// gate
//                 of that kind's events. Writer: ingress. Reader: userspace. Never full (an array).
// recent_verdicts key struct verdict_key, value struct verdict_state. Writer: ingress, drops only.
//                 Reader: userspace, every window. 8192 kinds. Full: old kinds go; counters are
//                 exact all the same.
// recent_uses     key struct verdict_key, value struct use_state: new flows to ports, let in or
// not,
//                 as far as use_gates let them be noted. Writer: ingress. Reader: kernel/uses,
//                 every window, which empties it. 8192 kinds. Full: the least recently used go.
// use_gates       per CPU, one struct use_gate. Writer and reader: ingress. Never full.
// budgets, event_budgets   key bucket (a hash of the source), value window << 32 | count. Writer
//                 and reader: ingress. 16384 buckets: sources that share one share its budget.
// existing_flows  key struct flow_key, value struct existing_flow. Writer: userspace, before and
//                 after a policy in which a zone begins to enforce. Reader: ingress, only for a
//                 TCP packet without SYN that would really be dropped. 65536 connections open to
//                 closed ports at a flip are far above any host we know; not preallocated. Full:
//                 the flow is counted in table_sizes[existing_overflow] and will be cut.
// bans            key struct network_key, value struct ban. Writers: userspace; ingress adds to
//                 hits. Reader: ingress, only where table_sizes[bans] is not 0 and the packet would
//                 otherwise pass. 65536 entries; a longer list belongs into a deny set, which is
//                 compiled. Full: the ban is refused with an error.
// table_sizes     key TABLE_*, value u64. Writers: userspace, and egress of one word. Readers:
//                 ingress, egress, and all that emit. Never full: an array.
// limits          key set number (low bits of the keyed hash), value struct limit_set under its
//                 lock. Writer and reader: limits.bpf.c. 4096 sets of 4 = 1.1 MiB: 16384 sources
//                 within their periods. Full: see lib/limit.h.
// hash_seeds      one struct hash_seed, the key of `limits` and `flows`. Writer: userspace, when
//                 the map is new. Readers: limits.bpf.c, ingress, egress. Never full (an array).
// trie_nodes      key see TRIE_CHUNKS, value a map of one struct trie_chunk (256 KiB). Writer:
//                 kernel/inner_maps. Reader: ingress, egress. Nine slots for at most eight images
//                 in use; a list costs what it needs. Full: the policy is refused.
// local_addresses key struct ip_bytes, presence counts. Writer: kernel/own_addresses. Reader:
//                 ingress, where own_buckets sends it. 4096. Full: an error that says so.
// own_buckets     key own_bucket_of(address), value struct own_bucket. Writer:
//                 kernel/own_addresses. Reader: ingress. 256 x 3 addresses, 16 KiB: stays in the
//                 first-level cache. Full: the bucket says so, and local_addresses is asked.
// flows, forwarded_flows   key bucket number, value struct flow_bucket. Writers: egress, seed_flow,
//                 by whether a packet was made here or only forwarded, so that a container's flood
//                 pushes out none of the host's; ingress sets bits of `used`. Reader: ingress.
//                 32768 x 5 places, 2 MiB each. Full: see lib/flow_table.h; the entry used least
//                 goes, and conntrack may still know it.
// used_ports      key protocol and high bits of a local port, value 64 bits, one a port. Writers:
//                 egress, seed_flow, before they write a flow; nobody clears a bit (an entry of
//                 `flows` does not tell its port), so made and pinned together with the flow
//                 tables. Reader: ingress. 16 KiB: stays in the first-level cache. Never full (an
//                 array).
// packet_scratch  per CPU, one struct packet_facts a program. Writer and reader: that program.
//                 Never full.
#define PORTLID_DEFINE_MAPS
#include "lib/maps.h"

char LICENSE[] SEC("license") = "GPL";
