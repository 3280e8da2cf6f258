// SPDX-License-Identifier: GPL-2.0-only
// Why a packet was allowed or dropped: the one list from which the enum, the counters, the JSON
// words and the operator's sentences come. Numbers are on disk and in SIEMs: never reuse one,
// append only. Row numbers are those of the decision table in the README ("What decides").
#pragma once

#include "types.h"

// X(number, identifier, row, sentence)
#define PORTLID_REASONS(X)                                                                      \
    X(0, no_policy, 0, "no policy generation is in force on this interface yet")                \
    X(1, not_ip, 1, "the frame carries no IP packet")                                           \
    X(2, malformed, 2, "a header or a length in the packet lies")                               \
    X(3, martian, 2, "the source or destination cannot be on this wire")                        \
    X(4, essential, 3, "the network cannot work without it (ND, MLD, IGMP, DHCP, ICMP errors)") \
    X(5, limited, 3, "the source has used up what it may send of this kind for now")            \
    X(6, fragment, 4, "a later fragment; its first fragment was judged")                        \
    X(7, fragment_flood, 4, "more later fragments than the budget of this source allows")       \
    X(8, reply, 5, "it answers a flow that this host or one of its containers opened")          \
    X(9, transit, 6, "the destination is neither this host nor a container")                    \
    X(10, direct_to_container, 7, "it is sent straight to a container's own address")           \
    X(11, failsafe, 8, "the failsafe list keeps this port open")                                \
    X(12, banned, 9, "the source is banned")                                                    \
    X(13, denied, 9, "the source is in a deny set")                                             \
    X(14, ping, 10, "ping is allowed")                                                          \
    X(15, protocol, 10, "the protocol is allowed")                                              \
    X(16, ping_denied, 10, "ping is not allowed")                                               \
    X(17, protocol_denied, 10, "the protocol is not in the policy's list")                      \
    X(18, allowed, 11, "a service opens this port to this source")                              \
    X(19, grandfathered, 12, "the flow was open before this zone enforced")                     \
    X(20, source_not_allowed, 13, "a service names the port, but not for this source")          \
    X(21, owner_absent, 13, "a service names the port, but its owner does not hold it")         \
    X(22, no_service, 14, "no service opens this port")                                         \
    X(23, zone_default, 14, "the zone lets new flows in by default")

#define PORTLID_REASON_ENUM(number, name, row, sentence) REASON_##name = (number),
enum reason { PORTLID_REASONS(PORTLID_REASON_ENUM) REASON_COUNT };
#undef PORTLID_REASON_ENUM

// Counter arrays are sized by this, so that a new reason does not change a map's layout.
#define REASON_SLOTS 32
ABI_ASSERT((int)REASON_COUNT <= REASON_SLOTS, "grow REASON_SLOTS and PORTLID_ABI_VERSION");

// What happens to the packet. would_drop passes it: the rule that matched only monitors.
#define PORTLID_VERDICTS(X) \
    X(0, allow)             \
    X(1, drop)              \
    X(2, would_drop)

#define PORTLID_VERDICT_ENUM(number, name) VERDICT_##name = (number),
enum verdict_word { PORTLID_VERDICTS(PORTLID_VERDICT_ENUM) VERDICT_COUNT };
#undef PORTLID_VERDICT_ENUM
