// SPDX-License-Identifier: Apache-2.0
// Policies that nobody would think of, the same ones in every run: for properties that must hold
// whatever was written.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace portlid::policy::test {

class RandomPolicy {
public:
    explicit RandomPolicy(unsigned seed) : random_(seed) {}

    // Without the `version` line. Zones are always `a` and `b`; sets `s0` .. `s3`.
    std::string text() {
        std::string out = "mode: " + word({"monitor", "enforce"}) + "\nzones:\n";
        // A zone that is open by default keeps the lock-out rule out of the way.
        out += "  a: { interfaces: [x], default: " + word({"drop", "allow"}) + " }\n";
        out += "  b: { interfaces: [\"y*\", uplink], default: allow, existing: " +
               word({"10m", "0", "forever", "90s"}) + " }\nsets:\n";
        for (int i = 0; i < 4; ++i)
            out += "  s" + std::to_string(i) + ": " + list(prefixes(pick(5))) + "\n";
        if (one_in(2)) out += "deny: " + list(sources(1 + pick(2))) + "\n";
        if (one_in(2)) out += "management: " + list(sources(1)) + "\n";
        out += "services:\n  - { name: base, ports: [22/tcp], from: [s0] }\n";
        for (unsigned i = 0, count = pick(6); i < count; ++i) out += service(i);
        if (one_in(2)) out += "icmp: { ping: " + word({"allow", "drop"}) + " }\n";
        if (one_in(3)) out += "protocols: [esp, 99]\n";
        if (one_in(3)) out += "failsafe: [{ ports: " + ports() + ", from: [s1] }]\n";
        if (one_in(4)) out += "labels: { ceiling: [{ ports: [8000-8010/tcp], for: 24h }] }\n";
        if (one_in(4)) out += "binds: { default: refuse, allow: [{ ports: [80/tcp] }] }\n";
        if (one_in(3))
            out += "tests: [{ from: 198.51.100.9, to: 80/tcp, zone: a, expect: drop }]\n";
        return out;
    }

    unsigned pick(unsigned bound) {
        return std::uniform_int_distribution<unsigned>(0, bound - 1)(random_);
    }
    bool one_in(unsigned n) { return pick(n) == 0; }
    std::string word(const std::vector<std::string>& words) {
        return words[pick(static_cast<unsigned>(words.size()))];
    }
    // From a small world, so that prefixes overlap.
    std::string prefix() {
        if (one_in(3)) {
            const unsigned bits = 32 + 16 * pick(3);
            return word({"\"2001:db8::/", "\"2001:db8:1::/"}) + std::to_string(bits + 16) + "\"";
        }
        const auto third = std::to_string(pick(3));
        if (one_in(3)) return "10.0.0.0/" + std::to_string(8 + 4 * pick(3));
        if (one_in(2)) return "10.0." + third + ".0/24";
        return "10.0." + third + "." + std::to_string(pick(4));
    }
    std::string address() {
        if (one_in(4)) return word({"2001:db8::7", "2001:db8:1::7", "2001:db8:ffff::7"});
        return "10." + std::to_string(pick(2)) + "." + std::to_string(pick(4)) + "." +
               std::to_string(pick(6));
    }

private:
    std::string list(const std::vector<std::string>& items) {
        std::string out;
        for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
        return "[" + out + "]";
    }
    std::vector<std::string> prefixes(unsigned count) {
        std::vector<std::string> out;
        for (unsigned i = 0; i < count; ++i) out.push_back(prefix());
        return out;
    }
    // Distinct: a list that names the same twice is refused.
    std::vector<std::string> sources(unsigned count) {
        std::vector<std::string> out;
        for (unsigned i = 0; i < count; ++i) {
            const auto one = one_in(2) ? "s" + std::to_string(pick(4)) : prefix();
            if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
        }
        return out;
    }
    std::string ports() {
        const auto first = 20 + 2 * pick(8);
        std::string out = "[" + std::to_string(first);
        if (one_in(2)) out += "-" + std::to_string(first + pick(20) + 1);
        return out + word({"/tcp", "/udp"}) + "]";
    }
    std::string service(unsigned index) {
        std::string out = "  - { name: n" + std::to_string(index) + ", ports: " + ports();
        if (one_in(2)) out += ", from: " + list(sources(1 + pick(2)));
        if (one_in(4)) out += ", zones: [" + word({"a", "b"}) + "]";
        if (one_in(4)) out += ", addresses: [" + word({"192.0.2.1", "192.0.2.2"}) + "]";
        if (one_in(4)) out += ", mode: " + word({"monitor", "enforce"});
        if (one_in(5)) out += ", owner: { container: \"x-*\" }";
        return out + " }\n";
    }

    std::mt19937 random_;
};

}  // namespace portlid::policy::test
