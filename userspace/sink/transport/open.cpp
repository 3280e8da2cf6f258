// SPDX-License-Identifier: Apache-2.0
#include "sink/transport/transports.hpp"

namespace portlid::sink {

std::unique_ptr<Transport> open_transport(const SinkSpec& spec, const Stop& stop) {
    switch (spec.kind) {
        case SinkKind::Journald:
            return make_journald(spec);
        case SinkKind::SyslogUdp:
            return make_syslog_udp(spec);
        case SinkKind::SyslogTcp:
        case SinkKind::SyslogTls:
            return make_syslog_stream(spec, stop);
        case SinkKind::Https:
            return make_http(spec, stop);
        case SinkKind::Stdout:
        case SinkKind::File:
            break;
    }
    return make_file(spec);
}

}  // namespace portlid::sink
