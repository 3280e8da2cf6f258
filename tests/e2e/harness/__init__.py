# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: the lab, a sensor in it, clients, and the row runner."""
