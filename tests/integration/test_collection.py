"""A collection with busctl alone, as docs/dbus.md describes it: the promises at the daemon."""

import json
import os
import re
import sqlite3
import time

import pytest

from processes import TOP, program, run, wait_until


def orders_file(folder, n=3, parcels=1):
    """A batch of small orders."""
    path = folder / "batch.json"
    path.write_text(json.dumps([{
        "order": f"HK-{i}", "source_rev": 1, "branch": "hk-canton", "display": "王*",
        "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
        "parcels": [{"parcel": f"P-{i}-{k}", "barcode": f"29{i:05}{k:05}", "size": "S",
                     "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}
                    for k in range(1, parcels + 1)]} for i in range(1, n + 1)]))
    return path


class Hands:
    """The kiosk's part of the work, done by hand over the bus."""

    def __init__(self, bank):
        self.bank = bank

    def attach(self, **states):
        doors = [word for door in range(1, self.bank.n_doors + 1)
                 for word in (str(door), states.get(f"d{door}", "closed"))]
        self.bank.call("Attach", "a(us)", str(self.bank.n_doors), *doors)

    def grants(self):
        return [{"id": g[0], "session": g[1], "door": g[2], "parcel": g[3], "boot": g[4],
                 "deadline_us": g[5]} for g in self.bank.call("GetGrants")[0]]

    def report(self, door, report, grant):
        self.bank.call("ReportDoor", "ustt", str(door), report, str(grant), "0")

    def open_and_close(self):
        grant = self.grants()[0]
        for report in ("pulsed", "opened", "closed"):
            self.report(grant["door"], report, grant["id"])
        return grant

    def stock(self, parcel, door=0):
        outcome, _, info = self.bank.call("Stock", "su", parcel, str(door))
        assert outcome == "stocking", (outcome, info)
        return self.open_and_close()["door"]

    def state(self, order):
        return json.loads(self.bank.call("GetOrder", "s", order)[0])["state"]

    def session(self):
        return self.bank.call("GetSession")[1]

    def status(self):
        return {key: value["data"] for key, value in self.bank.call("GetStatus")[0].items()}

    def events(self, kind=None):
        events = [json.loads(text) for text in self.bank.call("ListEvents", "tu", "0", "1000")[0]]
        return [e for e in events if kind is None or e["type"] == kind]


def start(site, n=3, parcels=1):
    hq, bank = site.hq(), site.bank()
    hq.do("import", orders_file(site.folder, n, parcels))
    hands = Hands(bank)
    wait_until(lambda: hands.status()["orders"] >= n, "the orders at the bank")
    hands.attach()
    return hq, bank, hands


def code(hq, order):
    return hq.json("code", order)["code"]


def test_an_order_is_collected_and_hq_knows(site):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    assert hands.state("HK-1") == "ready"
    outcome, _, info = bank.call("Present", "s", code(hq, "HK-1"))
    assert outcome == "opening" and info["door"]["data"] == door
    grant = hands.open_and_close()
    assert grant["parcel"] == "P-1-1" and grant["door"] == door
    assert hands.session() == "collected" and hands.state("HK-1") == "collected"
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "collected", "HQ to know")
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "collected"


def test_a_collection_by_hand_as_the_page_says(site):
    hq, bank, hands = start(site, n=1)
    page = (TOP / "docs" / "dbus.md").read_text()
    script = re.search(r"## A collection by hand.*?```sh\n(.*?)```", page, re.DOTALL).group(1)
    script = script.replace("/tmp/hand.bank", str(site.folder / "hand.bank"))
    done = run("bash", "-eu", "-c", script, environment={
        "PATH": f"{program('pickup-simbank').parent}:{os.environ['PATH']}",
        "BUS": bank.bus.address, "PARCEL": "P-1-1", "CODE": code(hq, "HK-1")})
    assert '"collected"' in done.stdout.splitlines()[-1]
    assert hands.state("HK-1") == "collected"
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "collected", "HQ to know")


