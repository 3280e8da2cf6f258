# SPDX-License-Identifier: Apache-2.0
"""The parts of docker_chaos.py: faults by where they strike, what runs all the while, what must hold."""
