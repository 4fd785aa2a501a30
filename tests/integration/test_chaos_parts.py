"""What ./dev chaos relies on: a schedule that can be replayed, and the man in the middle."""

import queue
import sys

import pytest
from paho.mqtt import client as mqtt

from processes import TOP, wait_until

sys.path.insert(0, str(TOP / "tests" / "chaos"))

import schedule  # noqa: E402
from mitm import DOWN, UP, Middle  # noqa: E402
from parts import PlainBroker  # noqa: E402

BANKS = ["hk-canton-1", "hk-canton-2", "tst-east-1"]
TOPIC = "pickup/v1/hk-canton-1/up/events"


def test_a_schedule_is_a_pure_function_of_its_seed():
    assert schedule.make(7, 60, BANKS) == schedule.make(7, 60, BANKS)
    assert schedule.make(7, 60, BANKS) != schedule.make(8, 60, BANKS)
    long, short = schedule.make(7, 60, BANKS), schedule.make(7, 30, BANKS)
    assert short == long[:len(short)] and {f.kind for f in schedule.make(7, 600, BANKS)} == \
        set(schedule.KINDS)
    without = schedule.make(7, 60, BANKS, ["disk"])
    assert without == [fault for fault in long if fault.kind != "disk"]


class Wire:
    """A bank that sends, an HQ that listens, and the man in the middle before the broker."""

    def __init__(self, folder):
        self.broker = PlainBroker(folder).start()
        self.middle = Middle(1, self.broker.port, folder / "middle.log")
        self.got, self.acknowledged, self.lost = queue.Queue(), [], []
        self.hq = self._connect("hq-1", "hq")
        self.hq.on_message = lambda _, __, message: self.got.put(message.payload.decode())
        subscribed = []
        self.hq.on_subscribe = lambda *_: subscribed.append(True)
        self.hq.subscribe(TOPIC, 1)
        self.bank = self._connect("hk-canton-1", "hk-canton-1")
        self.bank.on_publish = lambda _, __, number: self.acknowledged.append(number)
        self.bank.on_disconnect = lambda *_: self.lost.append(True)
        wait_until(lambda: subscribed, "the subscription")

    def _connect(self, name, user):
        client = mqtt.Client(name, clean_session=True)
        client.username_pw_set(user)
        client.connect("127.0.0.1", self.middle.port)
        client.loop_start()
        wait_until(client.is_connected, name)
        return client

    def send(self, n):
        for number in range(n):
            self.bank.publish(TOPIC, str(number), 1)

    def take(self, n, seconds=15):
        return [self.got.get(timeout=seconds) for _ in range(n)]

    def stop(self):
        for client in (self.bank, self.hq):
            client.loop_stop()
        self.middle.stop()
        self.broker.stop()


@pytest.fixture
def wire(tmp_path):
    wire = Wire(tmp_path)
    yield wire
    wire.stop()


def test_the_man_in_the_middle_lets_pass_what_he_is_told_to(wire):
    wire.middle.heal()
    wire.send(50)
    assert wire.take(50) == [str(number) for number in range(50)]


def test_the_man_in_the_middle_acknowledges_and_loses(wire):
    wire.middle.set_weather("hk-canton-1", schedule.Weather(lose=1))
    wire.send(5)
    wait_until(lambda: len(wire.acknowledged) == 5, "five acknowledgements that prove nothing")
    wire.middle.set_weather("hk-canton-1", schedule.CLEAR)
    wire.send(1)
    assert wire.take(1) == ["0"] and wire.got.empty()


def test_the_man_in_the_middle_doubles_and_swaps(wire):
    wire.middle.set_weather("hk-canton-1", schedule.Weather(double=1))
    wire.middle.set_weather("hq", schedule.CLEAR)
    wire.send(3)
    assert sorted(wire.take(6)) == ["0", "0", "1", "1", "2", "2"]
    wire.middle.set_weather("hk-canton-1", schedule.Weather(reorder=1))
    wire.send(4)
    got = wire.take(4)
    assert sorted(got) == ["0", "1", "2", "3"] and got != sorted(got)


def test_the_man_in_the_middle_tears_a_packet(wire):
    wire.middle.set_weather("hk-canton-1", schedule.Weather(cut=1))
    wire.send(1)
    wait_until(lambda: wire.lost, "the connection to break")
    assert wire.got.empty()


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_the_man_in_the_middle_stalls_one_direction(wire, direction):
    wire.middle.heal()
    wire.middle.gates("hk-canton-1", False, (direction,))
    wire.send(2)
    if direction == DOWN:
        assert wire.take(2) == ["0", "1"] and not wire.acknowledged
    else:
        with pytest.raises(queue.Empty):
            wire.got.get(timeout=0.5)
    wire.middle.gates("hk-canton-1", True)
    wait_until(lambda: len(wire.acknowledged) == 2, "the rest")
