# SPDX-License-Identifier: Apache-2.0
"""What must hold: at every quiet moment, and over the whole run. Each judge says what it counted, so that a run
in which nothing was asked is no proof."""

import datetime
import json
import time

from harness.inventory import compare_once
from harness.lab import HOST6, SRV4
from harness.prober import SYN_ACK
from harness.record import account, gaps
from harness.wait import until

from .traffic import Binds
from .wire import HOOKS
from .world import AWAY, DEAF, ENGINELESS, OPEN, REPAIR_SECONDS, UNFILTERED, UNHEARD, UNWIRED

SLACK = 0.2  # between a bind and its record, and from one clock to the other
NEAR = 10  # events
UNTOLD = 2.0  # seconds: a ring's losses are told once a second, under load later


def ailments(world):
    """What is not as it has to be, in words."""
    status = world.sensor.get("status")
    found = [f"{h['name']} {h['state']}" for h in status["hooks"] if h["state"] not in ("attached", "unavailable")]
    eth0 = [i for i in status["interfaces"] if i["name"] == "eth0"]
    if [(i["mode"], i["egress"]) for i in eth0] != [("enforce", True)]:
        found.append(f"eth0: {eth0}")
    if not status["ready"] or status["mode"]["effective"] != "enforce":
        found.append(f"mode {status['mode']}")
    pins = [p.rsplit("/", 1)[-1] for p in world.sensor.pins()]
    for hook in HOOKS:
        if hook not in pins:
            found.append(f"{hook} has no pin")
    if eth0 and not {f"{eth0[0]['ifindex']}_{kind}" for kind in ("xdp", "tcx_in")} & set(pins):
        found.append(f"ingress has no pin: {pins}")
    return found


def quiet(world, policy_hash):
    """Two seconds after the last fault: healthy, the policy in force, ports as ss has it."""
    begun = time.monotonic()
    try:
        until("the sensor is whole again", lambda: not ailments(world), seconds=REPAIR_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}: {ailments(world)}") from error
    whole = time.monotonic() - begun
    now = world.sensor.get("status")["policy"]
    assert now == policy_hash, f"policy {now} is in force, not {policy_hash}"
    compare_once(world.lab, world.sensor, REPAIR_SECONDS)
    world.say(f"quiet: whole after {whole:.2f} s, ports equals ss")


def no_leak(world, prober, tries):
    """no SYN to a closed port was answered, but where root had taken the program off the wire"""
    leaks = [(prober.sent_at[batch], prober.ports[position]) for batch, position in prober.answers if position]
    leaks += [(one.at, f"[{HOST6}]:{one.port}") for one in tries if one.answer != "timeout" and one.port != OPEN]
    bad = [(f"{at - world.started:.3f} s", port) for at, port in sorted(leaks, key=lambda leak: leak[0])
           if not world.excuses.cover((UNFILTERED,), at)]
    world.say(f"{prober.sent * 3} SYNs to closed ports and {len(tries)} by IPv6: {len(leaks) - len(bad)} passed "
              f"while nothing filtered, {len(bad)} else")
    assert not bad, f"{len(bad)} SYNs to closed ports were answered: {bad[:10]}"


def allowed(world, prober):
    """the allowed port answered every SYN, but where there was no wire"""
    silent = [prober.sent_at[batch] for batch in range(prober.sent)
              if prober.answers.get((batch, 0)) != SYN_ACK]
    bad = [f"{at - world.started:.3f} s" for at in silent if not world.excuses.cover((UNWIRED,), at)]
    world.say(f"{prober.sent} SYNs to the open port: {len(silent) - len(bad)} unanswered without a wire, "
              f"{len(bad)} else")
    assert prober.overlooked == 0, "the prober's own socket overflowed: nothing is known"
    assert not bad, f"{len(bad)} SYNs to the open port got no answer: {bad[:10]}"


