"""Listens to what goes over the broker, with HQ's certificate, and can say it again."""

import json
import ssl

from paho.mqtt import client as mqtt

from processes import wait_until


class Spy:
    """Keeps (topic, payload) of everything from its start on. `as_bank`: with that bank's name, for
    what only the bank may publish."""

    def __init__(self, site, as_bank=None):
        name = as_bank or "hq"
        certificate, key = site.authority.folder / f"{name}.pem", site.authority.folder / \
            f"{name}.key"
        self.messages, subscribed = [], []
        self.client = mqtt.Client(f"spy-{name}", clean_session=True)
        self.client.tls_set(str(site.authority.ca), str(certificate), str(key),
                            tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.on_message = lambda _c, _u, m: self.messages.append((m.topic, m.payload))
        self.client.on_connect = lambda client, *_: client.subscribe("pickup/v1/#", 1)
        self.client.on_subscribe = lambda *_: subscribed.append(True)
        self.client.connect("127.0.0.1", site.broker.port)
        self.client.loop_start()
        wait_until(lambda: subscribed, "the spy to listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def heard(self, kind):
        """(topic, payload) of one kind, for example "down/orders"."""
        return [m for m in list(self.messages) if m[0].endswith(kind)]

    def orders(self):
        """Every order document that went down, in order."""
        return [document for _, payload in self.heard("down/orders")
                for document in json.loads(payload.partition(b"\n")[2])["orders"]
                if "order" in document]

    def say(self, topic, payload):
        self.client.publish(topic, payload, 1).wait_for_publish(10)
