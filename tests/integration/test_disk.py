"""A disk that is full, read-only, failing or lying: nothing is granted, nothing is lost, nobody dies."""

import json
import sqlite3

import pytest

from processes import run, wait_until
from test_collection import Hands, code, orders_file

PAGE = 4096


def start(site, n=3, parcels=1, **settings):
    hq, bank = site.hq(), site.bank(faulty=True, **settings)
    hq.do("import", orders_file(site.folder, n, parcels))
    hands = Hands(bank)
    wait_until(lambda: hands.status()["orders"] >= n, "the orders at the bank")
    hands.attach()
    return hq, bank, hands


def wait_store(hands, state, seconds=20):
    wait_until(lambda: hands.status()["store"] == state, f"the store to be {state}", seconds)


def wait_known(hq, n_logs=1, seconds=30):
    """Until HQ has every event that the bank has told; returns what it verified."""
    def look():
        found = hq.json("verify")
        return found if found["good"] and len(found["logs"]) >= n_logs else None
    return wait_until(look, f"HQ to know {n_logs} unbroken logs", seconds)


def aside(bank):
    return sorted(path.name for path in bank.state.iterdir()
                  if ".damaged-" in path.name and not path.name.endswith(("-wal", "-shm")))


def root_page(bank, table):
    with sqlite3.connect(f"file:{bank.state}/bank.db?mode=ro", uri=True) as store:
        return store.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?",
                             (table,)).fetchone()[0]


def checkpoint(bank):
    """Everything of a stopped bank into the one file, so that its pages can be spoilt."""
    with sqlite3.connect(bank.state / "bank.db") as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def spoil(path, offset, n=64):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * n)


@pytest.mark.parametrize("rule,state,word", [
    ("write 1+ full", "full", "full"),
    ("write 1+ eio", "failed", "failed"),
    ("write 1+ readonly", "read_only", "read-only"),
    ("sync 1+ eio", "failed", "failed"),
])
def test_promise_2_nothing_is_granted_that_cannot_be_written(site, rule, state, word):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    good, early = code(hq, "HK-1"), code(hq, "HK-2")
    bank.faults.set(rule)
    outcome, session, info = bank.call("Present", "s", good)
    assert (outcome, session) == ("out_of_order", 0) and word in info["reason"]["data"]
    assert hands.grants() == []
    # What opens nothing is still told, and everything can be read.
    assert bank.call("Present", "s", early)[0] == "not_stocked"
    assert hands.state("HK-1") == "ready"
    status = hands.status()
    assert status["store"] == state and word in status["store_detail"] and status["store_since"] > 0
    assert word in bank.ctl("status").stdout
    wait_until(lambda: hq.json("banks")[0]["store"]["state"] == state, "HQ to hear of the disk")
    bank.faults.clear()
    wait_store(hands, "fine")
    outcome, _, info = bank.call("Present", "s", good)
    assert outcome == "opening" and info["door"]["data"] == door
    assert bank.running()


def test_promise_4_orders_wait_at_hq_while_the_disk_is_full(site):
    hq, bank, hands = start(site)
    bank.faults.set("write 1+ full")
    hq.do("import", orders_file(site.folder, 20))
    wait_store(hands, "full")
    assert hands.status()["orders"] == 3
    bank.faults.clear()
    wait_until(lambda: hands.status()["orders"] == 20, "the orders that waited")


