// SPDX-License-Identifier: Apache-2.0
// The number of the last event, in a page that survives restarts and kill -9.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "sink/kept_page.hpp"

namespace portlid::sink {

class Sequence {
public:
    // Makes the file (0600) when it is not there. Refused: one that another process holds, one
    // that is no sequence file. An empty or zeroed one (power loss) starts over.
    [[nodiscard]] static Result<Sequence> open(const std::string& path, PageKeeper& keeper);

    [[nodiscard]] std::uint64_t last() const;
    std::uint64_t next();  // last() + 1, recorded

private:
    struct Page;
    explicit Sequence(std::shared_ptr<KeptPage> kept) : kept_(std::move(kept)) {}
    [[nodiscard]] Page* page() const { return static_cast<Page*>(kept_->data()); }
    std::shared_ptr<KeptPage> kept_;
};

}  // namespace portlid::sink
