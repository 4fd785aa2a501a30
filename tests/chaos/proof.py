"""What must be true when the storm is over, whatever went wrong in it. Each proof returns the words
of what it found broken; an empty list is a proof."""

import collections
import hashlib
import json

from stores import meta, rows

COLLECTED = 3   # placements.state
SLACK_US = 5000 # of the time at which a simulated lock bank says that its clock began


def blake(data):
    return hashlib.blake2b(data, digest_size=32).digest()


class Evidence:
    """Everything that HQ and the banks have on their disks, and what really happened."""

    def __init__(self, hq, banks, ledger, remotes, turned):
        """`remotes` are the commands of HQ's desk, `turned` the banks whose clock was turned."""
        self.hq, self.banks, self.ledger = hq, banks, ledger
        self.remotes, self.turned = remotes, turned
        self.hq_db = hq.state / "hq.db"
        self.documents = {}  # branch: {(kind, name): (seq, document)}
        for branch, kind, name, seq, body in rows(
                self.hq_db, "SELECT branch, kind, name, seq, body FROM document"):
            self.documents.setdefault(branch, {})[kind, name] = seq, json.loads(body)
        self.hq_events = collections.defaultdict(list)  # (bank, log): [event]
        for bank, log, body in rows(
                self.hq_db, "SELECT l.bank, l.name, e.body FROM event e"
                            " JOIN log l ON l.id = e.log_id ORDER BY e.log_id, e.n"):
            self.hq_events[bank, log].append(json.loads(body))
        self.log_of = {bank.bank: meta(bank, "log") for bank in banks}
        self.own_events = {bank.bank: [json.loads(body) for body, in rows(
            bank.state / "bank.db", "SELECT event FROM events ORDER BY n")] for bank in banks}

    def order(self, name):
        branch = self.ledger.orders[name].branch
        return self.documents.get(branch, {}).get(("order", name), (0, None))[1]

    def told(self, bank, *types):
        events = self.hq_events[bank, self.log_of[bank]]
        return [event for event in events if event["type"] in types]


def seen(event):
    return f"event {event.get('n')} ({event.get('type')})"


# --- orders --------------------------------------------------------------------------------------


def orders_are_newest(evidence):
    """Every order at every bank of its branch in HQ's newest form, and HQ's as the shop told it."""
    found = []
    for order in evidence.ledger.orders.values():
        document = evidence.order(order.name)
        if not document:
            found.append(f"{order.name}: HQ does not know it")
        elif (document["status"], document["display"]) != (order.wanted(), order.display):
            found.append(f"{order.name}: the shop says {order.wanted()} {order.display}, HQ "
                         f"{document['status']} {document['display']}")
    for bank in evidence.banks:
        found += _bank_has(evidence, bank)
    return found


def _bank_has(evidence, bank):
    found, store = [], bank.state / "bank.db"
    generation = meta(bank, "generation")
    wanted = evidence.documents.get(bank.branch, {})
    own = {("order", name): (seq, gen, json.loads(body)) for name, seq, gen, body in rows(
        store, "SELECT number, seq, generation, document FROM orders WHERE erased = 0")}
    erased = {name for name, in rows(store, "SELECT number FROM orders WHERE erased = 1")}
    for kind, name, gen, body in rows(
            store, "SELECT kind, name, generation, document FROM documents"):
        document = json.loads(body)
        own[kind, name] = document["seq"], gen, document
    for key, (seq, document) in wanted.items():
        if key[1] in erased:
            continue
        if key not in own:
            found.append(f"{bank.bank} does not have {key[0]} {key[1]}")
        elif own[key][0] != seq or own[key][2] != document:
            found.append(f"{bank.bank} has {key[0]} {key[1]} as of {own[key][0]}, HQ as of {seq}: "
                         f"{difference(own[key][2], document)}")
        elif own[key][1] != generation:
            found.append(f"{bank.bank} has {key[0]} {key[1]} of an older feed only")
    for key in set(own) - set(wanted):
        if own[key][1] == generation:
            found.append(f"{bank.bank} has {key[0]} {key[1]}, which HQ does not have")
    return found


def difference(own, other):
    return ", ".join(f"{member} {json.dumps(own.get(member))} / {json.dumps(other.get(member))}"
                     for member in sorted(set(own) | set(other))
                     if own.get(member) != other.get(member))


# --- events --------------------------------------------------------------------------------------


def events_exactly_once(evidence):
    """Every event of every bank is at HQ once, in order, as the bank has it."""
    found = []
    for bank in evidence.banks:
        told = evidence.hq_events[bank.bank, evidence.log_of[bank.bank]]
        own = evidence.own_events[bank.bank]
        numbers = [event["n"] for event in told]
        last = own[-1]["n"] if own else 0
        if numbers != list(range(1, last + 1)):
            missing = sorted(set(range(1, last + 1)) - set(numbers))
            found.append(f"{bank.bank} has {last} events, HQ {len(numbers)}; missing "
                         f"{missing[:10]}")
        at_hq = {event["n"]: event["hash"] for event in told}
        for event in own:
            if event["n"] in at_hq and at_hq[event["n"]] != event["hash"]:
                found.append(f"{bank.bank} {seen(event)} is another one at HQ")
    return found


