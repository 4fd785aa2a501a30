"""Start-up and reconnect: every way in which there is no connection, told in words, with the real
programs. While it lasts the bank answers its customers."""

import os
import subprocess
import time

import pytest

import scripted_broker as scripted
from authority import Authority
from processes import free_port, wait_until
from scripted_broker import Proxy, Server
from test_collection import Hands, orders_file


def point(program, section="hq", **settings):
    """Overrides settings of a program by a drop-in."""
    folder = program.config.with_name(program.config.name + ".d")
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text(
        f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in settings.items()))


def start(site, **settings):
    """A bank that is pointed elsewhere; HQ is set up and not running."""
    site.hq(start=False)
    bank = site.bank(start=False)
    point(bank, connect_timeout="1s", **settings)
    bank.start()
    return bank, Hands(bank)


def expect(hands, word, *words):
    """The trouble is told by that word and in a sentence with these words; the loop lives."""
    status = wait_until(lambda: (lambda s: s if s["connection_state"] == word else None)(
        hands.status()), f"the trouble {word}; it says {hands.status()['connection']}", 40)
    for part in words:
        assert part in status["connection"], status["connection"]
    assert abs(status["connection_since"] - time.time() * 1000) < 120000
    assert status["connection_for_s"] < 120
    hands.attach()
    assert hands.bank.call("Present", "s", "hello")[0] == "unknown", "customers are served"
    assert word in hands.bank.ctl("status").stdout
    for part in words:
        assert part in hands.bank.tail(20000), "the log says it too"
    return status


def test_a_name_that_nobody_knows(site):
    _, hands = start(site, host="no-such-broker.invalid")
    expect(hands, "name", "cannot find no-such-broker.invalid", "name server")


def test_a_port_where_nobody_listens(site):
    _, hands = start(site, port=free_port())
    expect(hands, "refused", "check that the broker runs")


@pytest.mark.parametrize("script, tls, word, words", [
    (scripted.silent_at_once, False, "tls_no_answer", "does not answer the TLS handshake"),
    (scripted.silent_at_once, True, "connack_missing", "no MQTT broker answered"),
    (scripted.silent_after_connack, True, "suback_missing", "did not confirm the subscriptions"),
    (scripted.refuses_subscription, True, "subscription", "check its access list"),
    (scripted.refuses_credentials, True, "credentials", "check user, password and certificate"),
], ids=lambda value: getattr(value, "__name__", None) or str(value))
def test_a_broker_that_stops_at_a_step(site, script, tls, word, words):
    pem = scripted.certificate(site.authority, site.folder, "scripted") if tls else None
    with Server(script, pem) as server:
        _, hands = start(site, port=server.port)
        expect(hands, word, words)
        wait_until(lambda: server.accepted >= 2, "another try", 40)


def test_a_silent_broker_without_tls(site):
    with Server(scripted.silent_at_once) as server:
        _, hands = start(site, port=server.port, ca_file="", certificate_file="", key_file="")
        expect(hands, "connack_missing", "check the port")


def test_a_server_that_closes_without_an_answer(site):
    with Server(scripted.closes_unanswered) as server:
        _, hands = start(site, port=server.port, ca_file="", certificate_file="", key_file="")
        expect(hands, "closed", "before it was set up", "set ca_file")


@pytest.mark.parametrize("case, words", [
    ("authority", "check that ca_file holds the authority"),
    ("expired", "renew it, or set the clock"),
    ("name", "is for another name")])
def test_a_certificate_that_is_not_good(site, case, words):
    authority = Authority(site.folder / "other") if case == "authority" else site.authority
    pem = scripted.certificate(authority, site.folder, "scripted", -1 if case == "expired" else 2,
                               "broker.example" if case == "name" else "localhost")
    with Server(scripted.silent_at_once, pem) as server:
        _, hands = start(site, port=server.port)
        expect(hands, "certificate", words)


def test_a_client_certificate_that_the_broker_does_not_know(site):
    stranger, key = Authority(site.folder / "other").issue("hk-canton-1")
    _, hands = start(site, certificate_file=stranger, key_file=key)
    expect(hands, "credentials", "client certificate")


