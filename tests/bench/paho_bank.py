#!/usr/bin/env python3
"""The other peer of `./dev bench ingest`: what one would write first, a paho client with sqlite3.

Applies the pages of the feed to the same tables, one commit a message, and asks for more by the
same protocol. It checks no signature and looks nothing up, which is in its favour.

    paho_bank.py PORT DATABASE SCHEMA_DATABASE
"""

import json
import sqlite3
import sys

from paho.mqtt import client as mqtt

PREFIX = "pickup/v1/hk-canton-1"


def open_database(path, schema):
    """An empty database with the tables and indexes of another."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    with sqlite3.connect(f"file:{schema}?mode=ro", uri=True) as other:
        for (sql,) in other.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
                                    " AND name NOT LIKE 'sqlite_%'"):
            database.execute(sql)
    return database


class PahoBank:
    """Cursor, fetches and rows."""

    def __init__(self, port, database):
        self.database, self.cursor, self.begin, self.end = database, 0, 0, -1
        self.feed, self.renewed = None, False
        self.client = mqtt.Client("paho-bank", clean_session=True)
        self.client.on_message = self.on_message
        self.client.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/down/#", 1)
        self.client.on_subscribe = lambda *_: self.fetch(0)
        self.client.connect("127.0.0.1", port)

    def fetch(self, after):
        self.client.publish(f"{PREFIX}/up/fetch", json.dumps(
            {"feed": self.feed, "after": after, "max_bytes": 1 << 20}), 1)

    def insert(self, document):
        """One order and its parcels."""
        digest = document.get("number_digest")
        row = self.database.execute(
            "INSERT INTO orders (number, handle, rev, seq, generation, document, number_digest,"
            " pickup_until) VALUES (?,?,?,?,1,?,?,?)",
            (document["order"],
             int.from_bytes(bytes.fromhex(document["handle"]), "big", signed=True),
             document["rev"], document["seq"],
             json.dumps(document, ensure_ascii=False, separators=(",", ":")),
             bytes.fromhex(digest) if digest else None, document["pickup_until"]))
        self.database.executemany(
            "INSERT INTO parcels (parcel, barcode, order_id) VALUES (?,?,?)",
            [(p["parcel"], p["barcode"], row.lastrowid) for p in document["parcels"]])

    def on_message(self, _client, _userdata, message):
        page = json.loads(message.payload.split(b"\n", 1)[1])
        if page["seq"] <= self.cursor:
            return
        self.feed = page["feed"]
        if not page["orders"]:
            return  # HQ has come back; the fetch is under way
        self.database.execute("BEGIN IMMEDIATE")
        for document in page["orders"]:
            self.insert(document)
        self.database.execute("INSERT INTO meta (key, value) VALUES ('cursor', ?1) ON CONFLICT"
                              " (key) DO UPDATE SET value = ?1", (page["seq"],))
        self.database.execute("COMMIT")
        self.cursor = page["seq"]
        self.client.publish(f"{PREFIX}/up/applied", json.dumps(
            {"feed": self.feed, "through": self.cursor}), 1)
        if page["end"] > self.end:
            self.begin, self.end, self.renewed = max(self.end, 0), page["end"], False
        if not self.renewed and page["more"] and \
                self.cursor >= self.begin + (self.end - self.begin) // 2:
            self.renewed = True
            self.fetch(self.end)


if __name__ == "__main__":
    PahoBank(int(sys.argv[1]), open_database(sys.argv[2], sys.argv[3])).client.loop_forever()
