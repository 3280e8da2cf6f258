// SPDX-License-Identifier: Apache-2.0
#include "policy/source_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace portlid::policy {

namespace {

using Number = unsigned __int128;

constexpr std::size_t kNone = ~std::size_t{0};
constexpr std::size_t kMaxExamples = 8;

unsigned width_of(std::size_t family) {
    return family == 0 ? 32 : 128;
}

IpAddress address_of(std::size_t family, Number value) {
    std::array<std::uint8_t, 16> bytes{};
    const auto length = width_of(family) / 8;
    for (std::size_t i = 0; i < length; ++i)
        bytes.at(length - 1 - i) = static_cast<std::uint8_t>(value >> (8 * i));
    return family == 0 ? IpAddress::from_v4(bytes.data()) : IpAddress::from_v6(bytes.data());
}

// The largest prefix that begins at `first` and does not go beyond `last`.
unsigned host_bits(Number first, Number last, unsigned width) {
    unsigned bits = 0;
    while (bits < width) {
        const auto next = bits + 1;
        const Number mask = next == 128 ? ~Number{0} : (Number{1} << next) - 1;
        if ((first & mask) != 0 || (last - first) < mask) break;
        bits = next;
    }
    return bits;
}

void add_interval(std::size_t family, Number first, Number last, std::vector<std::string>& words) {
    const auto width = width_of(family);
    for (;;) {
        const auto bits = host_bits(first, last, width);
        const Cidr prefix{address_of(family, first), static_cast<std::uint8_t>(width - bits)};
        words.push_back(prefix.to_string());
        const Number mask = bits == 128 ? ~Number{0} : (Number{1} << bits) - 1;
        if (last - first <= mask) return;
        first += mask + 1;
    }
}

bool subset(const SourceChoice& part, const SourceChoice& whole) {
    for (std::size_t i = 0; i < part.size(); ++i)
        if (part[i] && !whole[i]) return false;
    return true;
}

bool any(const SourceChoice& choice) {
    return std::find(choice.begin(), choice.end(), true) != choice.end();
}

SourceChoice without(SourceChoice whole, const SourceChoice& part) {
    for (std::size_t i = 0; i < part.size(); ++i)
        if (part[i]) whole[i] = false;
    return whole;
}

// Every list of a policy that the two may differ in, named sets first.
std::vector<GroupId> add_groups(SourceGroups& groups, const Policy& policy) {
    std::vector<GroupId> sets;
    for (const auto& set : policy.sets) sets.push_back(groups.add(set.members));
    for (const auto& service : policy.services)
        if (!service.from_any) (void)groups.add(service.from);
    for (const auto& rule : policy.failsafe)
        if (!rule.from_any) (void)groups.add(rule.from);
    (void)groups.add(policy.deny);
    return sets;
}

}  // namespace

