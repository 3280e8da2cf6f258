// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include "sink/transport/transports.hpp"

namespace portlid::sink {

// Empty on lack of memory; the peer refuses that, and the batch is tried again.
std::string gzip(std::string_view bytes) {
    z_stream stream{};
    constexpr int kGzip = 15 + 16;
    if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return {};
    std::string out(::deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = ::deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(whole ? stream.total_out : 0);
    ::deflateEnd(&stream);
    return out;
}

}  // namespace portlid::sink
