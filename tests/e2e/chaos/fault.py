# SPDX-License-Identifier: Apache-2.0
"""A fault: `do` makes it, `undo` puts back what has to be put back by us and not by the sensor."""


class Fault:
    where = ""  # at most one fault of one place at a time
    takes = ()  # what of world.py's list it takes away
    takes_when_blind = ()  # ...and what more when no daemon runs
    lasts = True  # until undo; else it is over as soon as it is done
    blinds = False  # the daemon does not run while it lasts
    mutes = False  # events wait while it lasts
    needs_daemon = False

    def __init__(self, world):
        self.world, self.lab, self.sensor, self.dice = world, world.lab, world.sensor, world.dice

    def __str__(self):
        return " ".join((self.__doc__ or type(self).__name__).split())

    def possible(self):
        """Whether this machine can do it at all."""
        return True

    def do(self):
        raise NotImplementedError

    def undo(self):
        pass
