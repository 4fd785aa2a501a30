"""HQ's two feeds over the real broker, with a bank that is only its side of the wire."""

import json
import queue
import signal
import sqlite3
import subprocess
import time

import pytest

from fake_bank import FakeBank
from processes import program, wait_until


def order_row(number, parcels=1, **members):
    return {"order": f"T-{number:05}", "source_rev": 1, "branch": "hk-canton", "display": "王*",
            "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
            "parcels": [{"parcel": f"TP-{number:05}-{i}", "barcode": f"29{number:05}{i:04}",
                         "size": "S",
                         "items": [{"sku": "PF-1", "name": {"en": "Perfume"}, "qty": 1}]}
                        for i in range(parcels)], **members}


def import_rows(site, hq, rows, check=True):
    path = site.folder / "batch.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return hq.do("import", path, check=check)


def state(hq, order):
    return hq.json("order", order)["state"]


@pytest.fixture
def hq(site):
    running = site.hq()
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture
def bank(site, hq):
    with FakeBank(site) as fake:
        yield fake
        assert fake.bad == []


def test_a_fetch_brings_every_document_in_pages(site, hq, bank):
    import_rows(site, hq, [order_row(i) for i in range(1500)])
    pages = bank.answer(max_bytes=300000)
    assert len(pages) > 2
    for before, page in zip(pages, pages[1:]):
        assert page["prev"] == before["seq"]
    for page in pages:
        assert page["end"] == pages[-1]["seq"]
        assert page["more"]
        seqs = [document["seq"] for document in page["orders"]]
        assert seqs == sorted(seqs)
        assert page["prev"] < seqs[0] and seqs[-1] <= page["seq"]
    sent = sum(len(json.dumps(page["orders"])) for page in pages)
    assert sent < 450000
    _, cursor, documents = bank.fetch_all()
    assert len([kind for kind, _ in documents if kind == "order"]) == 1500
    assert {("key", "code-1"), ("key", "badge-1"), ("key", "number"),
            ("policy", "branch")} <= set(documents)
    assert documents["policy", "branch"]["number"] == 852
    assert cursor == hq.json("banks")[0]["seq"]


def test_an_answer_ends_with_one_empty_page(site, hq, bank):
    feed, cursor, _ = bank.fetch_all()
    page, = bank.answer(cursor, feed)
    assert page["orders"] == [] and not page["more"]
    assert page["prev"] == page["seq"] == page["end"] == cursor


def test_an_unknown_feed_is_answered_from_the_start(site, hq, bank):
    feed, _, _ = bank.fetch_all()
    page = bank.answer(3, "00000000-0000-4000-8000-000000000000")[0]
    assert page["feed"] == feed and page["prev"] == 0


def test_a_change_is_pushed_live_and_compacted(site, hq, bank):
    feed, cursor, _ = bank.fetch_all()
    bank.drain()
    import_rows(site, hq, [order_row(1)])
    page = bank.pages.get(timeout=5)
    assert "end" not in page and page["feed"] == feed
    assert (page["prev"], page["seq"]) == (cursor, cursor + 1)
    assert [d["order"] for d in page["orders"]] == ["T-00001"]
    assert page["orders"][0]["rev"] == 1
    import_rows(site, hq, [order_row(1)])  # the same again: nothing
    import_rows(site, hq, [order_row(1, source_rev=2, display="李*")])
    page = bank.pages.get(timeout=5)
    assert (page["prev"], page["seq"]) == (cursor + 1, cursor + 2)
    assert page["orders"][0]["rev"] == 2 and page["orders"][0]["display"] == "李*"
    page, = bank.answer(cursor, feed)
    assert len(page["orders"]) == 1  # once, in its newest form


def test_a_large_batch_is_announced_and_not_pushed(site, hq, bank):
    _, cursor, _ = bank.fetch_all()
    bank.drain()
    hq.signal(signal.SIGSTOP)  # so that it sees all of it at once
    import_rows(site, hq, [order_row(i) for i in range(1000)])
    hq.signal(signal.SIGCONT)
    page = bank.pages.get(timeout=5)
    assert page["orders"] == [] and page["prev"] == page["seq"] == cursor + 1000


