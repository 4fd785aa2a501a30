"""HQ on a disk that takes nothing or lies: it acknowledges nothing that it has not committed."""

import sqlite3

import pytest

from processes import run, wait_until
from test_collection import Hands, orders_file
from test_disk import PAGE, spoil


def start(site, n=3):
    hq, bank = site.hq(faulty=True), site.bank()
    hq.do("import", orders_file(site.folder, n))
    hands = Hands(bank)
    wait_until(lambda: hands.status()["orders"] >= n, "the orders at the bank")
    hands.attach()
    wait_until(lambda: hands.status()["outbox"] == 0, "HQ to have all events")
    return hq, bank, hands


@pytest.mark.parametrize("rule,word", [("write 1+ full", "No space left"), ("sync 1+ eio", "error"),
                                       ("write 1+ readonly", "Read-only")])
def test_promise_4_hq_acknowledges_only_what_it_has_committed(site, rule, word):
    hq, bank, hands = start(site)
    hq.faults.set(rule)
    hands.stock("P-1-1")
    told = hands.status()["last_event"]
    wait_until(lambda: hq.faults.hits(), "HQ's disk to fail")
    wait_until(lambda: "cannot be written" in hq.log.read_text(), "HQ to say so")
    assert word in hq.log.read_text()
    assert hands.status()["outbox"] > 0 and hq.running()
    # An import says what is wrong, and changes nothing.
    done = hq.do("import", orders_file(site.folder, 9), check=False)
    assert done.returncode != 0 and "hq.db" in done.stderr + done.stdout
    hq.faults.clear()
    wait_until(lambda: hands.status()["outbox"] == 0, "the events to reach HQ after all", 30)
    events = hq.json("events")
    assert [e["n"] for e in events] == list(range(1, len(events) + 1)) and len(events) >= told
    assert hq.json("verify")["good"] and not hq.json("verify")["alarms"]
    hq.do("import", orders_file(site.folder, 9))
    wait_until(lambda: hands.status()["orders"] == 9, "orders that are imported later")
    assert hq.log.read_text().count("cannot be written") < 5, "it is said once, not for each message"


@pytest.mark.parametrize("action", ["kill", "power", "torn"])
def test_promise_4_hq_dies_at_a_write(site, action):
    """Every third write or sync of HQ's event path, until a run gets through."""
    hq, bank, hands = start(site)
    at, deaths = 1, 0
    while True:
        hq.faults.forget_hits()
        hq.faults.set(f"change {at} {action}")
        bank.call("Inspect", "u", str(1 + at % 24))
        hands.open_and_close()
        bank.call("EndSession", "ts", str(bank.call("GetSession")[0] or 0), "done", check=False)
        wait_until(lambda: hands.status()["outbox"] == 0 or not hq.running(), "HQ to take it or die")
        struck = bool(hq.faults.hits())
        hq.faults.clear()
        if struck:
            deaths += 1
            hq.child.wait(20)
            hq.start()
        wait_until(lambda: hands.status()["outbox"] == 0, "the events to reach HQ", 30)
        if not struck:
            break
        at += 5
    assert deaths > 0
    found = hq.json("verify")
    assert found["good"] and not found["alarms"] and len(found["logs"]) == 1
    events = hq.json("events")
    assert [e["n"] for e in events] == list(range(1, hands.status()["last_event"] + 1))


def test_a_damaged_database_of_hq_is_refused_with_a_remedy(site):
    hq, bank, hands = start(site)
    hq.stop()
    with sqlite3.connect(hq.state / "hq.db") as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = store.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'document'").fetchone()[0]
    good = (hq.state / "hq.db").read_bytes()
    spoil(hq.state / "hq.db", (page - 1) * PAGE)
    done = run(*hq.words, check=False, seconds=30)
    assert done.returncode != 0 and "restore a backup" in done.stderr
    assert (hq.state / "hq.db").read_bytes() != good, "nobody may put another file there"
    (hq.state / "hq.db").write_bytes(good)
    hq.start()
    hands.stock("P-1-1")
    wait_until(lambda: hands.status()["outbox"] == 0, "HQ to work again", 30)
