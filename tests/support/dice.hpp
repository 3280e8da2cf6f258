// SPDX-License-Identifier: Apache-2.0
// Seeded randomness for generators: the same seed throws the same cases on every machine.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace portlid::test {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    // splitmix64 (public domain algorithm by S. Vigna): small, and not the standard library's,
    // whose distributions differ between implementations.
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }
    unsigned below(std::size_t limit) { return static_cast<unsigned>(next() % limit); }
    unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(next()); }

    template <class T>
    T pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    template <class T>
    T pick(std::initializer_list<T> from) {
        return from.begin()[below(from.size())];
    }

private:
    std::uint64_t state_;
};

}  // namespace portlid::test
