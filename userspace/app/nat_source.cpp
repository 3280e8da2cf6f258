// SPDX-License-Identifier: Apache-2.0
#include "app/nat_source.hpp"

#include <poll.h>
#include <sys/eventfd.h>

namespace portlid::app {

NatSource::NatSource()
    : notice_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      watcher_(nat::system_sources(), [fd = notice_.get()] { ::eventfd_write(fd, 1); }) {}

std::shared_ptr<const nat::Rules> NatSource::drain() {
    eventfd_t ignored = 0;
    ::eventfd_read(notice_.get(), &ignored);
    return watcher_.rules();
}

std::shared_ptr<const nat::Rules> NatSource::wait_first(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (watcher_.rules()->version == 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd waiting{notice_.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) break;
        (void)drain();
    }
    return drain();
}

}  // namespace portlid::app
