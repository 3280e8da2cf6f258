# SPDX-License-Identifier: Apache-2.0
"""What is silent for a long time and then goes on. begin() opens it in monitor mode; the rows judge
it near the end of the enforce phase, after the flip, the swaps and a restart of the daemon, so that
the silence costs no time of its own."""

import random
import socket
import threading
import time

from harness.clients import Session
from harness.lab import HOST4, SRV4
from harness.netns import Namespace
from harness.rows import Skip, row
from harness.wait import until

SILENCE_SECONDS = 100
TALK_SECONDS = 2.5  # a connection tracker calls a dialogue one after two seconds


class Dialogue:
    """A client's UDP flow to a server that speaks again only after the silence."""

    def __init__(self, ns, server):
        self.server, self.client = server, ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.settimeout(5)
        self.client.connect((SRV4, server.getsockname()[1]))
        self.peer = None  # as the server sees the client

    def exchange(self):
        word = random.randbytes(16)
        self.client.send(word)
        got, self.peer = self.server.recvfrom(100)
        self.server.sendto(got, self.peer)
        assert got == word and self.client.recv(100) == word, "the dialogue does not even start"

    def server_speaks(self):
        word = random.randbytes(16)
        self.server.sendto(word, self.peer)
        try:
            return self.client.recv(100) == word
        except OSError:
            return False


def server_socket(ctx):
    server = ctx.ns["srv"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.settimeout(5)
    server.bind(("0.0.0.0", 0))
    return server


@row("B18", "a QUIC-like dialogue of host and container begins, and a session to a closed port")
def begin(ctx):
    clients = {"host": ctx.ns["host"], "container": Namespace(ctx.kept["pids"]["c1"])}
    talks = {who: Dialogue(ns, server_socket(ctx)) for who, ns in clients.items()}
    kept = ctx.kept["silence"] = {"session": Session(ctx.ns["cli"], HOST4, 8443),
                                  "since": time.monotonic() + TALK_SECONDS}
    kept["talks"] = {who: Conversation(talk) for who, talk in talks.items()}


class Conversation(threading.Thread):
    """Talks, is silent, and so on until it is stopped: on a slow machine the end of the run may lie
    further away than any flow lives. Each silence ends with the server's word."""

    def __init__(self, talk):
        super().__init__(daemon=True)
        self.talk, self.answered, self.over = talk, [], threading.Event()
        talk.exchange()
        self.start()

    def run(self):
        self.over.wait(TALK_SECONDS)
        while not self.over.is_set():
            self.talk.exchange()
            self.over.wait(SILENCE_SECONDS)
            if self.over.is_set():
                return
            self.answered.append(self.talk.server_speaks())


def after_silence(ctx):
    """What begin() opened, once it has been silent for long enough."""
    kept = ctx.kept.get("silence")
    if not kept:
        raise Skip("it was not begun")
    time.sleep(max(0.0, kept["since"] + SILENCE_SECONDS - time.monotonic()))
    return kept


def goes_on(ctx):
    """B18, among the rows of life."""
    for who, conversation in after_silence(ctx)["talks"].items():
        until("the silence is over", lambda: conversation.answered or not conversation.is_alive(),
              seconds=10)
        conversation.over.set()
        conversation.join()
        assert conversation.answered and all(conversation.answered), \
            f"the {who}'s dialogue died of silence: {conversation.answered}"
        conversation.talk.exchange()


def session_goes_on(ctx):
    """B08, among the rows of life."""
    session = after_silence(ctx)["session"]
    assert session.alive(), "a session to a closed port was cut by flip, swaps or restart"
    assert ctx.sensor.packets()["by_reason"].get("grandfathered", 0) > 0, ctx.sensor.packets()
    session.close()
