"""Promise 8 with the real daemon: what a bank does while its clock cannot be believed."""

import json
import os
import sqlite3
import time

import pytest

from processes import run, wait_until
from test_collection import Hands, code

HOUR = 3600 * 1000
DAY = 24 * HOUR
YEAR = 365 * DAY


def now_ms():
    return int(time.time() * 1000)


def orders_file(folder, **orders):
    """Orders by name, each with one parcel and members of its own."""
    path = folder / "batch.json"
    path.write_text(json.dumps([{
        "order": name, "source_rev": 1, "branch": "hk-canton", "display": "王*", "lang": "zh-Hans",
        "ready_from": 0, "pickup_until": 0,
        "parcels": [{"parcel": f"P-{name}", "barcode": f"29{i:010}", "size": "S",
                     "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}],
        **members} for i, (name, members) in enumerate(orders.items(), 1)]))
    return path


def start(site, **orders):
    hq, bank = site.hq(), site.bank()
    hq.do("import", orders_file(site.folder, **orders))
    hands = Hands(bank)
    wait_until(lambda: hands.status()["orders"] >= len(orders), "the orders at the bank")
    hands.attach()
    for name in orders:
        hands.stock(f"P-{name}")
    return hq, bank, hands


def wait_state(hands, state):
    return wait_until(lambda: hands.status()["clock_state"] == state, f"the clock to be {state}")


def presented(bank, hq, order):
    """The outcome of an order's code, with the door closed again."""
    outcome = bank.call("Present", "s", code(hq, order))[0]
    if outcome == "opening":
        session = bank.call("GetSession")[0]
        bank.call("EndSession", "ts", str(session), "done")
    return outcome


@pytest.mark.parametrize("turned", [
    {"offset_ms": 10 * YEAR, "synchronised": "no"},
    {"offset_ms": DAY, "synchronised": "no"},
    {"offset_ms": -DAY, "synchronised": "no"},
    {"offset_ms": -20 * YEAR, "synchronised": "no"},
    {"offset_ms": -20 * YEAR, "synchronised": "yes"},
    {"offset_ms": 4 * DAY, "boot_offset_ms": 4 * DAY, "synchronised": "no"},
], ids=["ten years on", "a day on", "a day back", "twenty years back",
        "twenty years back, called synchronised", "holdover over"])
def test_promise_8_ordinary_orders_open_and_drops_wait(site, turned):
    hq, bank, hands = start(site, plain={"pickup_until": now_ms() + 6 * HOUR},
                            drop={"release_at": now_ms() - HOUR},
                            slot={"slot": {"from": now_ms() - HOUR, "to": now_ms() + HOUR}})
    badge = hq.json("badge", "17", "--role=stocker", "--name=Li")["code"]
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ")
    bank.turn_clock(**turned)
    wait_until(lambda: not hands.status()["clock_trusted"], "the bank to doubt its clock")
    floor = hands.status()["clock_floor"]
    assert abs(floor - now_ms()) < 600000
    assert presented(bank, hq, "drop") == "clock"
    assert presented(bank, hq, "slot") == "clock"
    answer = json.loads(hq.do("command", "hk-canton-1", "open", "3", "--reason=test", "--json",
                              check=False).stdout)
    assert answer["result"] == "refused" and "clock" in answer["reason"]
    assert bank.call("Present", "s", badge)[0] == "staff", "staff can still work"
    assert bank.call("Present", "s", badge)[0] == "staff"
    assert presented(bank, hq, "plain") == "opening"
    assert hands.status()["clock_floor"] == floor, "an untrusted clock moves nothing"
    event = hands.events("clock")[-1]
    assert not event["trusted"] and event["why"] == hands.status()["clock_state"]
    bank.turn_clock(synchronised="yes")
    wait_state(hands, "synchronised")
    assert hands.events("clock")[-1]["trusted"] or wait_until(
        lambda: hands.events("clock")[-1]["trusted"], "the event")


def test_promise_8_what_a_trusted_clock_says_is_kept(site):
    hq, bank, hands = start(site, plain={"pickup_until": now_ms() + 6 * HOUR},
                            drop={"release_at": now_ms() + HOUR})
    assert presented(bank, hq, "drop") == "too_early"
    bank.turn_clock(offset_ms=2 * HOUR, boot_offset_ms=2 * HOUR, synchronised="no")
    wait_state(hands, "holdover")
    assert presented(bank, hq, "drop") == "opening"
    hands.attach()
    bank.turn_clock(offset_ms=7 * HOUR, synchronised="yes")
    wait_state(hands, "synchronised")
    assert presented(bank, hq, "plain") == "expired"
    bank.turn_clock(offset_ms=0, synchronised="no")  # turning it back does not undo it
    wait_state(hands, "below_floor")
    assert presented(bank, hq, "plain") == "expired"


def test_promise_8_the_floor_survives_and_is_lowered_only_by_those_who_may(site):
    hq, bank, hands = start(site, plain={"pickup_until": now_ms() + DAY})
    bank.turn_clock(offset_ms=5 * YEAR, synchronised="yes")  # a wrong time server
    wait_until(lambda: hands.status()["clock_floor"] > now_ms() + 4 * YEAR, "the wrong floor")
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ")
    bank.ctl("door", "24", "out-of-service", "--reason=an event that carries the time")
    bank.kill()
    bank.turn_clock(synchronised="yes")
    bank.start()
    hands.attach()
    wait_state(hands, "below_floor")
    assert presented(bank, hq, "plain") == "expired"
    higher = time.strftime("%Y-%m-%d", time.localtime(time.time() + 20 * 365 * 86400))
    for words in (("now",), (higher, "--reason=typing error"), ("1969-01-01", "--reason=x"),
                  ("yesterday", "--reason=x")):
        done = bank.ctl("clock", "floor", *words, check=False)
        assert done.returncode in (1, 2) and done.stderr.strip(), words
    assert hands.status()["clock_state"] == "below_floor" and not hands.events(
        "clock_floor_lowered")
    bank.ctl("clock", "floor", "now", "--reason=the time server was wrong")
    wait_state(hands, "synchronised")
    assert presented(bank, hq, "plain") == "opening"
    event, = hands.events("clock_floor_lowered")
    assert event["reason"] == "the time server was wrong" and event["actor"].startswith("uid:")
    assert event["from"] > now_ms() + 4 * YEAR and abs(event["to"] - now_ms()) < 600000
    bank.kill()
    bank.start()
    assert hands.status()["clock_trusted"], "the lower floor is as durable as the higher one"


def test_promise_8_hq_lowers_a_wrong_floor_once(site):
    hq, bank, hands = start(site, plain={})
    bank.turn_clock(offset_ms=5 * YEAR, synchronised="yes")
    wait_until(lambda: hands.status()["clock_floor"] > now_ms() + 4 * YEAR, "the wrong floor")
    bank.turn_clock(synchronised="yes")
    wait_state(hands, "below_floor")
    hq.do("clock", "hk-canton-1", "now", "--reason=wrong time server", "--actor=may")
    wait_state(hands, "synchronised")
    event, = wait_until(lambda: hands.events("clock_floor_lowered"), "the event")
    assert (event["actor"], event["reason"]) == ("hq:may", "wrong time server")
    # The same document again, on a new feed, is not obeyed again.
    bank.turn_clock(offset_ms=5 * YEAR, synchronised="yes")
    wait_until(lambda: hands.status()["clock_floor"] > now_ms() + 4 * YEAR, "the wrong floor")

    def written():
        with sqlite3.connect(bank.state / "bank.db") as store:
            return store.execute("SELECT value FROM meta WHERE key = 'clock_floor'").fetchone()[0]
    wait_until(lambda: written() > now_ms() + 4 * YEAR, "the wrong floor on the disk")
    bank.kill()
    bank.turn_clock(synchronised="yes")
    bank.start()
    time.sleep(2.5)  # it looks once a second
    assert hands.status()["clock_state"] == "below_floor"
    assert len(hands.events("clock_floor_lowered")) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_promise_8_staff_without_a_manager_s_badge_cannot_lower_the_floor(site):
    hq, bank, hands = start(site, plain={})
    for folder in (site.folder, bank.folder):
        folder.chmod(0o755)
    bank.bus.socket.chmod(0o666)
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl",
             f"--address={bank.bus.address}", "call", "io.pickupd.Bank1", "/io/pickupd/bank1",
             "io.pickupd.Bank1", "LowerClockFloor", "xs", "1000", "no reason at all"]
    done = run(*words, check=False)
    assert done.returncode != 0 and "manager" in done.stderr, done.stderr
    for role, may in (("stocker", False), ("manager", True)):
        badge = hq.json("badge", "18" if may else "17", f"--role={role}", "--name=Li")["code"]
        wait_until(lambda: bank.call("Present", "s", badge)[0] == "staff", "the staff document")
        done = run(*words, check=False)
        assert (done.returncode == 0) == may, done.stderr
        bank.call("Present", "s", badge)
    event, = hands.events("clock_floor_lowered")
    assert event["actor"] == "staff:18"


@pytest.mark.parametrize("rtc, away, state", [
    ("yes", HOUR, "holdover"), ("no", HOUR, "rebooted"), ("yes", 4 * DAY, "rebooted"),
    ("yes", -HOUR, "below_floor")])
def test_promise_8_a_reboot_keeps_the_holdover_only_when_plausible(site, rtc, away, state):
    _, bank, hands = start(site, plain={})
    wait_until(lambda: hands.events("clock"), "the first word on the clock")
    assert bank.stop() == 0, bank.tail()
    bank.environment["PICKUP_BOOT_ID"] = "1" * 32
    bank.turn_clock(offset_ms=away, synchronised="no", rtc=rtc)
    bank.start()
    wait_state(hands, state)
    assert hands.status()["clock_trusted"] == (state == "holdover")


def test_promise_8_a_file_can_be_the_source(site):
    mark = site.folder / "synchronised"
    site.hq()
    bank = site.bank(settings=f"[clock]\nsource=file\nfile={mark}\nfile_age=1h\n", start=False)
    del bank.environment["PICKUP_CLOCK"]
    bank.start()
    hands = Hands(bank)
    wait_state(hands, "never")
    mark.touch()
    wait_state(hands, "synchronised")
    mark.unlink()
    wait_state(hands, "holdover")


def test_events_of_an_untrusted_clock_are_placed_by_hq(site):
    hq = site.hq()
    bank = site.bank(start=False)
    bank.turn_clock(offset_ms=1000000000000 - now_ms(), synchronised="no", rtc="no")
    before = now_ms()
    bank.start()
    hands = Hands(bank)
    hands.attach()
    wait_state(hands, "never")
    bank.ctl("door", "5", "out-of-service", "--reason=hinge")
    after = now_ms()

    def event():
        return next((e for e in hq.json("events") if e["type"] == "door_out_of_service"), None)
    wait_until(event, "the event at HQ")
    assert not event()["trusted"] and "placed_at" not in event()
    assert abs(event()["at"] - 1000000000000) < HOUR, "the bank's own word stays"
    line, = [l for l in hq.do("events").stdout.splitlines() if "door_out_of_service" in l]
    assert line[19] == "?" and line.startswith("2001-09-")
    bank.turn_clock(synchronised="yes")
    wait_until(lambda: event().get("placed_at"), "the event to be placed")
    assert before - 2000 <= event()["placed_at"] <= after + 2000
    line, = [l for l in hq.do("events").stdout.splitlines() if "door_out_of_service" in l]
    assert line[19] == "~" and line.startswith(time.strftime("%Y-%m-%d"))
    assert hq.json("verify")["good"]


def wrong_number(bank, nine):
    """Types a number that nobody has, with the check digit that fits: outcome and wait."""
    for check in range(10):
        outcome, _, info = bank.call("EnterNumber", "s", f"{nine:09}{check}")
        if outcome != "number_slip":
            return outcome, info.get("wait_ms", {"data": 0})["data"]
    raise AssertionError("no check digit fits")


def test_deadlines_do_not_follow_the_wall_clock(site):
    """The keypad's wait and the release of a document check neither end nor grow with it."""
    hq, bank, hands = start(site, passport={"id_check": True})
    assert presented(bank, hq, "passport") == "id_check"
    bank.ctl("id-check", "passport")
    bank.turn_clock(offset_ms=-YEAR, boot_offset_ms=11 * 60 * 1000, synchronised="no")
    assert presented(bank, hq, "passport") == "id_check", "released for ten minutes, not a year"
    bank.turn_clock(synchronised="yes")
    gone = 11 * 60 * 1000
    for nine in range(100, 112):  # each after the wait of the one before
        gone += 61000
        bank.turn_clock(boot_offset_ms=gone, synchronised="yes")
        assert wrong_number(bank, nine)[0] == "unknown"
    bank.turn_clock(boot_offset_ms=gone, offset_ms=YEAR, synchronised="no")
    outcome, wait_ms = wrong_number(bank, 112)
    assert outcome == "number_wait" and 0 < wait_ms <= 60000
    bank.turn_clock(boot_offset_ms=gone, offset_ms=-YEAR, synchronised="no")
    outcome, wait_ms = wrong_number(bank, 112)
    assert outcome == "number_wait" and 0 < wait_ms <= 60000
    bank.kill()
    bank.environment["PICKUP_BOOT_ID"] = "2" * 32
    bank.start()
    assert wrong_number(bank, 112)[0] == "number_wait", "a reboot forgives nothing"


@pytest.mark.parametrize("offset_ms", [-40 * DAY, 6 * YEAR])
def test_promise_8_a_wrong_clock_makes_nothing_old_or_young_for_ever(site, offset_ms):
    """What is kept so long after its end is counted from a time that was believed."""
    hq, bank, hands = start(site, one={})
    bank.turn_clock(offset_ms=offset_ms, synchronised="no")
    wait_until(lambda: not hands.status()["clock_trusted"], "the clock not to be believed")
    assert bank.call("Present", "s", code(hq, "one"))[0] == "opening"
    hands.open_and_close()
    bank.call("EndSession", "ts", str(bank.call("GetSession")[0]), "done")
    with sqlite3.connect(f"file:{bank.state / 'bank.db'}?mode=ro", uri=True) as store:
        stamps = [stamp for stamp, in store.execute(
            "SELECT ended_at FROM orders UNION ALL SELECT at FROM grants"
            " UNION ALL SELECT ended_at FROM sessions")]
    assert len(stamps) == 5 and all(abs(stamp - now_ms()) < HOUR for stamp in stamps), stamps
