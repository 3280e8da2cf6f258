// SPDX-License-Identifier: Apache-2.0
// Kernel constants newer than the headers of Debian 12 (linux 6.1, libbpf 1.1). The kernel refuses
// what it does not know, so using them on an old kernel is an error value, not a surprise.
#pragma once

#include <linux/bpf.h>

namespace portlid::kernel {

// Linux 6.6: tcx, program lists on an interface that are held by links.
inline constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);  // BPF_TCX_INGRESS
inline constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);   // BPF_TCX_EGRESS
inline constexpr unsigned kLinkTypeTcx = 11;                           // BPF_LINK_TYPE_TCX
inline constexpr unsigned kBefore = 1U << 3;  // BPF_F_BEFORE; without a relative: before all

inline constexpr long kBpfFsMagic = 0xcafe4a11;

}  // namespace portlid::kernel
