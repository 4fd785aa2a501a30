"""A connection to the bus of one bank, fast enough for thousands of calls (jeepney)."""

import collections

from jeepney import (DBusAddress, HeaderFields, MatchRule, MessageType, message_bus,
                     new_method_call)
from jeepney.io.blocking import open_dbus_connection

BANK = DBusAddress("/io/pickupd/bank1", "io.pickupd.Bank1", "io.pickupd.Bank1")
KIOSK_NAME = "io.pickupd.Kiosk1"
GONE = {"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NoReply",
        "org.freedesktop.DBus.Error.NameHasNoOwner"}


class BusError(Exception):
    """An error that the bank answered with; `name` is D-Bus's."""

    def __init__(self, name, words):
        super().__init__(f"{name}: {words}")
        self.name = name


class Away(Exception):
    """The bank does not answer: it is dead, or too slow."""


class BankBus:
    def __init__(self, address):
        self.bus = open_dbus_connection(address, auth_timeout=10.0)

    def call(self, method, signature="", *arguments, seconds=3.0):
        """One method of io.pickupd.Bank1; the reply's body as a tuple."""
        message = new_method_call(BANK, method, signature or None, arguments)
        try:
            reply = self.bus.send_and_get_reply(message, timeout=seconds)
        except TimeoutError:
            raise Away(f"{method}: no answer in {seconds:g} s") from None
        except OSError as error:
            raise Away(f"{method}: the bus: {error}") from None
        if reply.header.message_type is not MessageType.error:
            return reply.body
        name = reply.header.fields.get(HeaderFields.error_name, "")
        if name in GONE:
            raise Away(f"{method}: {name}")
        raise BusError(name, reply.body[0] if reply.body else "")

    def own(self, name):
        self.bus.send_and_get_reply(message_bus.RequestName(name, 4), timeout=5.0)

    def has_owner(self):
        reply = self.bus.send_and_get_reply(message_bus.NameHasOwner(BANK.bus_name), timeout=5.0)
        return bool(reply.body[0])

    def watch(self, interface, member, first_argument=None):
        """A queue into which every signal of that name goes from now on."""
        rule = MatchRule(type="signal", interface=interface, member=member)
        if first_argument is not None:
            rule.add_arg_condition(0, first_argument)
        queue = collections.deque()
        self.bus.filter(rule, queue=queue).__enter__()
        self.bus.send_and_get_reply(message_bus.AddMatch(rule), timeout=5.0)
        return queue

    def listen(self, seconds):
        """Takes in at most one message."""
        try:
            self.bus.recv_messages(timeout=seconds)
        except TimeoutError:
            pass

    def close(self):
        self.bus.close()