def chain_is_unbroken(evidence):
    """Recomputed from the text of docs/protocol.md, apart from the code of the programs; and HQ's
    own word on it."""
    found = []
    for bank in evidence.banks:
        log = evidence.log_of[bank.bank]
        for where, events in (("HQ", evidence.hq_events[bank.bank, log]),
                              ("the bank", evidence.own_events[bank.bank])):
            found += [f"{bank.bank} at {where}: {words}" for words in broken(log, events)]
    done = evidence.hq.do("verify", "--json", check=False)
    verdict = evidence.hq.parse(done.stdout) or {"good": False, "alarms": done.stderr}
    if not verdict["good"]:
        found.append(f"pickup-hq verify: {json.dumps(verdict)}")
    found += [f"alarm at HQ: {alarm['bank']} event {alarm['n']}: {alarm['text']}"
              for alarm in verdict.get("alarms", []) if alarm.get("kind") in ("fork", "chain")]
    return found


def broken(log, events):
    if not events:
        return []
    start = events[0]["n"]
    previous = blake(log.encode()) if start == 1 else None
    for event in events:
        body = {key: value for key, value in event.items() if key not in ("hash", "personal")}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if previous is not None and blake(previous + text.encode()).hex() != event["hash"]:
            return [f"{seen(event)} does not fit the chain"]
        previous = bytes.fromhex(event["hash"])
    return []


# --- doors ---------------------------------------------------------------------------------------


def no_pulse_without_grant(evidence):
    """The cabinet's own record of its coils against what the bank had written down before."""
    found = []
    for bank in evidence.banks:
        grants = {row[0]: row for row in rows(
            bank.state / "bank.db", "SELECT id, door, boot, deadline_us, pulses FROM grants")}
        told = {event["grant"]: event for event in evidence.told(bank.bank, "granted")}
        begun = {event["grant"]: event["mono"] for event in told.values()}
        spent = collections.Counter()
        for pulse in bank.cabinet.pulses:
            number = pulse.grant or _grant_at(pulse, grants, begun)
            words = f"{bank.bank}: the coil of door {pulse.door} at {pulse.at_us} us"
            grant = grants.get(number)
            spent[number] += 1
            if not grant or number not in told:
                found.append(f"{words} without a grant (told: {pulse.grant or 'unknown'})")
            elif grant[1] != pulse.door or told[number]["door"] != pulse.door:
                found.append(f"{words} on the grant {number} of door {grant[1]}")
            elif pulse.at_us > grant[3] + SLACK_US:
                found.append(f"{words} {pulse.at_us - grant[3]} us after the end of grant {number}")
            elif pulse.boot and pulse.boot != grant[2]:
                found.append(f"{words} on a grant of another boot")
            elif spent[number] > grant[4]:
                found.append(f"{words} is pulse {spent[number]} of grant {number}")
    return found


def _grant_at(pulse, grants, begun):
    """The newest grant of the door at that time: a lock bank does not know the number."""
    numbers = [number for number, grant in grants.items() if grant[1] == pulse.door
               and begun.get(number, pulse.at_us + SLACK_US) <= pulse.at_us + SLACK_US]
    return max(numbers, default=0)


def no_late_opening(evidence):
    """A command of HQ's is carried out once or never, and never after its deadline. A bank whose
    clock was turned believes another time, so only the first is asked of it."""
    found = []
    remotes = {remote.identity: remote for remote in evidence.remotes}
    for bank in evidence.banks:
        accepted = [e for e in evidence.told(bank.bank, "command") if e["result"] == "accepted"]
        count = collections.Counter(event["id"] for event in accepted)
        found += [f"{bank.bank} took command {identity} {n} times"
                  for identity, n in count.items() if n > 1]
        for event in accepted:
            remote = remotes.get(event["id"])
            if remote and bank.bank not in evidence.turned and event["mono"] > remote.deadline_us:
                found.append(f"{bank.bank} took command {event['id']} "
                             f"{event['mono'] - remote.deadline_us} us after its deadline")
        granted = [e for e in evidence.told(bank.bank, "granted") if e["purpose"] == "remote"]
        if len(granted) > len(accepted):
            found.append(f"{bank.bank}: {len(granted)} doors opened for {len(accepted)} commands")
    return found


def nobody_saw_anything_wrong(evidence):
    """What staff and customers saw when it happened: a wrong parcel, a dead code that opened."""
    return list(evidence.ledger.wrong)


