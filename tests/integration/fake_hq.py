"""An HQ that is only its side of the wire: a paho client with HQ's certificate and the feed key of
docs/protocol.md."""

import base64
import json
import queue
import ssl

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt import client as mqtt

from processes import wait_until

PREFIX = "pickup/v1"
SEED = bytes(range(0xA0, 0xC0))
NUMBER_KEY = bytes(range(0x60, 0x80))  # the one of docs/codes.md


def connect(site, client_id, topic, on_message):
    """A client with HQ's rights that is subscribed to `topic`."""
    certificate, key = site.authority.issue("hq")
    client, subscribed = mqtt.Client(client_id, clean_session=True), []
    client.username_pw_set("hq")
    client.tls_set(str(site.authority.ca), str(certificate), str(key),
                   tls_version=ssl.PROTOCOL_TLS_CLIENT)
    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe(topic, 1)
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", site.broker.port)
    client.loop_start()
    wait_until(lambda: subscribed, f"{client_id} to be subscribed")
    return client


class FakeHq:
    """Stands where a Site keeps its pickup-hq: the banks made afterwards believe its key."""

    def __init__(self, site):
        self.key = Ed25519PrivateKey.from_private_bytes(SEED)
        self.state = site.folder / "fake-hq"
        self.state.mkdir()
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw,
                                                    serialization.PublicFormat.Raw)
        for name, secret in (("feed.pub", public), ("number.key", NUMBER_KEY)):
            path = self.state / name
            path.write_text(base64.b64encode(secret).decode() + "\n")
            path.chmod(0o600)
        self.heard = {}  # kind → queue of what banks said
        self.client = connect(site, "fake-hq", f"{PREFIX}/+/up/+", self._on_message)
        site.hq_process = self

    def _on_message(self, _client, _userdata, message):
        kind = message.topic.split("/")[-1]
        self.heard.setdefault(kind, queue.Queue()).put(json.loads(message.payload))

    def wait(self, kind, fits=lambda message: True, seconds=20):
        """The next message of `kind` that fits."""
        box = self.heard.setdefault(kind, queue.Queue())

        def look():
            while not box.empty():
                message = box.get()
                if fits(message):
                    return message
            return None
        return wait_until(look, f"an up/{kind}", seconds)

    def send(self, bank, kind, message):
        """Publishes a signed down message."""
        topic = f"{PREFIX}/{bank}/down/{kind}"
        text = message if isinstance(message, str) else \
            json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        signature = base64.b64encode(self.key.sign(f"{topic}\n{text}".encode()))
        self.client.publish(topic, signature + b"\n" + text.encode(), 1).wait_for_publish(10)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