def test_a_bank_that_is_behind_is_told_once_and_sent_only_what_it_asked_for(site, hq, bank):
    import_rows(site, hq, [order_row(i) for i in range(600)])
    first = bank.answer(max_bytes=130000)[-1]
    assert first["more"]
    bank.drain()
    time.sleep(1.2)  # a repeat of what it was told before
    bank.drain()
    for i in range(3):
        import_rows(site, hq, [order_row(1000 + i)])
    page = bank.pages.get(timeout=15)
    assert page["orders"] == [] and page["prev"] == page["seq"] > first["seq"]
    more = []
    while not bank.pages.empty():
        more.append(bank.pages.get())
    assert all(page["orders"] == [] for page in more) and len(more) <= 2
    feed, cursor, documents = bank.fetch_all()
    assert ("order", "T-01002") in documents
    bank.publish("applied", {"feed": feed, "through": cursor})
    time.sleep(0.3)
    bank.drain()
    import_rows(site, hq, [order_row(2000)])  # it has caught up: the change itself
    page = bank.pages.get(timeout=15)
    assert page["prev"] == cursor and [d["order"] for d in page["orders"]] == ["T-02000"]


def test_events_are_taken_once_and_acknowledged(site, hq, bank):
    for i in range(5):
        bank.happen("tamper", door=i + 1)
    bank.send()
    bank.wait_ack(5)
    bank.send()
    bank.wait_ack(5)
    bank.happen("tamper", door=9)
    bank.send(3)
    bank.wait_ack(6)
    assert [event["door"] for event in hq.json("events")] == [1, 2, 3, 4, 5, 9]
    assert hq.json("verify")["good"]


def test_a_gap_is_asked_for_again(site, hq, bank):
    for i in range(6):
        bank.happen("tamper", door=i + 1)
    bank.send(1, 2)
    bank.wait_ack(2)
    bank.send(5)
    bank.wait_ack(2, resend=True)
    assert len(hq.json("events")) == 2
    bank.send(3)
    bank.wait_ack(6)
    assert len(hq.json("events")) == 6


def test_a_fork_is_not_acknowledged(site, hq, bank):
    bank.happen("tamper", door=1)
    bank.happen("tamper", door=2)
    bank.send()
    bank.wait_ack(2)
    clone = bank.events[:1]
    bank.events, bank.hash = clone, bytes.fromhex(clone[0]["hash"])
    bank.happen("tamper", door=7)
    bank.happen("tamper", door=8)
    time.sleep(1.2)  # a repetition of the good one may still be under way
    while not bank.acks.empty():
        bank.acks.get()
    bank.send()
    wait_until(lambda: hq.json("banks")[0]["alarms"], "the alarm")
    with pytest.raises(queue.Empty):
        bank.acks.get(timeout=2.5)
    alarm, = hq.json("banks")[0]["alarms"]
    assert alarm["kind"] == "fork" and alarm["n"] == 2
    assert [event["door"] for event in hq.json("events")] == [1, 2]
    done = hq.do("verify", check=False)
    assert done.returncode == 1 and "FORKED" in done.stdout


def test_an_event_outside_the_chain_is_refused(site, hq, bank):
    bank.happen("tamper", door=1)
    bank.events[0]["door"] = 2
    bank.send()
    wait_until(lambda: hq.json("banks")[0]["alarms"], "the alarm")
    assert hq.json("events") == [] and bank.acks.empty()


def test_hq_dies_at_any_time_and_nothing_is_lost_or_doubled(site, hq, bank):
    """Promise 4, HQ's part: kill -9 in the middle of events and orders, also at the very moment of an
    acknowledgement. The bank forgets what was acknowledged, so none may come too early."""
    acked = 0

    def hear(seconds):
        nonlocal acked
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                ack = bank.acks.get(timeout=0.02)
            except queue.Empty:
                continue
            assert ack["through"] >= acked, "HQ went back behind what it had acknowledged"
            if ack["through"] > acked:
                acked = ack["through"]
                return

    import_rows(site, hq, [order_row(i) for i in range(50)])
    for round_ in range(6):
        for i in range(50):
            bank.happen("tamper", door=i % 24 + 1)
        for n in range(acked + 1, len(bank.events) + 1, 5):
            bank.send(n, n + 4)
        hear(0.004 * round_ if round_ < 3 else 5)
        hq.kill()
        hq.start()
        for _ in range(60):
            if acked == len(bank.events):
                break
            bank.send(acked + 1)
            hear(0.5)
        assert acked == len(bank.events)
        import_rows(site, hq, [order_row(1000 + round_)])
    events = hq.json("events")
    assert [event["n"] for event in events] == list(range(1, 301))
    assert hq.json("verify")["good"]
    _, _, documents = bank.fetch_all()
    assert len([kind for kind, _ in documents if kind == "order"]) == 56