def test_promise_1_no_grant_without_a_valid_code(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    genuine = code(hq, "HK-1")
    forged = genuine[:-2] + ("00" if genuine[-2:] != "00" else "11")
    for text, outcome in ((forged, "forged"), ("hello", "unknown"), ("P1", "forged"),
                          (code(hq, "HK-2"), "not_stocked")):
        assert bank.call("Present", "s", text)[0] == outcome
        assert hands.grants() == []
    assert bank.call("EnterNumber", "s", "123")[0] == "number_slip"
    assert len(hands.events("granted")) == 1, "only the stocking"


def test_a_pickup_number_opens_the_same_door(site):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    outcome, _, info = bank.call("EnterNumber", "s", hq.json("code", "HK-1")["number"])
    assert outcome == "opening" and info["door"]["data"] == door


def test_promise_2_a_grant_is_on_disk_before_it_is_told(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    outcome, session, _ = bank.call("Present", "s", code(hq, "HK-1"))
    bank.kill()
    assert outcome == "opening"
    with sqlite3.connect(bank.state / "bank.db") as store:
        row = store.execute("SELECT session, outcome, boot, deadline_us - ? FROM grants"
                            " ORDER BY id DESC", (time.clock_gettime_ns(7) // 1000,)).fetchone()
    assert row[0] == session and row[1] == 0 and len(row[2]) == 32
    assert 0 < row[3] <= 10_000_000


@pytest.mark.parametrize("found, outcome, state", [("open", "opened", "collected"),
                                                   ("closed", "outcome_unknown", "ready")])
def test_promise_3_a_grant_without_outcome_is_judged_by_the_sensor(site, found, outcome, state):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-1"))
    bank.kill()
    bank.start()
    assert len(hands.grants()) == 1, "nothing is judged before the kiosk has told"
    hands.attach(**{f"d{door}": found})
    assert hands.grants() == []
    assert [e["door"] for e in hands.events(outcome) if e.get("order") == "HK-1"
            and e["n"] > hands.events("boot")[-1]["n"]] == [door]
    assert hands.state("HK-1") == state
    if found == "closed":
        refusal, _, info = bank.call("Stock", "su", "P-2-1", str(door))
        assert refusal == "refused", "the door is not free until staff have looked"
        outcome, _, info = bank.call("Present", "s", code(hq, "HK-1"))
        assert outcome == "opening" and info["door"]["data"] == door, "the code opens it again"


def test_promise_3_a_door_that_never_opens_is_not_collected(site):
    hq, bank, hands = start(site)
    door = hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-1"))
    grant = hands.grants()[0]
    for report in ("pulsed", "pulsed", "pulsed", "not_opened"):
        hands.report(door, report, grant["id"])
    assert hands.session() == "failed" and hands.state("HK-1") != "collected"
    assert [e["door"] for e in hands.events("door_jammed")] == [door]


def test_promise_4_reports_and_batches_that_come_twice_take_effect_once(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    bank.call("Present", "s", code(hq, "HK-1"))
    grant = hands.grants()[0]
    for report in ("pulsed", "opened", "opened", "closed", "closed", "opened"):
        hands.report(grant["door"], report, grant["id"])
    hq.do("import", orders_file(site.folder))
    assert len([e for e in hands.events("collected") if e["order"] == "HK-1"]) == 1
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ")
    hq.do("verify")


def test_promise_4_events_survive_kill_of_bank_and_hq(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    hq.kill()
    bank.call("Present", "s", code(hq, "HK-1"))
    hands.open_and_close()
    bank.kill()
    bank.start()
    hq.start()
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "collected", "HQ to know", 30)
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 30)
    hq.do("verify")


def test_promise_4_events_that_the_broker_lost_come_again(site):
    hq, bank, hands = start(site)
    wait_until(lambda: hands.status()["outbox"] == 0, "a quiet outbox")
    hq.kill()
    hands.stock("P-1-1")
    last = hands.status()["last_event"]
    time.sleep(0.3)  # long enough to have been sent to nobody: the broker keeps no queue for HQ
    assert hands.status()["outbox"] > 0, "nobody has acknowledged"
    hq.start()
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 30)
    assert any(e["type"] == "stocked" and e["n"] <= last for e in hq.json("events"))
    hq.do("verify")


def test_promise_6_a_collection_without_a_network_is_delivered_after(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    text = code(hq, "HK-1")
    site.broker.kill()
    wait_until(lambda: not hands.status()["online"], "the bank to notice")
    assert bank.call("Present", "s", text)[0] == "opening"
    hands.open_and_close()
    assert hands.state("HK-1") == "collected" and hands.status()["outbox"] > 0
    site.broker.start()
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "collected", "HQ to know", 30)


def test_two_parcels_open_one_door_after_the_other(site):
    hq, bank, hands = start(site, 1, 2)
    doors = [hands.stock("P-1-1"), hands.stock("P-1-2")]
    bank.call("Present", "s", code(hq, "HK-1"))
    assert len(hands.grants()) == 1, "one coil at a time"
    opened = [hands.open_and_close()["door"], hands.open_and_close()["door"]]
    assert opened == doors and hands.session() == "collected"


def test_promise_4_an_order_that_is_cancelled_between_two_doors_opens_no_second(site):
    hq, bank, hands = start(site, 1, 2)
    hands.stock("P-1-1")
    hands.stock("P-1-2")
    bank.call("Present", "s", code(hq, "HK-1"))
    first = hands.grants()[0]
    hands.report(first["door"], "pulsed", first["id"])
    hands.report(first["door"], "opened", first["id"])
    document = json.loads((site.folder / "batch.json").read_text())[0]
    (site.folder / "cancel.json").write_text(
        json.dumps([{**document, "source_rev": 2, "status": "cancelled"}]))
    hq.do("import", site.folder / "cancel.json")
    wait_until(lambda: json.loads(bank.call("GetOrder", "s", "HK-1")[0])["document"]["status"]
               == "cancelled", "the cancellation at the bank")
    hands.report(first["door"], "closed", first["id"])
    assert hands.grants() == []
    assert hands.state("HK-1") == "cancelled"
    assert len(hands.events("parcel_collected")) == 1


def test_a_session_goes_on_after_a_restart_of_the_daemon(site):
    hq, bank, hands = start(site, 1, 2)
    hands.stock("P-1-1")
    hands.stock("P-1-2")
    bank.call("Present", "s", code(hq, "HK-1"))
    first = hands.grants()[0]
    hands.report(first["door"], "opened", first["id"])
    bank.kill()
    bank.start()
    hands.attach(**{f"d{first['door']}": "open"})
    assert hands.session() == "take"
    hands.report(first["door"], "closed", first["id"])
    second = hands.open_and_close()
    assert second["door"] != first["door"] and hands.state("HK-1") == "collected"


def test_staff_work_with_a_badge(site):
    hq, bank, hands = start(site)
    badge = hq.json("badge", "17", "--role=stocker", "--name=Li")["code"]
    wait_until(lambda: bank.call("Present", "s", badge)[0] == "staff", "the staff document")
    assert bank.call("Present", "s", "290000100001")[0] == "stocking"
    hands.open_and_close()
    assert hands.session() == "stock_confirm"
    assert bank.call("Present", "s", "290000200001")[0] == "stocking"
    hands.open_and_close()
    assert bank.call("Present", "s", badge)[0] == "staff"
    assert hands.session() == "idle"
    assert [hands.state(f"HK-{i}") for i in (1, 2, 3)] == ["ready", "ready", "announced"]


def test_a_parcel_that_nobody_said_is_in_is_not_stocked(site):
    hq, bank, hands = start(site)
    badge = hq.json("badge", "17", "--role=stocker", "--name=Li")["code"]
    wait_until(lambda: bank.call("Present", "s", badge)[0] == "staff", "the staff document")
    bank.call("Present", "s", "290000100001")
    grant = hands.open_and_close()
    bank.call("EndSession", "ts", str(grant["session"]), "timeout")
    assert hands.events("stocked") == []
    assert bank.call("ListDoors")[0][grant["door"] - 1][3] == "unconfirmed"
    bank.call("ResolveDoor", "us", str(grant["door"]), "empty")
    assert hands.state("HK-1") == "announced"
    assert bank.call("ListDoors")[0][grant["door"] - 1][3] == "free"


def test_doors_go_out_of_service_only_with_a_reason(site):
    _, bank, hands = start(site)
    assert bank.call("SetDoorService", "ubs", "3", "false", "", check=False) == []
    bank.call("SetDoorService", "ubs", "3", "false", "hinge")
    assert bank.call("ListDoors")[0][2][3] == "out_of_service"
    bank.call("SetDoorService", "ubs", "3", "true", "")
    assert bank.call("ListDoors")[0][2][3] == "free"
