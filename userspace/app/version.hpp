// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace portlid::app {

// The project version of the build (CMakeLists.txt).
inline constexpr const char* kVersion = PORTLID_VERSION;

}  // namespace portlid::app
