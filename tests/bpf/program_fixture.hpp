// SPDX-License-Identifier: Apache-2.0
// A loaded sensor on a veth, and its attached XDP program ready for single frames.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "kernel/links.hpp"
#include "sensor_fixture.hpp"
#include "support/packet.hpp"

namespace portlid::kernel {

class ProgramTest : public SensorTest {
protected:
    // Makes the interface and loads where that has not happened yet.
    void attach_program() {
        if (::if_nametoindex("up0") == 0) make_veth();
        if (!sensor_) load();
        ASSERT_TRUE(sensor_->set_local_addresses(
            {*IpAddress::parse(test::kHostV4), *IpAddress::parse(test::kHostV6)}));
        const auto state = sensor_->attach_interface(request("up0"));
        ASSERT_TRUE(state.attached) << state.why;
        up_ = ::if_nametoindex("up0");
        const auto link = open_pin(pins() / "links" / (std::to_string(up_) + "_xdp"));
        program_ = UniqueFd(bpf_prog_get_fd_by_id(link_facts(link.get())->prog_id));
        ASSERT_TRUE(program_.valid());
    }
    // What the attached program does with a frame that comes in by up0.
    [[nodiscard]] unsigned judge(test::Bytes frame) const {
        xdp_md context{};
        context.data_end = static_cast<__u32>(frame.size());
        context.ingress_ifindex = up_;
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        options.ctx_in = &context;
        options.ctx_size_in = sizeof(context);
        options.repeat = 1;
        return bpf_prog_test_run_opts(program_.get(), &options) == 0 ? options.retval : ~0U;
    }

    UniqueFd program_;
    std::uint32_t up_ = 0;
};

}  // namespace portlid::kernel
