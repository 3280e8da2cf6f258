// SPDX-License-Identifier: Apache-2.0
#include <pwd.h>

#include <cerrno>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "identity/process.hpp"

namespace portlid::identity {

namespace {

constexpr std::size_t kRememberedUsers = 4096;
constexpr std::size_t kLargestEntry = std::size_t{1} << 20U;

std::string look_up(std::uint32_t uid) {
    std::vector<char> buffer(1024);
    passwd entry{};
    passwd* found = nullptr;
    int failure = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    while (failure == ERANGE && buffer.size() < kLargestEntry) {
        buffer.resize(buffer.size() * 2);
        failure = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    }
    return failure == 0 && found != nullptr ? std::string(found->pw_name) : std::to_string(uid);
}

struct Names {
    std::mutex mutex;
    std::unordered_map<std::uint32_t, std::string> by_uid;
};

}  // namespace

std::string user_name(std::uint32_t uid) {
    static Names names;
    const std::lock_guard lock(names.mutex);
    if (const auto known = names.by_uid.find(uid); known != names.by_uid.end())
        return known->second;
    if (names.by_uid.size() >= kRememberedUsers) names.by_uid.clear();
    return names.by_uid.emplace(uid, look_up(uid)).first->second;
}

}  // namespace portlid::identity