def test_an_import_that_dies_goes_on_where_it_was(site, hq, bank):
    path = site.folder / "batch.jsonl"
    path.write_text("".join(json.dumps(order_row(i)) + "\n" for i in range(20000)))
    words = [program("pickup-hq"), f"--config={hq.config}", f"--state={hq.state}", "import", path]
    running = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    wait_until(lambda: hq.json("banks")[0]["seq"] > 1000, "the first chunks")
    running.kill()
    running.wait()
    before = hq.json("banks")[0]["seq"]
    report = hq.json("import", path)
    assert report["imported"] + report["unchanged"] == 20000 and report["unchanged"] > 900
    assert hq.json("banks")[0]["seq"] == before + report["imported"]
    assert hq.json("import", path)["unchanged"] == 20000


def test_what_banks_report_goes_into_the_document(site, hq, bank):
    """Several parcels over two banks add up to collected."""
    import_rows(site, hq, [order_row(1, parcels=2)])
    _, _, documents = bank.fetch_all()
    assert state(hq, "T-00001") == "announced"
    first, second = (p["parcel"] for p in documents["order", "T-00001"]["parcels"])
    with FakeBank(site, "hk-canton-2") as other:
        other.fetch_all()
        other.drain()
        bank.happen("stocked", order="T-00001", parcel=first, door=7, actor="staff:17")
        bank.send()
        bank.wait_ack(1)
        page = other.pages.get(timeout=5)
        document, = page["orders"]
        assert document["rev"] == 2
        assert document["parcels"][0]["placed"] == {
            "bank": "hk-canton-1", "door": 7, "since": bank.events[0]["at"], "log": bank.log,
            "n": 1}
        assert state(hq, "T-00001") == "partly_stocked"
        other.happen("stocked", order="T-00001", parcel=second, door=3, actor="staff:17")
        other.send()
        other.wait_ack(1)
        assert state(hq, "T-00001") == "ready"
        bank.happen("parcel_collected", order="T-00001", parcel=first, door=7, grant=1)
        bank.happen("collected", order="T-00001", points_key="k")
        bank.send(2)
        bank.wait_ack(3)
        assert state(hq, "T-00001") == "collecting"
        other.happen("collected", order="T-00001", points_key="k")
        other.send(2)
        other.wait_ack(2)
        assert other.bad == []
    answer = hq.json("order", "T-00001")
    assert answer["state"] == "collected"
    assert [p["collected"]["bank"] for p in answer["document"]["parcels"]] == \
        ["hk-canton-1", "hk-canton-2"]
    assert [e["type"] for e in answer["events"]].count("collected") == 2
    assert [o["order"] for o in hq.json("orders", "--state=collected")] == ["T-00001"]
    # What the shop changes later does not undo it.
    import_rows(site, hq, [order_row(1, parcels=2, source_rev=2, display="李*")])
    assert state(hq, "T-00001") == "collected"


def test_goods_that_left_after_a_cancellation_are_disputed(site, hq, bank):
    import_rows(site, hq, [order_row(1)])
    bank.happen("stocked", order="T-00001", parcel="TP-00001-0", door=7, actor="staff:17")
    bank.send()
    bank.wait_ack(1)
    import_rows(site, hq, [order_row(1, source_rev=2, status="cancelled")])
    assert state(hq, "T-00001") == "cancelled"
    bank.happen("parcel_collected", order="T-00001", parcel="TP-00001-0", door=7, grant=1)
    bank.send(2)
    bank.wait_ack(2)
    assert state(hq, "T-00001") == "disputed"


def test_a_rollback_makes_a_new_feed(site, hq, bank):
    feed, cursor, _ = bank.fetch_all()
    pages = bank.answer(cursor + 1000, feed)
    assert pages[0]["feed"] != feed and pages[0]["prev"] == 0
    assert hq.json("banks")[0]["alarms"][0]["kind"] == "rollback"
    again, _, _ = bank.fetch_all()
    assert again == pages[0]["feed"]


