// SPDX-License-Identifier: Apache-2.0
#include "sink/dead_letters.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "sink/encode/encoder.hpp"

namespace portlid::sink {

bool DeadLetters::add(const std::string& sink, const std::string& why,
                      const std::string& record) const {
    struct stat facts {};
    if (::stat(path_.c_str(), &facts) == 0 && static_cast<std::uint64_t>(facts.st_size) > limit_)
        ::rename(path_.c_str(), (path_ + ".1").c_str());
    const UniqueFd fd(
        ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    const Json letter = {
        {"time", to_rfc3339(wall_now())}, {"sink", sink}, {"why", why}, {"record", record}};
    const auto line = json_text(letter) + "\n";
    return fd.valid() &&
           ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace portlid::sink