def test_promise_3_a_report_waits_until_it_can_be_written(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-1"))
    grant = hands.grants()[0]
    hands.report(grant["door"], "pulsed", grant["id"])
    bank.faults.set("write 1+ full")
    with pytest.raises(RuntimeError, match="cannot write to its store"):
        hands.report(grant["door"], "opened", grant["id"])
    assert hands.state("HK-1") == "collecting"
    bank.faults.clear()
    wait_store(hands, "fine")
    hands.report(grant["door"], "opened", grant["id"])
    assert hands.state("HK-1") == "collected"
    assert len(hands.events("parcel_collected")) == 1


@pytest.mark.parametrize("rule,state", [
    ("write 1+ full", "full"), ("open 1+ eio", "failed"), ("read 1+ eio", "failed"),
    ("write 1+ readonly", "read_only")])
def test_the_bank_starts_on_a_disk_that_takes_nothing(site, rule, state):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    bank.kill()
    bank.faults.set(rule)
    bank.start()
    assert hands.status()["store"] == state and not hands.status()["ready"]
    hands.attach(d5="faulty")
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "out_of_order"
    bank.faults.clear()
    wait_store(hands, "fine")
    wait_until(lambda: hands.status()["online"], "HQ")
    assert hands.events("boot")[-1]["n"] > hands.events("boot")[0]["n"]
    assert bank.call("Present", "s", code(hq, "HK-1"))[2]["door"]["data"] == door
    assert next(row for row in bank.call("ListDoors")[0] if row[0] == 5)[3] == "faulty"


def test_promise_4_a_damaged_store_is_set_aside_and_rebuilt(site):
    """Unsent events, placements and what was collected survive a spoilt page; each reaches HQ once."""
    hq, bank, hands = start(site, n=4)
    doors = {k: hands.stock(f"P-{k}-1") for k in (1, 2)}
    wait_until(lambda: hands.status()["outbox"] == 0, "HQ to have the events so far")
    hq.stop()
    doors[3] = hands.stock("P-3-1")
    text = code(hq, "HK-1")
    bank.call("Present", "s", text)
    hands.open_and_close()
    bank.call("EndSession", "ts", str(bank.call("GetSession")[0]), "done")
    log, last = hands.status()["log"], hands.status()["last_event"]
    bank.kill()
    checkpoint(bank)
    spoil(bank.state / "bank.db", (root_page(bank, "orders") - 1) * PAGE)
    bank.start()
    assert len(aside(bank)) == 1 and "damaged" in bank.log.read_text()
    status = hands.status()
    assert status["store"] == "fine" and status["log"] != log and status["old_outbox"] > 0
    note = hands.events("store_rebuilt")[0]
    assert note["old_log"] == log and note["whole"] and note["aside"] == aside(bank)[0]
    hq.start()
    found = wait_known(hq, 2)
    old, new = (next(entry for entry in found["logs"] if (entry["log"] == log) == wanted)
                for wanted in (True, False))
    assert old["events"] == last and old["lost"] == 0 and new["lost"] == 0
    wait_until(lambda: hands.status()["old_outbox"] == 0, "the bank to forget what HQ has")
    wait_until(lambda: hands.status()["orders"] == 4, "the orders from HQ")
    told = [e for e in hq.json("events") if e["type"] == "collected"]
    assert len(told) == 1 and hq.json("order", "HK-1")["state"] == "collected"
    # What the bank knew about its doors is known again, but nobody has looked since.
    hands.attach()
    assert hands.state("HK-1") == "collected"
    states = {row[0]: (row[3], row[4]) for row in bank.call("ListDoors")[0]}
    assert states[doors[2]] == ("unconfirmed", "P-2-1")
    assert states[doors[3]] == ("unconfirmed", "P-3-1")
    assert states[doors[1]][0] == "free"
    assert bank.call("Present", "s", code(hq, "HK-2"))[2]["door"]["data"] == doors[2]
    grant = hands.open_and_close()
    assert grant["id"] > 1000, "an id of the old store must not come again"


def test_promise_4_a_store_without_a_header_is_rebuilt_from_hq(site):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    wait_until(lambda: hq.json("order", "HK-1")["document"]["parcels"][0]["placed"], "HQ to know")
    log = hands.status()["log"]
    bank.kill()
    checkpoint(bank)
    spoil(bank.state / "bank.db", 0, 200)
    bank.start()
    hands.attach()
    assert hands.status()["log"] != log and len(aside(bank)) == 1
    wait_until(lambda: hands.status()["orders"] == 3, "the orders from HQ")
    row = next(row for row in bank.call("ListDoors")[0] if row[0] == door)
    assert row[3] == "unconfirmed" and row[4] == "P-1-1"
    wait_known(hq, 2)


def test_promise_1_a_door_whose_history_is_lost_opens_for_nobody(site):
    """The placements cannot be read: HQ's word alone must not open a door that may hold another's."""
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    wait_until(lambda: hq.json("order", "HK-1")["document"]["parcels"][0]["placed"], "HQ to know")
    bank.kill()
    checkpoint(bank)
    spoil(bank.state / "bank.db", (root_page(bank, "placements") - 1) * PAGE)
    bank.start()
    hands.attach()
    wait_until(lambda: hands.status()["orders"] == 3, "the orders from HQ")
    assert not hands.events("store_rebuilt")[0]["whole"]
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "out_of_order"
    bank.call("ResolveDoor", "us", str(door), "parcel")
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "opening"


def test_promise_4_events_that_cannot_be_read_are_declared_lost(site):
    """HQ notes the gap and goes on behind it instead of waiting for ever."""
    hq, bank, hands = start(site)
    hq.stop()
    refused = code(hq, "HK-2")
    for _ in range(150):
        bank.call("Present", "s", refused)
    log, last = hands.status()["log"], hands.status()["last_event"]
    bank.kill()
    checkpoint(bank)
    with sqlite3.connect(bank.state / "bank.db") as store:
        pages = [row[0] for row in store.execute(
            "SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY path")]
    assert len(pages) > 3
    spoil(bank.state / "bank.db", (pages[len(pages) // 2] - 1) * PAGE)
    bank.start()
    note = hands.events("store_rebuilt")[0]
    assert not note["whole"] and 0 < note["events"] < last
    hq.start()
    found = wait_known(hq, 2)
    old = next(entry for entry in found["logs"] if entry["log"] == log)
    assert old["events"] == last and old["lost"] > 0
    assert any(alarm["kind"] == "lost" for alarm in found["alarms"])
    assert len([e for e in hq.json("events", "--bank=hk-canton-1") if e["log"] == log]) \
        == last - old["lost"]


def test_promise_4_commits_in_a_damaged_log_are_noticed(site):
    """SQLite would pass over them in silence, and the numbers of events would be used twice."""
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    hands.stock("P-2-1")
    wait_until(lambda: hands.status()["outbox"] == 0, "HQ to have the events so far")
    log = hands.status()["log"]
    bank.kill()
    wal = bank.state / "bank.db-wal"
    frames = (wal.stat().st_size - 32) // (24 + PAGE)
    spoil(wal, 32 + (frames // 2) * (24 + PAGE) + 24 + 100)
    bank.start()
    assert hands.status()["log"] != log and len(aside(bank)) == 1
    hands.attach()
    wait_until(lambda: hands.status()["orders"] == 3, "the orders from HQ")
    found = wait_known(hq, 2)
    assert not [alarm for alarm in found["alarms"] if alarm["kind"] == "fork"]


def test_promise_3_damage_noticed_while_a_grant_is_out(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-1"))
    grant = hands.grants()[0]
    hands.report(grant["door"], "pulsed", grant["id"])
    bank.kill()
    checkpoint(bank)
    bank.faults.set("read@db 12+ flip")
    bank.start()
    wait_until(lambda: bank.call("ListOrders", "a{sv}", "0", check=False) is not None, "a list")
    wait_until(lambda: aside(bank), "the store to be set aside")
    bank.faults.clear()
    wait_store(hands, "fine")
    hands.attach(**{f"d{grant['door']}": "open"})
    hands.report(grant["door"], "opened", grant["id"])
    wait_until(lambda: hands.status()["orders"] == 3, "the orders from HQ")
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "collected", "HQ to know")
    assert len([e for e in hq.json("events") if e["type"] == "parcel_collected"]) == 1
    assert hands.state("HK-1") == "collected"


@pytest.fixture
def small_disk():
    """Mounts a small file system of its own at a folder; unmounts it in the end."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        done = run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", folder, check=False)
        if done.returncode:
            pytest.skip("no right to mount a file system here")
        mounted.append(folder)
    yield mount
    for folder in mounted:
        run("umount", "-l", folder)


def test_promise_4_a_real_file_system_fills_up_and_turns_read_only(site, small_disk):
    small_disk(site.folder / "hk-canton-1" / "state", "12m")
    hq = site.hq()
    bank = site.bank(settings="[store]\nreserve=2M\n")
    hq.do("import", orders_file(site.folder))
    hands = Hands(bank)
    wait_until(lambda: hands.status()["orders"] == 3, "the orders at the bank")
    hands.attach()
    door = hands.stock("P-1-1")
    ballast = bank.state / "ballast"
    # Below the reserve nothing new begins; what runs is recorded to its end.
    bank.call("Present", "s", code(hq, "HK-1"))
    ballast.write_bytes(bytes(hands.status()["disk_free_bytes"] - (1 << 20)))
    wait_store(hands, "low")
    assert hands.open_and_close()["door"] == door and hands.state("HK-1") == "collected"
    outcome, _, info = bank.call("Stock", "su", "P-2-1", "0")
    assert outcome == "out_of_order" and "reserve" in info["reason"]["data"]
    # Full to the last byte.
    with pytest.raises(OSError), open(ballast, "ab", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    for _ in range(200):
        if hands.status()["store"] == "full":
            break
        bank.call("Present", "s", code(hq, "HK-2"))
    assert hands.status()["store"] == "full"
    bank.kill()
    bank.start()
    hands.attach()
    assert bank.call("Present", "s", code(hq, "HK-2"))[0] == "out_of_order"
    ballast.unlink()
    wait_store(hands, "fine")
    hands.stock("P-2-1")
    bank.kill()
    run("mount", "-o", "remount,ro", bank.state)
    bank.start()
    hands.attach()
    assert bank.call("Present", "s", code(hq, "HK-2"))[0] == "out_of_order"
    wait_store(hands, "read_only")
    run("mount", "-o", "remount,rw", bank.state)
    wait_store(hands, "fine")
    assert bank.call("Present", "s", code(hq, "HK-2"))[0] == "opening"
    wait_known(hq)
