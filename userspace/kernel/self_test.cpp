// SPDX-License-Identifier: Apache-2.0
#include "kernel/self_test.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <array>

namespace portlid::kernel {

namespace {

using Frame = std::array<std::uint8_t, 64>;

// "Who has 192.0.2.1?", to everybody.
constexpr Frame arp_request() {
    return {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0,    0, 0,   1, 0x08, 0x06,
            0,    1,    0x08, 0,    6,    4,    0,    1, 0x02, 0, 0,   0, 0,    1,
            0,    0,    0,    0,    0,    0,    0,    0, 0,    0, 192, 0, 2,    1};
}

// A neighbour solicitation from :: (duplicate address detection): 40 + 24 bytes, hop limit 255.
constexpr Frame neighbour_solicitation() {
    Frame frame{0x60, 0, 0, 0, 0, 24, 58, 255};
    frame[24] = 0xff;  // to ff02::1:ff00:1
    frame[25] = 0x02;
    frame[35] = 0x01;
    frame[36] = 0xff;
    frame[39] = 0x01;
    frame[40] = 135;  // type; target fe80::1
    frame[48] = 0xfe;
    frame[49] = 0x80;
    frame[63] = 0x01;
    return frame;
}

Result<> run(int prog_fd, bpf_test_run_opts& options, std::uint32_t pass) {
    if (const int error = bpf_prog_test_run_opts(prog_fd, &options); error != 0)
        return fail_errno("the self-test did not run", -error);
    if (options.retval == pass) return {};
    return fail("the self-test's frame was not passed (the program returned " +
                std::to_string(static_cast<std::int32_t>(options.retval)) + ")");
}

}  // namespace

Result<> self_test_xdp(int prog_fd, std::uint32_t ifindex) {
    auto frame = arp_request();
    xdp_md context{};
    context.data_end = frame.size();
    context.ingress_ifindex = ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = 1;
    return run(prog_fd, options, XDP_PASS);
}

Result<> self_test_tc(int prog_fd, std::uint32_t ifindex, bool layer3) {
    auto frame = layer3 ? neighbour_solicitation() : arp_request();
    __sk_buff context{};
    context.ifindex = ifindex;
    context.ingress_ifindex = ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = 1;
    return run(prog_fd, options, static_cast<std::uint32_t>(TC_ACT_UNSPEC));
}

}  // namespace portlid::kernel