def nothing_given_twice(evidence):
    """One opening for its customer a parcel, over all banks."""
    found = []
    collected = collections.Counter()
    for bank in evidence.banks:
        for event in evidence.told(bank.bank, "parcel_collected"):
            collected[event["parcel"]] += 1
        orders = collections.Counter(e["order"] for e in evidence.told(bank.bank, "collected"))
        found += [f"{bank.bank}: order {order} was collected {n} times"
                  for order, n in orders.items() if n > 1]
    return found + [f"parcel {parcel} was collected {n} times"
                    for parcel, n in collected.items() if n > 1]


def collected_is_known(evidence):
    """What customers carry away is collected at its bank and at HQ, and nothing else is. A parcel
    whose grant had no outcome may be found missing by staff instead (promise 3)."""
    found, ledger = [], evidence.ledger
    opened, doubted = set(), set()
    for bank in evidence.banks:
        opened |= {e["parcel"] for e in evidence.told(bank.bank, "parcel_collected")}
        doubted |= {e.get("parcel") for e in evidence.told(bank.bank, "outcome_unknown")}
    at_hq = set()
    for order in ledger.orders.values():
        for parcel in (evidence.order(order.name) or {}).get("parcels", []):
            if parcel["collected"]:
                at_hq.add(parcel["parcel"])
    at_banks = {parcel for bank in evidence.banks for parcel, in rows(
        bank.state / "bank.db", "SELECT parcel FROM placements WHERE state = ?", COLLECTED)}
    for parcel, (bank, door) in ledger.handed.items():
        if parcel not in opened and parcel not in doubted:
            found.append(f"{parcel} left door {door} of {bank}, and nobody was told")
    for parcel in sorted(opened ^ at_hq):
        found.append(f"{parcel}: collected by the events: {parcel in opened}, by HQ's document: "
                     f"{parcel in at_hq}")
    for parcel in sorted(opened - at_banks):
        found.append(f"{parcel} was collected, but its bank has forgotten it")
    for parcel in sorted(opened - set(ledger.handed)):
        found.append(f"{parcel} counts as collected, but its customer does not have it")
    return found + _orders_collected(evidence, at_hq)


def _orders_collected(evidence, at_hq):
    found = []
    states = {entry["order"]: entry["state"] for entry in
              evidence.hq.json("orders", "--limit=1000000")}
    for order in evidence.ledger.orders.values():
        whole = all(parcel in at_hq for parcel in order.parcels)
        state = states.get(order.name)
        if whole != (state == "collected") and not (whole and state == "disputed"):
            found.append(f"{order.name}: all parcels collected: {whole}, HQ says {state}")
    return found


def doors_hold_what_is_written(evidence):
    """Each door holds the parcel that its bank says, and HQ says the same of it."""
    found = []
    for bank in evidence.banks:
        inside = evidence.ledger.inside(bank.bank)
        written = dict(rows(bank.state / "bank.db",
                            "SELECT door, parcel FROM placements WHERE state IN (1, 2)"))
        for door in sorted(set(inside) | set(written)):
            if inside.get(door) != written.get(door):
                found.append(f"{bank.bank} door {door} holds {inside.get(door)}, the bank says "
                             f"{written.get(door)}")
        for door, parcel in written.items():
            document = evidence.order(evidence.ledger.order_of[parcel]) or {"parcels": []}
            placed = next((p["placed"] for p in document["parcels"] if p["parcel"] == parcel), None)
            if not placed or (placed["bank"], placed["door"]) != (bank.bank, door):
                found.append(f"{parcel} lies in door {door} of {bank.bank}, HQ says {placed}")
    return found


# --- the rest ------------------------------------------------------------------------------------


def nothing_is_pending(evidence):
    found = []
    for bank in evidence.banks:
        last = evidence.own_events[bank.bank][-1]["n"]
        if meta(bank, "acked") != last:
            found.append(f"{bank.bank}: {last} events, {meta(bank, 'acked')} acknowledged")
        out = rows(bank.state / "bank.db", "SELECT id, door FROM grants WHERE outcome = 0")
        if out:
            found.append(f"{bank.bank}: grants without an outcome: {out}")
        (seq,), = rows(evidence.hq_db, "SELECT last_seq FROM branch WHERE name = ?", bank.branch)
        applied = rows(evidence.hq_db, "SELECT applied FROM bank WHERE name = ?", bank.bank)
        if meta(bank, "cursor") != seq or applied != [(seq,)]:
            found.append(f"{bank.bank}: cursor {meta(bank, 'cursor')}, HQ's newest is {seq} and it "
                         f"knows of {applied}")
    found += [f"{change['order']}: {change['change']} is still pending for {change['waits_for']}"
              for change in evidence.hq.json("pending")]
    return found


PROOFS = [orders_are_newest, events_exactly_once, chain_is_unbroken, no_pulse_without_grant,
          no_late_opening, nobody_saw_anything_wrong, nothing_given_twice, collected_is_known,
          doors_hold_what_is_written, nothing_is_pending]
