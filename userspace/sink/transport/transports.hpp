// SPDX-License-Identifier: Apache-2.0
// One maker for each wire; what they share.
#pragma once

#include <curl/curl.h>

#include <string>

#include "sink/transport.hpp"

namespace portlid::sink {

[[nodiscard]] std::unique_ptr<Transport> make_journald(const SinkSpec& spec);
[[nodiscard]] std::unique_ptr<Transport> make_syslog_udp(const SinkSpec& spec);
[[nodiscard]] std::unique_ptr<Transport> make_syslog_stream(const SinkSpec& spec, const Stop& stop);
[[nodiscard]] std::unique_ptr<Transport> make_http(const SinkSpec& spec, const Stop& stop);
[[nodiscard]] std::unique_ptr<Transport> make_file(const SinkSpec& spec);

// RFC 5424: "<134>1 TIME HOST portlid PID KIND - MESSAGE", without framing.
[[nodiscard]] std::string syslog_message(const Outgoing& record, const std::string& host);
// The name of this host for headers and envelopes; "-" where the sink redacts `host.name`.
[[nodiscard]] std::string shown_host(const SinkSpec& spec);

// CA, client certificate, key, at least TLS 1.2, chain and host name always checked. Refuses a key
// or token file that others may read. `handle` keeps copies of the strings.
[[nodiscard]] Result<> set_tls(CURL* handle, const SinkSpec& spec);
// Reads a secret from its file (see secrets.hpp).
[[nodiscard]] Result<std::string> read_secret(const std::string& name);
// curl's code and words as an Error of ours, with what to do.
[[nodiscard]] Error curl_error(const SinkSpec& spec, CURLcode code, const char* detail);
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace portlid::sink
