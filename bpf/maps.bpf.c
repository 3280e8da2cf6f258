// SPDX-License-Identifier: GPL-2.0-only
// Every map of the sensor, once. lib/maps.h holds the types; including it with the line below
// makes the definitions. Per map: key, value (byte order), writer, reader, why this size, and what
// happens when it is full. "host order" unless said otherwise.
//
// socket_events   ring of struct socket_event. Writer: sockets.bpf.c. Reader: kernel/rings, every
//                 ~25 ms. 1 MiB = about 4800 records, 25 ms at 190k binds a second. Full: the
//                 record is dropped and counted in lost[kind]; `listeners` has the truth all the
//                 same.
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
//                 Readers: post_bind4/6, set_state. As many as sockets that called bind(), freed
//                 with them. No memory: the port counts as asked for (an ephemeral bind looks
//                 deliberate).
// lost            per CPU, key enum event_kind, value u64: records that found their ring full.
//                 Writer: lib/emit.h. Reader: kernel, once a second. Never full (an array).
// health          per CPU, key enum health_counter, value u64. Writers: every program.
//                 Reader: kernel, once a second. Never full (an array).
// packet_scratch  per CPU, one struct packet_facts a program. Writer and reader: that program.
// Never full.
#define PORTLID_DEFINE_MAPS
#include "lib/maps.h"

char LICENSE[] SEC("license") = "GPL";
