"""Promise 4 with the real programs: banks that were away, wiped, cloned; an HQ that was restored."""

import json
import shutil
import sqlite3
import time

import pytest

from processes import wait_until
from spy import Spy
from test_collection import Hands, code, start


def rows(numbers, source_rev=1, **members):
    return [{"order": f"HK-{i}", "source_rev": source_rev, "branch": "hk-canton", "display": "王*",
             "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
             "parcels": [{"parcel": f"P-{i}-1", "barcode": f"29{i:05}00001", "size": "S",
                          "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}],
             **members} for i in numbers]


def bring(site, hq, batch):
    path = site.folder / "bring.json"
    path.write_text(json.dumps(batch))
    hq.do("import", path)


def settled(hq, *hands):
    """Every bank has everything, and HQ has every event."""
    for hand in hands:
        name = hand.status()["bank"]
        wait_until(lambda: hand.status()["outbox"] == 0 and next(
            b for b in hq.json("banks") if b["bank"] == name)["behind"] == 0,
            f"{name} and HQ to agree", 40)


def test_promise_4_a_bank_that_was_away_for_a_month_reads_each_order_once(site):
    hq, bank = site.hq(), site.bank()
    hands = Hands(bank)
    bring(site, hq, rows(range(60)))
    wait_until(lambda: hands.status()["orders"] == 60, "the orders")
    settled(hq, hands)
    bank.stop()
    for change in range(2, 12):
        bring(site, hq, rows(range(60), change, display=f"{change}*"))
    with Spy(site) as spy:
        bank.start()
        settled(hq, hands)
        wait_until(lambda: len(spy.orders()) >= 60, "the answer")
        time.sleep(1.5)  # nothing more comes
        brought = spy.orders()
    assert sorted(d["order"] for d in brought) == sorted(f"HK-{i}" for i in range(60))
    assert {d["rev"] for d in brought} == {11} and {d["display"] for d in brought} == {"11*"}
    assert json.loads(bank.call("GetOrder", "s", "HK-7")[0])["document"]["rev"] == 11


def test_promise_4_a_wiped_bank_gets_everything_back_and_staff_look(site):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-2"))
    settled(hq, hands)
    old_log = hands.status()["log"]
    bank.stop()
    shutil.rmtree(bank.state)
    with Spy(site) as spy:
        bank.start()
        hands.attach()
        wait_until(lambda: hands.status()["orders"] == 3, "the orders")
        assert json.loads(spy.heard("up/fetch")[0][1])["after"] == 0
        assert json.loads(spy.heard("up/fetch")[0][1])["feed"] is None
    assert hands.status()["log"] != old_log
    wait_until(lambda: bank.call("ListDoors")[0][door - 1][3] == "unconfirmed", "the placement")
    outcome, _, info = bank.call("Stock", "su", "P-2-1", str(door))
    assert outcome == "refused", "the door is not free until staff have looked"
    bank.call("ResolveDoor", "us", str(door), "parcel")
    assert hands.state("HK-1") == "ready"
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "opening"
    hands.open_and_close()
    settled(hq, hands)
    assert hq.json("order", "HK-1")["state"] == "collected"
    logs = next(b for b in hq.json("banks") if b["bank"] == "hk-canton-1")["logs"]
    assert len(logs) == 2 and not any(log["forked"] for log in logs)
    assert hq.json("verify")["good"]


def test_promise_4_an_hq_restored_from_yesterday_gets_everything_back(site):
    hq, bank, hands = start(site, 4)
    hands.stock("P-1-1")
    hands.stock("P-3-1")
    settled(hq, hands)
    yesterday = site.folder / "yesterday.db"
    hq.do("backup", yesterday)
    # What HQ will have forgotten:
    bring(site, hq, rows([5]))
    wait_until(lambda: hands.status()["orders"] == 5, "the new order")
    old_code = code(hq, "HK-3")
    hq.do("handover", "HK-3", "--reason=gift")
    settled(hq, hands)
    new_code = code(hq, "HK-3")
    bank.call("Present", "s", code(hq, "HK-1"))
    hands.open_and_close()
    second = hands.stock("P-2-1")
    settled(hq, hands)
    last = hands.status()["last_event"]
    hq.kill()
    told = hq.json("restore", yesterday, "--force")
    hq.start()
    wait_until(lambda: hands.status()["feed"] == told["feed"], "the bank to follow the new feed", 40)
    settled(hq, hands)
    # Nothing went back at the bank, …
    assert hands.state("HK-1") == "collected"
    assert bank.call("Present", "s", old_code)[0] == "transferred", "a hand-over is never undone"
    doors = {d[4]: (d[0], d[3]) for d in bank.call("ListDoors")[0] if d[4]}
    assert doors["P-2-1"] == (second, "occupied")
    assert hands.status()["orphans"] == 1
    assert [o["order"] for o in bank.json("orders", "--state=orphan")] == ["HK-5"]
    assert bank.json("order", "HK-5")["orphan"]
    # … and HQ has learnt again what it had forgotten.
    assert [e["n"] for e in hq.json("events")] == list(range(1, hands.status()["last_event"] + 1))
    assert hq.json("order", "HK-1")["state"] == "collected"
    placed = hq.json("order", "HK-2")["document"]["parcels"][0]["placed"]
    assert (placed["bank"], placed["door"]) == ("hk-canton-1", second)
    wait_until(lambda: hq.json("order", "HK-3")["document"]["code"]["epoch"] == 1, "the epoch")
    assert hq.json("code", "HK-3")["code"] == new_code and hq.json("code", "HK-3")["number"] is None
    assert hq.json("verify")["good"] and hands.status()["last_event"] >= last
    bring(site, hq, rows([5]))
    wait_until(lambda: hands.status()["orphans"] == 0, "the order to be known again")
    assert bank.call("Present", "s", new_code)[0] == "opening"


def test_promise_4_a_history_that_was_rolled_back_by_hand_is_noticed(site):
    """Somebody put back a copy of the file: same feed, fewer documents."""
    hq, bank, hands = start(site)
    settled(hq, hands)
    copy = site.folder / "copy.db"
    hq.do("backup", copy)
    feed = hands.status()["feed"]
    bring(site, hq, rows(range(10, 20)))
    hands.stock("P-1-1")
    wait_until(lambda: hands.status()["orders"] == 13, "the orders")
    settled(hq, hands)
    hq.kill()
    for end in ("-wal", "-shm"):
        (hq.state / f"hq.db{end}").unlink(missing_ok=True)
    shutil.copy(copy, hq.state / "hq.db")
    hq.start()
    wait_until(lambda: hands.status()["feed"] not in ("", feed), "a new feed", 40)
    settled(hq, hands)
    assert "rollback" in [a["kind"] for a in hq.json("bank", "hk-canton-1")["alarms"]]
    wait_until(lambda: hands.status()["orphans"] == 10, "what HQ does not name any more")
    assert hq.json("order", "HK-1")["document"]["parcels"][0]["placed"]["bank"] == "hk-canton-1"
    assert hq.json("verify")["good"]


def test_events_that_nobody_has_any_more_are_declared_lost(site):
    hq, bank, hands = start(site)
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    for door in range(10, 15):
        bank.ctl("door", str(door), "out-of-service", "--reason=test")
    settled(hq, hands)
    bank.stop()
    with sqlite3.connect(bank.state / "bank.db") as store:  # as event_keep does, after years
        kept, = store.execute("SELECT max(n) FROM events").fetchone()
        store.execute("DELETE FROM events WHERE n < ?", (kept,))
    hq.kill()
    hq.do("restore", backup, "--force")
    had = len(hq.json("events"))
    hq.start()
    bank.start()
    settled(hq, hands)
    alarm, = [a for a in hq.json("bank", "hk-canton-1")["alarms"] if a["kind"] == "lost"]
    assert f"{had + 1} to {kept - 1}" in alarm["text"]
    log, = hq.json("verify")["logs"]
    assert log["lost"] == kept - 1 - had and log["unbroken"]
    numbers = [e["n"] for e in hq.json("events")]
    assert numbers == [*range(1, had + 1), *range(kept, hands.status()["last_event"] + 1)]


def test_a_parcel_in_the_other_bank_of_the_branch(site):
    hq, first, hands = start(site)
    second = site.bank("hk-canton-2")
    others = Hands(second)
    others.attach()
    wait_until(lambda: others.status()["orders"] == 3, "the orders at the other bank")
    text = code(hq, "HK-1")
    assert first.call("Present", "s", text)[0] == "not_stocked"

    def answer(bank):
        outcome, _, info = bank.call("Present", "s", text)
        return outcome, info.get("bank", {}).get("data")
    others.stock("P-1-1")
    wait_until(lambda: answer(first) == ("other_bank", "hk-canton-2"), "the first bank to know")
    # Staff carry it over.
    assert second.call("Retrieve", "s", "P-1-1")[0] == "opening"
    others.open_and_close()
    wait_until(lambda: answer(second)[0] == "not_stocked", "it to be out")
    door = hands.stock("P-1-1")
    wait_until(lambda: answer(second) == ("other_bank", "hk-canton-1"), "the second bank to know")
    outcome, _, info = first.call("Present", "s", text)
    assert outcome == "opening" and info["door"]["data"] == door
    hands.open_and_close()
    wait_until(lambda: answer(second)[0] == "collected", "the second bank to know")


def test_a_cloned_card_is_noticed(site):
    """Two boards with one identity write the same log."""
    hq, bank, hands = start(site)
    settled(hq, hands)
    bank.stop()
    twin = site.folder / "twin"
    shutil.copytree(bank.state, twin)
    bank.start()
    bank.ctl("door", "3", "out-of-service", "--reason=first board")
    settled(hq, hands)
    bank.stop()
    shutil.rmtree(bank.state)
    twin.rename(bank.state)
    bank.start()
    bank.ctl("door", "4", "out-of-service", "--reason=second board")
    wait_until(lambda: hq.json("banks")[0]["forked"], "the alarm", 40)
    assert "FORKED" in hq.do("banks").stdout and "FORKED" in hq.do("bank", "hk-canton-1").stdout
    assert [a["kind"] for a in hq.json("bank", "hk-canton-1")["alarms"]] == ["fork"]
    assert hands.status()["outbox"] > 0, "neither board may forget anything"
    wait_until(lambda: hands.status()["connection_state"] == "hq_no_ack", "the bank to tell", 40)
    assert "second board" in hands.status()["connection"]
    reasons = [e.get("reason") for e in hq.json("events") if e["type"] == "door_out_of_service"]
    assert reasons == ["first board"]


def test_promise_4_what_comes_twice_or_late_changes_nothing(site):
    hq, bank, hands = start(site)
    settled(hq, hands)
    with Spy(site) as spy:
        bank.stop()
        shutil.rmtree(bank.state)
        bank.start()
        hands.attach()
        wait_until(lambda: hands.status()["orders"] == 3, "the orders")
        hands.stock("P-1-1")
        wait_until(lambda: hands.events("clock"), "the last event that comes by itself")
        bring(site, hq, rows([1, 2], 2, display="李*"))
        settled(hq, hands)
        wait_until(lambda: json.loads(bank.call("GetOrder", "s", "HK-2")[0])["document"]
                   ["display"] == "李*", "the change")
        down = spy.heard("down/orders") + spy.heard("down/ack")
        up = spy.heard("up/events") + spy.heard("up/applied") + spy.heard("up/fetch")
        before = hands.status(), bank.call("ListDoors"), hq.json("order", "HK-1")["document"]
        assert len(down) >= 4 and len(up) >= 4
        for topic, payload in [*reversed(down), *down]:
            spy.say(topic, payload)
        with Spy(site, "hk-canton-1") as twin:
            for topic, payload in [*reversed(up), *up]:
                twin.say(topic, payload)
        bring(site, hq, rows([9]))  # a mark that comes after all of it
        wait_until(lambda: hands.status()["orders"] == 4, "the mark")
        settled(hq, hands)
    after = hands.status()
    for key in ("feed", "log", "last_event", "orphans", "connection_state"):
        assert after[key] == before[0][key], (key, [e["type"] for e in hands.events()])
    assert bank.call("ListDoors") == before[1]
    assert hq.json("order", "HK-1")["document"] == before[2]
    assert json.loads(bank.call("GetOrder", "s", "HK-2")[0])["document"]["display"] == "李*"
    assert hq.json("verify")["good"] and hq.json("banks")[0]["alarms"] == []


@pytest.mark.parametrize("lost", ["down/orders", "up/fetch", "up/events", "down/ack", "up/applied"])
def test_promise_4_a_message_that_the_broker_loses_is_made_good(site, lost):
    """One kind of message at a time goes nowhere; the timers bring it again."""
    hq, bank, hands = start(site)
    settled(hq, hands)
    acl = site.folder / "acl"
    good = acl.read_text()
    direction, kind = lost.split("/")
    rest = {"up": ["fetch", "applied", "events", "status", "reply"],
            "down": ["orders", "ack", "command"]}
    rules = [f"pattern {'write' if way == 'up' else 'read'} pickup/v1/%u/{way}/{name}"
             for way, names in rest.items() for name in names if (way, name) != (direction, kind)]
    rules += ["pattern read pickup/v1/%u/down/#"] if direction == "up" else []
    if direction == "down":
        rules.append(f"pattern deny pickup/v1/%u/{lost}")
    acl.write_text("user hq\ntopic readwrite pickup/v1/#\n" + "\n".join(rules) + "\n")
    site.broker.stop()
    site.broker.start()
    bring(site, hq, rows([8]))
    bank.ctl("door", "3", "out-of-service", "--reason=test")
    time.sleep(2.5)
    acl.write_text(good)
    site.broker.stop()
    site.broker.start()
    wait_until(lambda: hands.status()["orders"] == 4, "the order", 40)
    settled(hq, hands)
    assert len([e for e in hq.json("events") if e["type"] == "door_out_of_service"]) == 1
    assert hq.json("verify")["good"]


def test_hq_tells_how_far_each_bank_is(site):
    hq, bank, hands = start(site)
    settled(hq, hands)
    bank.stop()
    wait_until(lambda: not hq.json("bank", "hk-canton-1")["online"], "the last will")
    bring(site, hq, rows(range(10, 14)))
    entry = hq.json("bank", "hk-canton-1")
    assert entry["behind"] == 4 and entry["seq"] - entry["cursor"] == 4
    assert entry["log"] == entry["logs"][0]["log"] and entry["logs"][0]["through"] > 0
    assert entry["seen_at"] > 0 and entry["clock"]["trusted"] and entry["orphans"] == 0
    shown = hq.do("bank", "hk-canton-1").stdout
    assert "offline" in shown and "4 documents behind" in shown
    never = hq.json("bank", "hk-canton-2")
    assert never["seen_at"] == 0 and "never" in hq.do("bank", "hk-canton-2").stdout
    assert hq.do("bank", "hk-canton-9", check=False).returncode == 1