def test_a_certificate_file_that_is_not_there(site):
    _, hands = start(site, ca_file=site.folder / "nowhere.pem")
    expect(hands, "local", "nowhere.pem cannot be read", "check path and owner")


def restrict(site, *rules):
    """Another access list for the running broker."""
    (site.folder / "acl").write_text("user hq\ntopic readwrite pickup/v1/#\n" +
                                     "".join(f"pattern {rule}\n" for rule in rules))
    site.broker.stop()
    site.broker.start()


@pytest.mark.parametrize("rules", [("read pickup/v1/%u/down/#",), ("write pickup/v1/%u/up/#",)],
                         ids=["may not publish", "may not read"])
def test_an_access_list_that_denies_silently(site, rules):
    """The broker grants the subscription, acknowledges what it throws away, and says nothing."""
    site.hq()
    restrict(site, *rules)
    bank = site.bank()
    hands = Hands(bank)
    expect(hands, "hq_silent", "access list lets this bank write pickup/v1/hk-canton-1/up/#",
           "pickup-hq serve runs")
    assert hands.status()["online"]
    restrict(site, "write pickup/v1/%u/up/#", "read pickup/v1/%u/down/#")
    wait_until(lambda: hands.status()["connection_state"] == "connected", "HQ to be heard", 40)
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 40)


def test_an_hq_that_is_away_and_one_with_another_key(site):
    hq = site.hq(start=False)
    bank = site.bank()
    hands = Hands(bank)
    expect(hands, "hq_silent", "knows bank hk-canton-1")
    hq.start()
    wait_until(lambda: hands.status()["connection_state"] == "connected", "HQ to be heard", 40)
    bank.stop()
    (bank.folder / "feed.pub").write_text("A" * 43 + "=\n")
    bank.start()
    expect(hands, "hq_unsigned", "feed_key")


def test_since_when_is_told_of_each_trouble(site):
    port = free_port()
    _, hands = start(site, port=port)
    first = expect(hands, "refused")
    wait_until(lambda: hands.status()["attempts"] >= first["attempts"] + 2, "more attempts")
    assert hands.status()["connection_since"] == first["connection_since"], "the same trouble"
    pem = scripted.certificate(site.authority, site.folder, "scripted")
    with Server(scripted.refuses_credentials, pem, port):
        second = expect(hands, "credentials")
    assert second["connection_since"] > first["connection_since"]
    third = expect(hands, "refused")
    assert third["connection_since"] > second["connection_since"]


def test_a_broker_that_dies_and_comes_back(site):
    site.hq()
    bank = site.bank()
    hands = Hands(bank)
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ")
    assert hands.status()["connection_state"] == "connected"
    since = hands.status()["connection_since"]
    site.broker.kill()
    expect(hands, "refused")
    bank.ctl("door", "3", "out-of-service", "--reason=hinge")
    assert hands.status()["outbox"] > 0
    site.broker.start()
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 40)
    assert hands.status()["connection_since"] > since


def test_a_connection_that_half_dies(site):
    """No FIN ever comes and what is written goes nowhere."""
    hq = site.hq(start=False)
    bank = site.bank(start=False)
    with Proxy(site.broker.port) as proxy:
        point(bank, port=proxy.port, keepalive="5s")
        point(hq, "broker", port=proxy.port, keepalive="5s")
        hq.start()
        bank.start()
        hands = Hands(bank)
        wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ")
        wait_until(lambda: hands.status()["connection_state"] == "connected", "HQ to be heard")
        proxy.hold()
        bank.ctl("door", "3", "out-of-service", "--reason=hinge")
        wait_until(lambda: "no longer answers" in bank.tail(20000), "the bank to notice", 60)
        wait_until(lambda: "no longer answers" in hq.tail(20000), "HQ to notice", 60)
        wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 60)
        assert len([e for e in hq.json("events") if e["type"] == "door_out_of_service"]) == 1