std::string to_string(const SourceWords& words, std::size_t at_most) {
    const auto shown = std::min(words.names.size(), at_most);
    auto list = fmt::format(
        "{}", fmt::join(words.names.begin(),
                        words.names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (shown < words.names.size()) list += fmt::format(" and {} more", words.names.size() - shown);
    if (!words.all) return list.empty() ? "nobody" : list;
    return words.names.empty() ? "everybody" : "everybody but " + list;
}

void SourceSpace::emit(std::size_t family, Number first, Number last, std::size_t class_id) {
    auto& part = part_of_[family][class_id];
    if (part == kNone) {
        part = parts_.size();
        parts_.push_back({family == 0 ? Family::IPv4 : Family::IPv6, {}, false});
        class_of_.push_back(class_id);
    }
    auto& list = intervals_[family];
    if (!list.empty() && list.back().part == part)
        list.back().last = last;
    else
        list.push_back({first, last, part});
}

void SourceSpace::walk(const SourceTrie& trie, std::size_t family) {
    struct Step {
        std::uint32_t entry;
        Number prefix;
        unsigned bits;
    };
    const auto width = width_of(family);
    for (std::size_t root = 0; root < trie.roots[family].size(); ++root) {
        std::vector<Step> open{{trie.roots[family][root], Number{root}, TRIE_ROOT_BITS}};
        while (!open.empty()) {
            const auto [entry, prefix, bits] = open.back();
            open.pop_back();
            if ((entry & TRIE_LEAF) != 0) {
                const auto free_bits = width - bits;
                const Number first = prefix << free_bits;
                emit(family, first, first + ((Number{1} << free_bits) - 1), entry & ~TRIE_LEAF);
                continue;
            }
            // Backwards: the lowest addresses come off the stack first.
            for (unsigned i = TRIE_FANOUT; i-- > 0;)
                open.push_back({trie.nodes[entry].child[i], prefix << TRIE_STRIDE_BITS | i,
                                bits + TRIE_STRIDE_BITS});
        }
    }
}

// The later policy's names come first: a set that changed keeps its name there, and is called
// "office (before)" where the old members are meant.
void SourceSpace::add_names(const Policy& policy, const SourceTrie& trie,
                            const std::vector<GroupId>& groups) {
    const auto known = names_;
    for (std::size_t i = 0; i < policy.sets.size(); ++i) {
        Name name{policy.sets[i].name, SourceChoice(parts_.size())};
        for (std::size_t part = 0; part < parts_.size(); ++part)
            name.parts[part] = trie.contains(class_of_[part], groups[i]);
        const auto same = std::find_if(known.begin(), known.end(), [&](const Name& other) {
            return other.text == policy.sets[i].name;
        });
        if (same != known.end() && same->parts == name.parts) continue;
        if (same != known.end()) name.text += " (before)";
        names_.push_back(std::move(name));
    }
}

void SourceSpace::add_examples() {
    for (std::size_t family = 0; family < 2; ++family) {
        for (const auto& interval : intervals_[family]) {
            auto& examples = parts_[interval.part].examples;
            const Number half = (interval.last - interval.first) / 2;
            for (const Number value : {interval.first + half, interval.first, interval.last})
                if (examples.size() < kMaxExamples) examples.push_back(address_of(family, value));
        }
    }
}

Result<SourceSpace> SourceSpace::build(const Policy& before, const Policy& after) {
    SourceGroups groups;
    const auto after_sets = add_groups(groups, after);
    const auto before_sets = add_groups(groups, before);
    const auto trie = build_source_trie(groups);
    if (!trie) return pass_on(trie.error(), "compare the sources of two policies");
    SourceSpace space;
    for (std::size_t family = 0; family < 2; ++family) {
        space.part_of_[family].assign(trie->classes.size(), kNone);
        space.walk(*trie, family);
        const auto unlisted = space.part_of_[family][trie->unlisted[family]];
        if (unlisted != kNone) space.parts_[unlisted].unlisted = true;
    }
    space.add_names(after, *trie, after_sets);
    space.add_names(before, *trie, before_sets);
    space.add_examples();
    return space;
}

void SourceSpace::add_prefixes(const SourceChoice& rest, std::vector<std::string>& words) const {
    for (std::size_t family = 0; family < 2; ++family) {
        const auto& list = intervals_[family];
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (!rest[list[i].part]) continue;
            const auto first = list[i].first;
            while (i + 1 < list.size() && rest[list[i + 1].part]) ++i;
            add_interval(family, first, list[i].last, words);
        }
    }
}

std::vector<std::string> SourceSpace::words_for(SourceChoice rest) const {
    std::vector<std::string> words;
    const auto whole = rest;
    for (const auto& name : names_) {
        if (!subset(name.parts, whole)) continue;
        const auto left = without(rest, name.parts);
        if (left == rest) continue;
        words.push_back(name.text);
        rest = left;
    }
    add_prefixes(rest, words);
    return words;
}

SourceWords SourceSpace::describe(const SourceChoice& chosen, const SourceChoice& universe) const {
    bool has_unlisted = false;
    for (std::size_t i = 0; i < parts_.size(); ++i)
        has_unlisted = has_unlisted || (parts_[i].unlisted && universe[i] && chosen[i]);
    const auto missing = without(universe, chosen);
    if (has_unlisted && !any(missing)) return {true, {}};
    if (!has_unlisted) return {false, words_for(chosen)};
    auto but = words_for(missing);
    auto only = words_for(chosen);
    if (but.size() <= only.size()) return {true, std::move(but)};
    return {false, std::move(only)};
}

}  // namespace portlid::policy
