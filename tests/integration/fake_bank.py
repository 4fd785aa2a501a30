"""A bank that is only its side of the wire: a paho client with the bank's certificate."""

import base64
import hashlib
import json
import queue
import ssl
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt import client as mqtt

from processes import wait_until

PREFIX = "pickup/v1"


class FakeBank:
    """Connects as `name`, checks every signature, keeps what came down in queues."""

    def __init__(self, site, name="hk-canton-1"):
        self.name, self.log, self.boot = name, str(uuid.uuid4()), "3f2a" * 8
        text = (site.hq_process.state / "feed.pub").read_text().split("\n")[0]
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text))
        self.pages, self.acks, self.commands = queue.Queue(), queue.Queue(), queue.Queue()
        self.bad, self.hash = [], self._hash(self.log.encode())
        self.events = []  # sealed, n from 1
        certificate, key = site.authority.issue(name)
        self.client = mqtt.Client(f"fake-{name}", clean_session=True)
        self.client.username_pw_set(name)
        self.client.tls_set(str(site.authority.ca), str(certificate), str(key),
                            tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/{name}/down/#", 1)
        self.subscribed = []  # once per connection
        self.client.on_subscribe = lambda *_: self.subscribed.append(True)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", site.broker.port)
        self.client.loop_start()
        wait_until(lambda: self.subscribed, f"{name} to be subscribed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    @staticmethod
    def _hash(data):
        return hashlib.blake2b(data, digest_size=32).digest()

    def _on_message(self, _client, _userdata, message):
        line, _, body = message.payload.partition(b"\n")
        try:
            self.key.verify(base64.b64decode(line), message.topic.encode() + b"\n" + body)
        except Exception as problem:  # pylint: disable=broad-except
            self.bad.append((message.topic, repr(problem)))
            return
        if len(body) > 128 * 1024 or message.retain:
            self.bad.append((message.topic, f"{len(body)} bytes, retain {message.retain}"))
        kind = message.topic.split("/", 3)[3]
        {"down/orders": self.pages, "down/ack": self.acks,
         "down/command": self.commands}[kind].put(json.loads(body))

    def publish(self, kind, payload, retain=False):
        self.client.publish(f"{PREFIX}/{self.name}/up/{kind}", json.dumps(payload), 1,
                            retain).wait_for_publish(10)

    # --- orders ----------------------------------------------------------------------------------

    def drain(self):
        """Forgets the pages that have come so far."""
        while not self.pages.empty():
            self.pages.get()

    def fetch(self, after=0, feed=None, max_bytes=1 << 20):
        self.publish("fetch", {"feed": feed, "after": after, "max_bytes": max_bytes})

    def answer(self, after=0, feed=None, max_bytes=1 << 20, seconds=60):
        """Fetches once and returns the pages of the answer."""
        self.drain()
        self.fetch(after, feed, max_bytes)
        pages = []
        while not pages or pages[-1]["seq"] < pages[-1]["end"]:
            page = self.pages.get(timeout=seconds)
            if "end" in page:
                pages.append(page)
        return pages

    def fetch_all(self, max_bytes=1 << 20):
        """Everything from 0 on: (feed, cursor, documents by kind and name)."""
        feed, cursor, documents = None, 0, {}
        while True:
            pages = self.answer(cursor, feed, max_bytes)
            for page in pages:
                feed, cursor = page["feed"], page["seq"]
                for document in page["orders"]:
                    kind = document.get("kind", "order")
                    documents[kind, document[kind]] = document
            if not pages[-1]["more"]:
                return feed, cursor, documents

    # --- events ----------------------------------------------------------------------------------

    def happen(self, kind, **members):
        """Seals one more event."""
        n = len(self.events) + 1
        event = {"n": n, "at": 1790000000000 + n, "trusted": True, "boot": self.boot,
                 "mono": 1000 * n, "type": kind, **members}
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.hash = self._hash(self.hash + text.encode())
        event["hash"] = self.hash.hex()
        self.events.append(event)
        return event

    def send(self, first=1, last=None):
        """Sends the events from `first` on as one message."""
        self.publish("events", {"log": self.log, "first": first, "boot": self.boot,
                                "events": self.events[first - 1:last]})

    def wait_ack(self, through, resend=False, seconds=10):
        def look():
            while not self.acks.empty():
                ack = self.acks.get()
                if ack["log"] == self.log and ack["through"] == through \
                        and ack["resend"] == resend:
                    return True
            return False
        wait_until(look, f"the acknowledgement through {through}", seconds)

    def status(self, **members):
        self.publish("status", {"online": True, "version": "0.1.0", "boot": self.boot,
                                "feed": None, "cursor": 0, "log": self.log, "outbox": 0,
                                "last_event": len(self.events), "doors": 24, "free_doors": 20,
                                "faults": 0, "clock": {"now": 1790000000000, "trusted": True},
                                **members}, retain=True)