def test_connections_that_are_cut_in_the_middle_of_packets(site):
    """Promise 4: at whatever byte it ends, everything arrives, and once."""
    hq, bank = site.hq(), site.bank(start=False)
    hq.do("import", orders_file(site.folder, 400))
    with Proxy(site.broker.port) as proxy:
        point(bank, port=proxy.port)
        proxy.cut(1)
        bank.start()
        hands = Hands(bank)
        for after in (3, 700, 3000, 9000, 20000, 60000):
            wait_until(lambda: proxy.left is None, "the cut", 60)
            bank.ctl("door", "3", "out-of-service", f"--reason=cut {after}")
            proxy.cut(after)
            bank.ctl("door", "3", "in-service")
        proxy.left = None
        wait_until(lambda: hands.status()["orders"] == 400 and hands.status()["outbox"] == 0,
                   "everything to arrive", 60)
    events = [e["n"] for e in hq.json("events")]
    assert events == list(range(1, len(events) + 1)) and len(events) >= 12
    assert hq.json("verify")["good"]


# --- black holes, in a network namespace of the test's own ------------------------------------------

def namespace(*commands):
    """A command line that runs a program where 192.0.2.0/24 swallows everything."""
    script = " && ".join((
        "ip link set lo up", "ip link add hole type veth peer name bottom",
        "ip link set bottom up", "ip link set hole arp off up",
        "ip address add 192.0.2.2/24 dev hole", *commands, 'exec "$@"'))
    return ["unshare", "--net", "--mount", "sh", "-c", script, "sh"]


def can_unshare():
    return os.getuid() == 0 and subprocess.run(
        [*namespace(), "true"], check=False, capture_output=True).returncode == 0


@pytest.fixture(name="hole")
def fixture_hole():
    if not can_unshare():
        pytest.skip("no network namespaces here")


def start_in_hole(site, *commands, **settings):
    site.hq(start=False)
    bank = site.bank(start=False)
    bank.words = namespace(*commands) + bank.words
    point(bank, connect_timeout="1s", **settings)
    bank.start()
    return Hands(bank)


def test_an_address_that_is_a_black_hole(site, hole):
    expect(start_in_hole(site, host="192.0.2.9"), "no_answer", "check address, network and fire")


def test_an_address_without_a_route(site, hole):
    expect(start_in_hole(site, host="198.51.100.9"), "unreachable", "check network and address")


def test_a_name_server_that_is_dead(site, hole):
    resolv = site.folder / "resolv.conf"
    resolv.write_text("nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
    hands = start_in_hole(site, f"mount --bind {resolv} /etc/resolv.conf",
                          host="broker.example.net")
    expect(hands, "name", "cannot find broker.example.net", "name server")
    assert hands.bank.stop() == 0, "it leaves also while the resolver hangs"


# --- the same for pickup-hq ---------------------------------------------------------------------------

@pytest.mark.parametrize("case, word, words", [
    ("refused", "refused", "check that the broker runs"),
    ("silent", "tls_no_answer", "does not answer the TLS handshake"),
    ("certificate", "certificate", "check that ca_file holds"),
    ("credentials", "credentials", "check user, password"),
    ("suback", "suback_missing", "did not confirm"),
    ("name", "name", "cannot find")])
def test_hq_says_why_it_has_no_broker(site, case, word, words):
    hq = site.hq(start=False)
    script = {"credentials": scripted.refuses_credentials,
              "suback": scripted.silent_after_connack}.get(case, scripted.silent_at_once)
    authority = Authority(site.folder / "other") if case == "certificate" else site.authority
    pem = None if case == "silent" else scripted.certificate(authority, site.folder, "scripted")
    with Server(script, pem) as server:
        point(hq, "broker", connect_timeout="1s",
              port=free_port() if case == "refused" else server.port,
              host="no-such-broker.invalid" if case == "name" else "127.0.0.1")
        assert hq.json("status")["connection_state"] == "stopped"
        hq.start()
        status = wait_until(lambda: (lambda s: s if s["connection_state"] == word else None)(
            hq.json("status")), f"the trouble {word}; {hq.tail()}", 40)
        assert words in status["connection"] and words in hq.tail(20000)
        assert status["serving"] and abs(status["connection_since"] - time.time() * 1000) < 120000
        assert word in hq.do("status").stdout
    assert hq.stop() == 0
    assert hq.json("status")["connection_state"] == "stopped"


def test_hq_is_connected(site):
    hq = site.hq()
    wait_until(lambda: hq.json("status")["connection_state"] == "connected", "the connection")
