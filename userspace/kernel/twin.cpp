// SPDX-License-Identifier: Apache-2.0
#include "kernel/twin.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sys/mman.h>

#include <array>
#include <numeric>

#include "abi/maps.h"
#include "kernel/lifecycle.hpp"
#include "kernel/links.hpp"

namespace portlid::kernel {

namespace {

constexpr std::size_t kCounters = std::size_t{INTERFACE_SLOTS} * REASON_SLOTS * VERDICT_COUNT;

// The twin's counters, which are where a program says more than pass or drop: a plain array that
// is mapped into memory, so that reading an answer costs no system call.
class CounterWindow {
public:
    [[nodiscard]] static Result<CounterWindow> open(int map_fd) {
        void* memory = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, map_fd, 0);
        if (memory == MAP_FAILED) return fail_errno("cannot map the twin's counters", errno);
        CounterWindow window;
        window.counters_ = static_cast<const counter*>(memory);
        return window;
    }
    CounterWindow(CounterWindow&& other) noexcept
        : counters_(std::exchange(other.counters_, nullptr)), seen_(std::move(other.seen_)) {}
    CounterWindow& operator=(CounterWindow&&) = delete;
    CounterWindow(const CounterWindow&) = delete;
    CounterWindow& operator=(const CounterWindow&) = delete;
    ~CounterWindow() {
        if (counters_ != nullptr) ::munmap(const_cast<counter*>(counters_), kBytes);
    }

    // Index of the one counter that one packet moved since the last call; kCounters when none did.
    std::size_t take() {
        if (packets(last_) == seen_[last_]) last_ = find_moved();
        if (last_ < kCounters) {
            seen_[last_] = packets(last_);
            return last_;
        }
        last_ = 0;
        return kCounters;
    }

private:
    static constexpr std::size_t kBytes = kCounters * sizeof(counter);

    CounterWindow() : seen_(kCounters, 0) {}
    [[nodiscard]] std::uint64_t packets(std::size_t index) const {
        return __atomic_load_n(&counters_[index].packets, __ATOMIC_RELAXED);
    }
    [[nodiscard]] std::size_t find_moved() const {
        std::size_t index = 0;
        while (index < kCounters && packets(index) == seen_[index]) ++index;
        return index;
    }

    const counter* counters_ = nullptr;
    std::vector<std::uint64_t> seen_;
    std::size_t last_ = 0;  // neighbours in a scan mostly have the same answer
};

template <typename Context>
int run_once(int prog_fd, Context& context, std::span<const std::uint8_t> frame,
             std::uint32_t& returned) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = 1;
    const int error = bpf_prog_test_run_opts(prog_fd, &options);
    returned = options.retval;
    return error;
}

int run_xdp(int prog_fd, std::uint32_t ifindex, std::span<const std::uint8_t> frame,
            std::uint32_t& returned) {
    xdp_md context{};
    context.data_end = static_cast<__u32>(frame.size());
    context.ingress_ifindex = ifindex;
    return run_once(prog_fd, context, frame, returned);
}

int run_tc(int prog_fd, std::uint32_t ifindex, std::span<const std::uint8_t> frame,
           std::uint32_t& returned) {
    __sk_buff context{};
    context.ifindex = ifindex;
    context.ingress_ifindex = ifindex;
    return run_once(prog_fd, context, frame, returned);
}

bool has_hook(const TwinParts& parts, TwinHook hook) {
    return std::any_of(parts.hooks.begin(), parts.hooks.end(),
                       [hook](const auto& entry) { return entry.second == hook; });
}

}  // namespace

const char* to_string(TwinHook hook) {
    return hook == TwinHook::Xdp ? "xdp" : "tc";
}

struct Twin::Impl {
    TwinParts parts;
    LoadedPrograms programs;
    CounterWindow counters;
    std::array<int, 2> program_fds;  // by TwinHook

    [[nodiscard]] int program(TwinHook hook) const {
        return program_fds[static_cast<std::size_t>(hook)];
    }
};

Twin::Twin() = default;
Twin::Twin(Twin&&) noexcept = default;
Twin& Twin::operator=(Twin&&) noexcept = default;
Twin::~Twin() = default;

Result<Twin> Twin::make(TwinParts parts) {
    auto programs = load_twin(parts, has_hook(parts, TwinHook::Xdp), has_hook(parts, TwinHook::Tc));
    if (!programs) return pass_on(std::move(programs.error()), "twin");
    auto counters = CounterWindow::open(programs->map("counters"));
    if (!counters) return pass_on(std::move(counters.error()));
    const std::array<int, 2> fds{programs->program("ingress_xdp"), programs->program("ingress_tc")};
    Twin twin;
    twin.impl_.reset(new Impl{std::move(parts), std::move(*programs), std::move(*counters), fds});
    return twin;
}

std::string Twin::tag(TwinHook hook) const {
    return program_tag(impl_->program(hook));
}

const TwinParts& Twin::parts() const {
    return impl_->parts;
}

Result<TwinAnswer> Twin::ask(TwinHook hook, std::uint32_t ifindex,
                             std::span<const std::uint8_t> frame) {
    const bool xdp = hook == TwinHook::Xdp;
    std::uint32_t returned = 0;
    const int error = xdp ? run_xdp(impl_->program(hook), ifindex, frame, returned)
                          : run_tc(impl_->program(hook), ifindex, frame, returned);
    if (error != 0)
        return fail_errno("the twin did not run for ifindex " + std::to_string(ifindex), -error,
                          "is the interface still there? portlid status");
    const auto moved = impl_->counters.take();
    if (moved == kCounters)
        return fail("no interface entry for ifindex " + std::to_string(ifindex),
                    "is the interface still attached? portlid status");
    const TwinAnswer answer{static_cast<verdict_word>(moved % VERDICT_COUNT),
                            static_cast<reason>(moved / VERDICT_COUNT % REASON_SLOTS)};
    const bool dropped = xdp ? returned == XDP_DROP : returned == TC_ACT_SHOT;
    if (dropped != (answer.verdict == VERDICT_drop))
        return fail("the program returned " + std::to_string(static_cast<int>(returned)) +
                    " for a packet that it counted otherwise");
    return answer;
}

Result<> Twin::forget_tries() {
    std::vector<std::uint32_t> keys(LIMIT_SETS);
    std::iota(keys.begin(), keys.end(), 0U);
    const std::vector<limit_set> fresh(LIMIT_SETS);
    __u32 count = LIMIT_SETS;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    const int error = bpf_map_update_batch(impl_->programs.map("limits"), keys.data(), fresh.data(),
                                           &count, &options);
    if (error != 0) return fail_errno("cannot empty the twin's table of tries", -error);
    return {};
}

}  // namespace portlid::kernel