def replies(world, talkers):
    """every question outward got its answer, but where there was no wire, or no container to ask"""
    bad = []
    for talker in talkers:
        whats = (UNWIRED, UNHEARD, ENGINELESS) if "container" in talker.name else (UNWIRED, UNHEARD)
        lost = [loss for loss in talker.losses if not world.excuses.cover(whats, loss.begin, loss.end)]
        world.say(f"{talker.name}: {talker.answered} answers, {len(talker.losses) - len(lost)} lost by our own "
                  f"doing, {len(lost)} else")
        assert talker.answered > 50, f"{talker.name} hardly talked"
        if lost:
            bad.append(f"{talker.name}: " + ", ".join(f"{one.begin - world.started:.3f} s" for one in lost[:5]))
    assert not bad, "replies were lost:\n" + "\n".join(bad + drops_of_answers(world))


def drops_of_answers(world):
    """What the sensor itself says that it dropped of the server's packets: then it was no other loss."""
    return [f"the sensor tells: {e['kind']} {e['verdict']} {e['reason']} {e.get('dst')} at {e['time']}"
            for e in lines(world)[0] if e["kind"] == "net.verdict" and e["src"]["ip"] == SRV4][:10]


def lines(world):
    """(events, the complete lines of the file that are none)"""
    events, broken = [], []
    for line in world.sensor.events_path.read_bytes().split(b"\n")[:-1]:
        try:
            events.append(json.loads(line))
        except ValueError:
            broken.append(line)
    return events, broken


def record(world, binds):
    """every number has arrived or is named by a gap, and so is every bind"""
    holes, named = until("what is missing is named", lambda: accounted(world), seconds=30, pause=0.5)
    (events, broken), made = lines(world), binds.made()
    missing = made.keys() - Binds.told(events)
    unseen = {n for n in missing if world.excuses.cover((DEAF,), made[n])}
    spans = spans_of_losses(world, events)
    lost = sorted(n for n in missing - unseen if not any(first <= made[n] <= last for first, last in spans))
    world.say(f"{len(events)} events, {holes} numbers missing, {named} named; {len(made)} binds, {len(missing)} not "
              f"told: {len(unseen)} while a hook was away, {len(lost)} without a gap")
    for gap in gaps(events):
        world.say(f"  gap: {gap['count']} by {gap['cause']} since {gap['since']}")
    assert not broken, f"{len(broken)} lines of the event file are no JSON: {broken[:3]}"
    assert len(missing - unseen) <= sum(g["count"] for g in gaps(events)), "gaps name less than is missing"
    known = [f"{first - world.started:.3f} to {last - world.started:.3f} s" for first, last in spans]
    at = [f"{made[n] - world.started:.3f} s" for n in lost]
    assert not lost, f"{len(lost)} binds are lost without a gap: {at[:20]}; known losses: {known}"


def accounted(world):
    _, holes, named = account(lines(world)[0], "local")
    if named > holes:
        raise AssertionError(f"gaps name {named}, but {holes} are missing")
    return (holes, named) if holes == named else None


def moment(text, wall):
    return datetime.datetime.fromisoformat(text).timestamp() - wall


def spans_of_losses(world, events):
    """[(first, last)] of time.monotonic() in which something is known to be lost: in a ring, as gaps say, or after
    it had a number, as the numbers say (all of which gaps name, see accounted())."""
    wall = time.time() - time.monotonic()
    return ring_spans(world, events, wall) + number_spans(events, wall)


def ring_spans(world, events, wall):
    """A start says `since` of itself for what it finds, which is what the daemon before it had not told yet."""
    away = [(first - UNTOLD, last) for what, first, last in world.excuses.spans if what == AWAY]
    spans = []
    for event in events:
        if event["kind"] == "sensor.gap" and event["gap"]["cause"] == "ring":
            since = moment(event["gap"]["since"], wall)
            spans.append((min([since - SLACK] + [first for first, last in away if first <= since <= last]),
                          moment(event["time"], wall)))
    return spans


def number_spans(events, wall):
    """Around each hole in the numbers: records of one reading of the rings stand in no order of time."""
    numbered = sorted({e["seq"]: moment(e["time"], wall) for e in events}.items())
    return [(min(at for _, at in numbered[max(0, n - NEAR):n]), max(at for _, at in numbered[n:n + NEAR]))
            for n in range(1, len(numbered)) if numbered[n][0] - numbered[n - 1][0] > 1]
