"""Cancel, hold, hand over, move: pending until the banks have applied them; the evidence wins."""

import json

import pytest

from processes import wait_until
from test_collection import Hands, code, start
from test_feeds import bring, rows, settled


def change(hq, *words, check=True):
    done = hq.do(*words, "--reason=test", "--json", check=check)
    return json.loads(done.stdout)["changes"][-1] if done.stdout else done.stderr


def last_change(hq, order):
    return hq.json("order", order)["changes"][-1]


def test_a_cancellation_is_pending_until_the_holding_bank_has_applied_it(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    settled(hq, hands)
    site.broker.stop()
    made = change(hq, "cancel", "HK-1")
    assert (made["state"], made["waits_for"]) == ("pending", ["hk-canton-1"])
    shown = hq.json("order", "HK-1")
    assert shown["pending"] and shown["state"] == "cancelled"
    assert "(pending)" in hq.do("order", "HK-1").stdout
    assert [p["order"] for p in hq.json("pending")] == ["HK-1"]
    assert change(hq, "cancel", "HK-2")["state"] == "done", "nobody holds a parcel of it"
    site.broker.start()
    wait_until(lambda: last_change(hq, "HK-1")["state"] == "done", "it to be settled", 40)
    assert hq.json("pending") == [] and not hq.json("order", "HK-1")["pending"]
    assert bank.call("Present", "s", code(hq, "HK-1"))[0] == "cancelled"
    # The shop's next export does not revive it.
    bring(site, hq, rows([1, 2], 2, display="李*"))
    assert hq.json("order", "HK-1")["document"]["status"] == "cancelled"
    assert hq.json("order", "HK-1")["document"]["display"] == "李*"


def test_goods_that_left_before_the_cancellation_came_are_disputed(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    text = code(hq, "HK-1")
    settled(hq, hands)
    site.broker.stop()
    wait_until(lambda: not hands.status()["online"], "the bank to be offline")
    assert change(hq, "cancel", "HK-1")["state"] == "pending"
    assert bank.call("Present", "s", text)[0] == "opening"
    hands.open_and_close()
    site.broker.start()
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "disputed", "the evidence", 40)
    assert last_change(hq, "HK-1")["state"] == "overtaken" and hq.json("pending") == []
    done = hq.do("cancel", "HK-1", "--reason=again", check=False)
    assert done.returncode == 1 and "collected" in done.stderr


def test_a_hand_over_shows_the_new_code_only_when_the_old_one_is_dead(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    settled(hq, hands)
    old = hq.json("code", "HK-1")
    site.broker.stop()
    assert change(hq, "handover", "HK-1")["state"] == "pending"
    done = hq.do("code", "HK-1", "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["code"] is None
    assert "hk-canton-1" in done.stderr
    site.broker.start()
    new = wait_until(lambda: (lambda d: json.loads(d.stdout) if d.returncode == 0 else None)(
        hq.do("code", "HK-1", "--json", check=False)), "the new code", 40)
    assert new["code"] != old["code"] and new["number"] != old["number"]
    assert bank.call("Present", "s", old["code"])[0] == "transferred"
    assert bank.call("EnterNumber", "s", old["number"])[0] == "unknown"
    assert bank.call("Present", "s", new["code"])[0] == "opening"


def test_a_hold_and_its_end(site):
    hq, bank, hands = start(site)
    hands.stock("P-1-1")
    settled(hq, hands)
    text = code(hq, "HK-1")
    change(hq, "hold", "HK-1")
    wait_until(lambda: last_change(hq, "HK-1")["state"] == "done", "the hold", 40)
    assert bank.call("Present", "s", text)[0] == "held"
    bring(site, hq, rows([1], 2, display="李*"))
    assert hq.json("order", "HK-1")["state"] == "held"
    change(hq, "release", "HK-1")
    wait_until(lambda: last_change(hq, "HK-1")["state"] == "done", "the release", 40)
    assert bank.call("Present", "s", text)[0] == "opening"
    done = hq.do("release", "HK-1", "--reason=again", check=False)
    assert done.returncode == 1 and "not held here" in done.stderr


TWO_BRANCHES = {"hk-canton": (852, ["hk-canton-1"]), "hk-pier": (853, ["hk-pier-1"])}


def two_branches(site):
    hq = site.hq(branches=TWO_BRANCHES)
    here, there = site.bank(), site.bank("hk-pier-1", branch="hk-pier", number=853)
    bring(site, hq, rows([1, 2]))
    hands, others = Hands(here), Hands(there)
    wait_until(lambda: hands.status()["orders"] == 2, "the orders")
    hands.attach()
    others.attach()
    return hq, hands, others


def test_an_order_moves_to_another_branch_and_back(site):
    hq, hands, others = two_branches(site)
    hands.stock("P-1-1")
    settled(hq, hands)
    old = code(hq, "HK-1")
    site.broker.stop()
    made = change(hq, "move", "HK-1", "hk-pier")
    assert (made["state"], made["waits_for"]) == ("pending", ["hk-canton-1"])
    assert hq.do("code", "HK-1", check=False).returncode == 1
    site.broker.start()
    wait_until(lambda: last_change(hq, "HK-1")["state"] == "done", "the move", 40)
    assert hands.bank.call("Present", "s", old)[0] == "transferred"
    new = code(hq, "HK-1")
    assert hands.bank.call("Present", "s", new)[0] == "other_branch"
    wait_until(lambda: others.status()["orders"] == 1, "the order at the other branch")
    assert others.bank.call("Present", "s", new)[0] == "not_stocked"
    # Staff carry it over.
    assert [row["parcel"] for row in hands.bank.json("retrieve")] == ["P-1-1"]
    assert hands.bank.call("Retrieve", "s", "P-1-1")[0] == "opening"
    hands.open_and_close()
    others.stock("P-1-1")
    settled(hq, hands, others)
    assert hq.json("order", "HK-1")["document"]["parcels"][0]["placed"]["bank"] == "hk-pier-1"
    # And back, because the customer changed her mind.
    change(hq, "move", "HK-1", "hk-canton")
    wait_until(lambda: last_change(hq, "HK-1")["state"] == "done", "the move back", 40)
    assert others.bank.call("Retrieve", "s", "P-1-1")[0] == "opening"
    others.open_and_close()
    wait_until(lambda: hands.state("HK-1") == "announced", "the order to be back")
    hands.stock("P-1-1")
    assert hands.bank.call("Present", "s", code(hq, "HK-1"))[0] == "opening"
    hands.open_and_close()
    settled(hq, hands, others)
    assert hq.json("order", "HK-1")["state"] == "collected"


def test_goods_that_left_before_the_move_came_are_disputed(site):
    hq, hands, others = two_branches(site)
    hands.stock("P-1-1")
    text = code(hq, "HK-1")
    settled(hq, hands)
    site.broker.stop()
    wait_until(lambda: not hands.status()["online"], "the bank to be offline")
    change(hq, "move", "HK-1", "hk-pier")
    assert hands.bank.call("Present", "s", text)[0] == "opening"
    hands.open_and_close()
    site.broker.start()
    wait_until(lambda: hq.json("order", "HK-1")["state"] == "disputed", "the evidence", 40)
    order = hq.json("order", "HK-1")
    assert order["document"]["branch"] == "hk-pier"
    assert order["document"]["parcels"][0]["collected"]["bank"] == "hk-canton-1"
    assert [c["state"] for c in order["changes"]] == ["overtaken"]
    wait_until(lambda: others.bank.call("Present", "s", code(hq, "HK-1"))[0] == "collected",
               "the other branch to know")


@pytest.mark.parametrize("words, says", [
    (("cancel", "HK-99"), "no order"), (("move", "HK-1", "hk-peir"), "Did you mean hk-pier"),
    (("move", "HK-1", "hk-canton"), "already"), (("release", "HK-1"), "not held here")])
def test_what_cannot_be_changed_is_told_and_left_alone(site, words, says):
    hq = site.hq(start=False, branches=TWO_BRANCHES)
    bring(site, hq, rows([1]))
    before = hq.json("order", "HK-1")
    done = hq.do(*words, "--reason=test", check=False)
    assert done.returncode and says in done.stderr, done.stderr
    done = hq.do(*words, check=False)
    assert done.returncode == 64 and "--reason" in done.stderr
    assert hq.json("order", "HK-1") == before
