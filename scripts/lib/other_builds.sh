#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scripts/lib/other_builds.sh LABEL...: compiles what tests of LABEL need later, while others run
# that mostly wait. scripts/test starts it with setsid: sessions are what the kernel's autogroups weigh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
wants() { [[ " $labels " == *" $1 "* ]]; }
labels=$*
renice -n 19 $$ >/dev/null
[ ! -e /proc/self/autogroup ] || echo 19 >/proc/self/autogroup
# Unit tests are built once, where ASan and UBSan watch them; the benchmark only has to build.
! wants unit || scripts/build --debug --tests unit_tests
! wants check || scripts/build --tests portlid_bench portlid_stages
! wants fuzz || scripts/fuzz --build || [ $? = 77 ] # the tests will say why they skip
