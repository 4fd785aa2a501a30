"""A large backlog on its way into a bank: a customer in the middle of it, deaths in the middle of it,
pages that are partly bad."""

import base64
import json
import sqlite3
import subprocess
import sys
import time

import pytest

from processes import Process, TOP, program, run, wait_until

sys.path.insert(0, str(TOP / "tests" / "bench"))

from plain_site import PlainBank, PlainBroker  # noqa: E402

ORDERS = 12000


class Feeder(Process):
    """HQ's side from a file of pages."""

    def __init__(self, folder, pages, port):
        super().__init__(folder, "feeder", [program("feeder"), "serve", pages, port])


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A file of pages and the key that signed them."""
    path = tmp_path_factory.mktemp("pages") / "pages"
    return path, run(program("feeder"), "make", path, ORDERS, 0).stdout.strip()


@pytest.fixture
def bank(tmp_path, pages):
    broker = PlainBroker(tmp_path).start()
    bank = PlainBank(tmp_path, broker.port, pages[1])
    bank.broker = broker
    yield bank
    bank.stop()
    broker.stop()


def ctl(bank, *words):
    return json.loads(run(program("pickupctl"), f"--bus={bank.bus.address}", *words,
                          "--json").stdout)


def query(bank, sql):
    with sqlite3.connect(f"file:{bank.state / 'bank.db'}?mode=ro", uri=True) as store:
        return store.execute(sql).fetchall()


def whole(bank):
    """Every order and parcel is there once, the documents as HQ wrote them."""
    assert query(bank, "SELECT count(*), min(seq), max(seq) FROM orders") == \
        [(ORDERS, 1, ORDERS)]
    assert query(bank, "SELECT count(*) FROM parcels") == [(ORDERS + ORDERS // 4,)]
    (document,), = query(bank, "SELECT document FROM orders WHERE seq = 8")
    assert document.startswith('{"branch":"hk-canton","campaign":null,"code":{"epoch":0,')
    assert json.loads(document)["order"] == "HK-2026-00000008"
    (cursor,), = query(bank, "SELECT value FROM meta WHERE key = 'cursor'")
    assert cursor == ORDERS
    (integrity,), = query(bank, "PRAGMA integrity_check")
    assert integrity == "ok"


def test_promise_4_a_bank_that_dies_in_the_middle_of_pages_has_every_order_once(bank, pages):
    bank.start()
    feeder = Feeder(bank.log.parent, pages[0], bank.broker.port).start(ready=False)
    for _ in range(6):
        before = query(bank, "SELECT count(*) FROM orders")[0][0]
        wait_until(lambda: query(bank, "SELECT count(*) FROM orders")[0][0]
                   > min(before, ORDERS - 1) or not feeder.running(), "some orders", 60, 0.001)
        bank.kill()
        (orders, last), = query(bank, "SELECT count(*), coalesce(max(seq), 0) FROM orders")
        cursor = query(bank, "SELECT value FROM meta WHERE key = 'cursor'")
        assert orders == last, "a hole"
        assert not cursor or cursor[0][0] == last, "the cursor is not where the store is"
        bank.start()
        ready = [line for line in bank.log.read_text().splitlines() if "is ready" in line][-1]
        assert ready.endswith(f", {orders} orders"), "the number kept is not the number there"
    wait_until(lambda: not feeder.running(), "the feeder to hear that all is applied", 60)
    assert feeder.stop() == 0
    whole(bank)


def test_staff_are_served_in_the_middle_of_an_ingest(bank, pages):
    bank.start()
    feeder = Feeder(bank.log.parent, pages[0], bank.broker.port).start(ready=False)
    wait_until(lambda: query(bank, "SELECT count(*) FROM orders")[0][0] > 0, "the first", 60, 0.001)
    answered, door = 0, 1
    while ctl(bank, "status")["orders"] < ORDERS:
        run(program("pickupctl"), f"--bus={bank.bus.address}", "door", door, "out-of-service",
            "--reason=test")
        door = door % 24 + 1
        answered += 1
    wait_until(lambda: not feeder.running(), "the feeder to end", 60)
    whole(bank)
    assert answered > 0
    events = [json.loads(text) for text, in query(bank, "SELECT event FROM events ORDER BY n")]
    assert [e["n"] for e in events] == list(range(1, len(events) + 1))
    assert sum(e["type"] == "door_out_of_service" for e in events) == answered


def test_the_log_does_not_grow_without_bound(bank, tmp_path):
    run(program("feeder"), "make", tmp_path / "many", 40000, 0)
    bank.start()
    feeder = Feeder(bank.log.parent, tmp_path / "many", bank.broker.port).start(ready=False)
    log, largest = bank.state / "bank.db-wal", 0
    while feeder.running():
        largest = max(largest, log.stat().st_size if log.exists() else 0)
        time.sleep(0.005)
    assert query(bank, "SELECT count(*), max(seq) FROM orders") == [(40000, 40000)]
    assert 4 << 20 < largest < 24 << 20  # 2,000 pages and what a batch adds


def sign(key, topic, body):
    """A down payload, signed with a key that openssl made."""
    from nacl.signing import SigningKey
    signature = SigningKey(key).sign(topic.encode() + b"\n" + body).signature
    return base64.b64encode(signature) + b"\n" + body


def test_promise_10_bad_orders_of_a_page_are_reported_and_the_others_go_in(bank, tmp_path):
    seed, topic = b"p" * 32, "pickup/v1/hk-canton-1/down/orders"
    from nacl.signing import SigningKey
    public = base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()
    (bank.log.parent / "feed.pub").write_text(public + "\n")

    def order(seq, **members):
        return {"order": f"B-{seq}", "handle": f"{seq:016x}", "rev": 1, "seq": seq,
                "branch": "hk-canton", "status": "confirmed",
                "code": {"epoch": 0, "kinds": ["P1"], "secret": None},
                "parcels": [{"parcel": f"BP-{seq}", "size": "S", "items": []}], **members}
    documents = [order(1), order(2, status="lost"), order(3, handle=f"{1:016x}"),
                 order(4, branch="other"), order(5, order='B "5"'),
                 order(6, parcels=[{"parcel": "BP-6", "size": "S", "items": []},
                                   {"parcel": "BP-1", "size": "S", "items": []}]), order(7)]
    body = json.dumps({"feed": "0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10", "prev": 0, "seq": 7,
                       "end": 7, "more": False, "orders": documents}).encode()
    bank.start()
    payload = tmp_path / "page"
    payload.write_bytes(sign(seed, topic, body))
    time.sleep(0.5)
    subprocess.run(["mosquitto_pub", "-p", str(bank.broker.port), "-q", "1", "-t", topic,
                    "-f", str(payload)], check=True, timeout=30)
    wait_until(lambda: ctl(bank, "status")["orders"] == 3, "the good ones")
    events = [json.loads(text) for text, in query(bank, "SELECT event FROM events ORDER BY n")]
    rejected = {e["seq"]: e["reason"] for e in events if e["type"] == "document_rejected"}
    assert rejected == {
        2: "status must be one of confirmed, held, cancelled, returned, moved",
        3: "its handle or a parcel belongs to another order",
        4: "branch is not the branch of this bank",
        6: "its handle or a parcel belongs to another order"}
    assert query(bank, "SELECT number FROM orders ORDER BY seq") == \
        [("B-1",), ('B "5"',), ("B-7",)]
    assert query(bank, "SELECT parcel FROM parcels ORDER BY parcel") == \
        [("BP-1",), ("BP-5",), ("BP-7",)]