def test_hq_tells_its_banks_when_it_is_back(site, hq, bank):
    _, cursor, _ = bank.fetch_all()
    hq.stop()
    bank.drain()
    import_rows(site, hq, [order_row(1)])
    hq.start()
    page = bank.pages.get(timeout=5)
    assert page["seq"] == cursor + 1 and page["prev"] == page["seq"]


def test_the_broker_may_lose_everything(site, hq, bank):
    _, cursor, _ = bank.fetch_all()
    bank.happen("tamper", door=1)
    bank.send()
    bank.wait_ack(1)
    site.broker.kill()
    import_rows(site, hq, [order_row(1)])
    site.broker.start()
    wait_until(lambda: len(bank.subscribed) == 2, "the bank to be back")
    bank.drain()
    feed, again, documents = bank.fetch_all()
    assert again == cursor + 1 and ("order", "T-00001") in documents
    bank.happen("tamper", door=2)
    bank.send()
    bank.wait_ack(2)


def test_a_store_that_cannot_be_written_acknowledges_nothing(site, hq, bank):
    other = sqlite3.connect(hq.state / "hq.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # longer than HQ waits
    bank.happen("tamper", door=1)
    bank.send()
    with pytest.raises(queue.Empty):
        bank.acks.get(timeout=6)
    other.execute("ROLLBACK")
    other.close()
    bank.happen("tamper", door=2)
    bank.send(2)
    bank.wait_ack(0, resend=True)
    bank.send()
    bank.wait_ack(2)
    assert [event["door"] for event in hq.json("events")] == [1, 2]


def test_a_number_at_the_end_of_the_range_is_no_trouble(site, hq, bank):
    bank.happen("tamper", door=1)
    event = {**bank.events[0], "n": 2 ** 63 - 1}
    bank.publish("events", {"log": bank.log, "first": 2 ** 63 - 1, "boot": bank.boot,
                            "events": [event, event]})
    bank.wait_ack(0, resend=True)


def test_a_command_goes_down_once_and_its_answer_comes_up(site, hq, bank):
    bank.status()
    wait_until(lambda: hq.json("banks")[0]["online"], "the bank's status")
    words = [program("pickup-hq"), f"--config={hq.config}", f"--state={hq.state}", "--json",
             "command", "hk-canton-1", "open", "7", "--reason=customer waits", "--seconds=5"]
    asking = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
    command = bank.commands.get(timeout=5)
    assert (command["verb"], command["door"], command["boot"]) == ("open", 7, bank.boot)
    assert command["deadline"] > time.time() * 1000
    bank.publish("reply", {"id": command["id"], "result": "refused", "reason": "not now"})
    answer = json.loads(asking.communicate(timeout=10)[0])
    assert answer["result"] == "refused" and answer["reason"] == "not now"
    assert asking.returncode == 1
    with pytest.raises(queue.Empty):
        bank.commands.get(timeout=1.2)


def test_the_bank_and_its_status_are_shown(site, hq, bank):
    feed, cursor, _ = bank.fetch_all()
    bank.publish("applied", {"feed": feed, "through": cursor})
    wait_until(lambda: hq.json("banks")[0]["cursor"] == cursor, "the cursor")
    bank.status(free_doors=3, feed=feed, cursor=cursor)
    entry = wait_until(lambda: next((b for b in hq.json("banks") if b["free_doors"] == 3), None),
                       "the status")
    assert entry["bank"] == "hk-canton-1" and entry["online"]
    bank.publish("status", {"online": False})
    wait_until(lambda: not hq.json("banks")[0]["online"], "the bank to be offline")


def test_rubbish_from_a_bank_changes_nothing(site, hq, bank):
    for kind in ("fetch", "applied", "events", "status", "reply"):
        for payload in ("", "{", "[]", "{}", '{"log":1}', "\x00", '{"feed":null,"after":-1}'):
            bank.client.publish(f"pickup/v1/hk-canton-1/up/{kind}", payload, 1)
    bank.happen("tamper", door=1)
    bank.send()
    bank.wait_ack(1)
    assert len(hq.json("events")) == 1 and hq.running()
