// SPDX-License-Identifier: Apache-2.0
// What an importer understood, before it is text. Nothing that is not here gets in: every zone of
// a draft drops by default.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "policy/model.hpp"

namespace portlid::policy {

struct DraftService {
    std::string name;  // a suggestion; render() makes it valid and unique
    std::vector<PortRange> ports;
    std::vector<Cidr> from;  // all of both families = everybody
    std::vector<IpAddress> addresses;
    std::vector<std::string> zones;   // empty = all
    bool limit = false;               // 6/30s, as ufw limit
    std::string compose;              // owner; empty = anybody
    std::vector<std::string> origin;  // "user.rules:12: allow tcp 22 ..."
};

struct DraftZone {
    std::string name;
    std::vector<std::string> interfaces;
    bool catch_all = false;
};

// Something that stays closed because a policy cannot say it or we did not understand it; or a
// closing that we cannot take over, which `why` then says.
struct Unmapped {
    std::string where;  // "user.rules:12"
    std::string text;   // as written there
    std::string why;
    bool stays_open = false;  // it only closes: nothing here closes it instead
};

struct Draft {
    std::string title;  // first comment line
    std::vector<DraftZone> zones;
    std::vector<DraftService> services;
    std::vector<Cidr> deny;  // never gets in
    bool ping = false;
    std::vector<std::uint8_t> protocols;
    std::vector<std::string> notes;  // comments for the reader
    std::vector<Unmapped> unmapped;
    // "user.rules:12: deny tcp 25 ..": rules that need no line, since the policy says the same.
    std::vector<std::string> implied;
};

// What `portlid import` prints.
struct Imported {
    std::string yaml;  // loads; mode: monitor; the unmapped list is in its comments too
    std::vector<Unmapped> unmapped;
};

// Fails when the result would not load, which no input should cause.
[[nodiscard]] Result<Imported> render(const Draft& draft);
// "FILE:LINE: TEXT\n    WHY", one for each, for stderr.
[[nodiscard]] std::string unmapped_text(const std::vector<Unmapped>& unmapped);

}  // namespace portlid::policy
