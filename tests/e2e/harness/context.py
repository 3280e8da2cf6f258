# SPDX-License-Identifier: Apache-2.0
"""What every row gets: the lab, the running sensor, the packet mode, and the policies."""

import dataclasses

from .lab import Lab
from .portlid import Portlid

PORTS_OF_P0 = ("22/tcp", "443/tcp")


def policy(mode, *opened, extra=""):
    """P0 of the matrix plus `opened` ports. The uplink is found, not named."""
    ports = ", ".join(PORTS_OF_P0 + opened)
    return (f"version: 1\nmode: {mode}\n"
            "zones:\n  public:\n    interfaces: [uplink]\n    default: drop\n"
            f"services:\n  - name: open\n    ports: [{ports}]\n{extra}")


@dataclasses.dataclass
class Context:
    lab: Lab
    attach: str = "auto"
    phase: str = ""
    sensor: Portlid = None
    needs_sensor: bool = False  # rows of a packet mode share one; others start their own
    kept: dict = dataclasses.field(default_factory=dict)

    @property
    def ns(self):
        return self.lab.ns

    def enforce(self, *opened, extra=""):
        """P0 and `opened` in force, in the mode of this phase."""
        return self.sensor.reload(policy(self.phase, *opened, extra=extra))
