#!/usr/bin/env python3
"""The main job on real parts, told step by step: ./dev demo [--keep].

Every line is printed only after the thing it tells was seen: in the bank's store, at the door's sensor,
in HQ's database. A step that does not happen ends the demo with exit code 1.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "integration"))

from bank import Site  # noqa: E402
from processes import BUILD, program, wait_until  # noqa: E402

BRANCH, BANK = "hk-canton", "hk-canton-1"


class Story:
    """Prints what happened, in which program, after how many milliseconds."""

    def __init__(self):
        self.began = time.monotonic()
        self.bold, self.dim, self.plain = ("\033[1m", "\033[2m", "\033[0m") \
            if sys.stdout.isatty() else ("", "", "")

    def chapter(self, title):
        print(f"\n{self.bold}{title}{self.plain}", flush=True)

    def tell(self, who, what, ms=None):
        took = f"{ms:7.1f} ms" if ms is not None else " " * 10
        print(f"  {self.dim}{time.monotonic() - self.began:5.1f} s{self.plain} {took}  "
              f"{who:<13} {what}", flush=True)

    def show(self, text):
        for line in text.rstrip().splitlines():
            print(f"      {line}", flush=True)


class Timer:
    """Milliseconds of a with-block."""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.ms = (time.monotonic() - self.start) * 1000


class Demo:
    def __init__(self, folder, window):
        self.story, self.site, self.window = Story(), Site(folder), window
        self.hq = self.bank = self.simbank = self.kiosk = None
        self.seed = 0

    # --- the parts -------------------------------------------------------------------------------

    def start(self):
        story = self.story
        story.chapter("Start: one branch, one bank of 24 doors, everything on this machine")
        with Timer() as timer:
            self.site.broker.start()
        story.tell("mosquitto", f"listens on port {self.site.broker.port}: TLS, client certificates "
                   "of a throw-away CA, one ACL", timer.ms)
        with Timer() as timer:
            self.hq = self.site.hq()
        story.tell("pickup-hq", "made its keys and database and serves the feed", timer.ms)
        with Timer() as timer:
            self.bank = self.site.bank(BANK)
        story.tell("pickupd", "is on the bus; knows HQ's public key and nothing else", timer.ms)
        with Timer() as timer:
            self.simbank = self.bank.simbank("--auto-close=400")
        story.tell("simbank", "24 simulated doors; somebody closes an open one after 0.4 s", timer.ms)
        with Timer() as timer:
            self.kiosk = self.bank.kiosk(screen="sdl" if self.window else "mem")
        story.tell("pickup-kiosk", "camera, decoder, locks and screen are up", timer.ms)
        wait_until(lambda: self.bank.json("status")["online"], "the bank to be online", 20)

    def batch(self):
        story = self.story
        story.chapter("HQ imports the day's batch; the bank gets it over MQTT")
        sample = TOP / "tests" / "data" / "sample-orders.csv"
        with Timer() as timer:
            report = self.hq.do("import", sample)
        story.tell("pickup-hq", f"imported {sample.name}", timer.ms)
        story.show(report.stdout)
        self.orders = [order for order in self.hq.json("orders", "--limit=1000")
                       if order["branch"] == BRANCH]
        with Timer() as timer:
            wait_until(lambda: self.bank.json("status")["orders"] == len(self.orders),
                       "all orders at the bank", 30)
        story.tell("pickupd", f"has all {len(self.orders)} orders on disk", timer.ms)

    # --- showing codes ---------------------------------------------------------------------------

    def hold_up(self, text, **options):
        """A picture of the code in a hand: perspective, blur and noise, another one each time."""
        self.seed += 1
        self.kiosk.show(text, seed=self.seed, tilt=options.pop("tilt", 20), **options)

    def wait_session(self, *states, seconds=15):
        return wait_until(lambda: (lambda s: s if s["state"] in states else None)(
            self.bank.json("session")), f"session state {' or '.join(states)}", seconds)

    def events(self, kind, after):
        return [event for event in self.bank.json("events", f"--after={after}", "--limit=1000")
                if event["type"] == kind]

    def last_event(self):
        return self.bank.json("status")["last_event"]

    def wait_event(self, kind, after, match=lambda event: True, seconds=20):
        return wait_until(lambda: next((e for e in self.events(kind, after) if match(e)), None),
                          f"event '{kind}'", seconds)

    # --- chapters --------------------------------------------------------------------------------

    def choose(self):
        """Orders for the story: parcels that the bank can hold, none that wants a document check."""
        documents = (self.hq.json("order", order["order"])["document"] for order in self.orders)
        plain = [d for d in documents if not d["id_check"]
                 and not any(p["personalisation"] for p in d["parcels"])
                 and all(p["size"] in "SM" for p in d["parcels"])]
        ones = [d for d in plain if len(d["parcels"]) == 1]
        twos = [d for d in plain if len(d["parcels"]) == 2]
        self.first, self.jammed, self.waiting = ones[0], ones[1], ones[2]
        self.double = twos[0]

    def restock(self):
        story = self.story
        story.chapter("Staff restock: badge to the camera, label, door, close, next")
        badge = self.hq.json("badge", "17", "--role=stocker", "--name=Li")["code"]
        since = self.last_event()
        wait_until(lambda: self.bank.json("status")["cursor"] >= self.hq.json("banks")[0]["seq"],
                   "the staff document at the bank")
        self.hold_up(badge)
        self.wait_event("staff_in", since)
        story.tell("pickupd", "badge of Li (stocker 17) verified offline; staff session begins")
        labels = [p for d in (self.first, self.double) for p in d["parcels"]]
        for parcel in labels:
            with Timer() as timer:
                since = self.last_event()
                self.hold_up(parcel["barcode"], tilt=10)
                granted = self.wait_event("granted", since)
                self.wait_event("closed", since)
            story.tell("pickup-kiosk", f"label {parcel['barcode']} (size {parcel['size']}) → door "
                       f"{granted['door']} opened, filled, closed", timer.ms)
        since = self.last_event()
        self.hold_up(badge)
        self.wait_event("staff_out", since)
        story.tell("pickupd", "badge again: the last parcel is confirmed, the session ends")
        self.kiosk.show_nothing()
        for document in (self.jammed, self.waiting):
            for parcel in document["parcels"]:
                with Timer() as timer:
                    self.bank.ctl("stock", parcel["parcel"])
                story.tell("pickupctl", f"stock {parcel['parcel']}: the same from the command line",
                           timer.ms)
        story.show(self.bank.ctl("doors").stdout)

    def present(self, document, *end):
        """Holds the customer's code up until the session has ended in one of `end`."""
        since, traces = self.last_event(), len(self.kiosk.traces())
        code = self.hq.json("code", document["order"])["code"]
        self.hold_up(code)
        event = wait_until(
            lambda: next((e for kind in end for e in self.events(kind, since)
                          if e.get("order") == document["order"]), None),
            f"{' or '.join(end)} of {document['order']}", 30)
        self.kiosk.show_nothing()
        return since, event, self.kiosk.traces()[traces:]

    def tell_trace(self, trace):
        def step(begin, end):
            return (trace[end] - trace[begin]) / 1000

        self.story.tell("pickup-decode", "found and read the code in the picture",
                        step("captured_us", "decoded_us"))
        self.story.tell("pickupd", "verified it, decided, wrote the grant to disk",
                        step("presented_us", "granted_us"))
        self.story.tell("pickup-kiosk", f"coil of door {trace['door']} on (from the picture: "
                        f"{step('captured_us', 'coil_on_us'):.1f} ms)",
                        step("granted_us", "coil_on_us"))
        self.story.tell("simbank", "the sensor says: open", step("coil_on_us", "opened_us"))

    def collect(self):
        story = self.story
        document = self.first
        story.chapter(f"A tourist ({document['display']}, {document['lang']}) holds up the code of "
                      f"{document['order']}")
        _, event, traces = self.present(document, "collected")
        self.tell_trace(traces[0])
        story.tell("pickupd", f"collected on evidence (event {event['n']})")
        self.tell_hq(document, "collected")

    def tell_hq(self, document, state):
        with Timer() as timer:
            wait_until(lambda: self.hq.json("order", document["order"])["state"] == state,
                       f"HQ to know {document['order']} as {state}")
        self.story.tell("pickup-hq", f"knows: {document['order']} is {state}", timer.ms)

    def refused(self):
        story = self.story
        story.chapter("The same code once more: refused, and the screen says why")
        time.sleep(2)  # the phone was taken away: a code that is held still counts once
        _, event, _ = self.present(self.first, "refused")
        if event["outcome"] != "collected":
            raise RuntimeError(f"refused as {event['outcome']}, not as collected")
        story.tell("pickupd", "refused: already collected; no door moved")

    def two_parcels(self):
        document = self.double
        self.story.chapter(f"Two parcels: {document['order']} opens one door after the other")
        _, event, traces = self.present(document, "collected")
        for trace in traces:
            self.story.tell("simbank", f"door {trace['door']} open",
                            (trace["opened_us"] - trace["coil_on_us"]) / 1000)
        self.story.tell("pickupd", f"collected when both were seen open (event {event['n']})")
        self.tell_hq(document, "collected")

    def jam(self):
        document, story = self.jammed, self.story
        story.chapter(f"A jammed door: {document['order']}")
        door = next(d["door"] for d in self.bank.json("doors") if d["order"] == document["order"])
        self.simbank.do(f"jam {door}")
        since, _, _ = self.present(document, "not_opened")
        story.tell("pickup-kiosk", f"three pulses, door {door} never opened: the screen sends the "
                   "customer to staff")
        self.wait_event("door_jammed", since)
        state = self.bank.json("order", document["order"])["state"]
        if state == "collected":
            raise RuntimeError("an order whose door never opened counts as collected")
        story.tell("pickupd", f"order is still {state}; door {door} is marked jammed")
        self.simbank.do(f"unjam {door}")
        violations = json.loads(self.simbank.do("violations"))
        if violations:
            raise RuntimeError(f"the lock bank saw {violations}")
        story.tell("simbank", "no coil over its cap, never two at once")

    def offline(self):
        document, story = self.waiting, self.story
        story.chapter(f"The network is down: {document['order']} is collected all the same")
        self.site.broker.kill()
        story.tell("mosquitto", "killed (-9)")
        wait_until(lambda: not self.bank.json("status")["online"], "the bank to notice")
        _, _, traces = self.present(document, "collected")
        self.tell_trace(traces[0])
        story.tell("pickupd", f"collected; {self.bank.json('status')['outbox']} events wait in the "
                   "outbox")
        self.site.broker.start()
        story.tell("mosquitto", "is back, empty")
        self.tell_hq(document, "collected")

    def hq_view(self):
        story = self.story
        wait_until(lambda: self.bank.json("status")["outbox"] == 0, "every event at HQ")
        story.chapter("What HQ knows")
        story.show(self.hq.do("banks").stdout)
        story.show(self.hq.do("orders", "--state=collected").stdout)
        story.show(self.hq.do("order", self.double["order"]).stdout)
        story.show(self.hq.do("verify").stdout)

    def run(self):
        self.start()
        self.batch()
        self.choose()
        self.restock()
        self.collect()
        self.refused()
        self.two_parcels()
        self.jam()
        self.offline()
        self.hq_view()

    def save_screens(self):
        if self.window:
            return
        target = BUILD / "demo-screens"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.kiosk.screens, target, ignore=shutil.ignore_patterns(".*"))
        self.story.tell("pickup-kiosk", f"{len(list(target.glob('*.png')))} screens were saved in "
                        f"{target}")

    def keep(self):
        hq = f"{program('pickup-hq')} --config={self.hq.config} --state={self.hq.state}"
        ctl = f"{program('pickupctl')} --bus={self.bank.bus.address}"
        picture = f"{program('pickup-phone-picture')} --output={self.kiosk.camera}/0.jpg"
        self.story.chapter("Still running. Try, in another terminal; Ctrl-C here ends everything:")
        self.story.show(
            f"{ctl} status\n{ctl} orders --limit=20\n{ctl} watch\n"
            f"{ctl} stock {self.spare()['parcels'][0]['parcel']}\n"
            f"{hq} code {self.spare()['order']}\n"
            f"{picture} \"$({hq} code {self.spare()['order']} --text)\"   # show it to the camera\n"
            f"rm {self.kiosk.camera}/0.jpg   # take the phone away\n"
            f"{program('pickup-simbank')} --socket={self.simbank.socket} shell\n"
            f"{hq} events --follow\n"
            f"busctl --address={self.bank.bus.address} introspect io.pickupd.Bank1 "
            "/io/pickupd/bank1")
        try:
            signal.pause()
        except KeyboardInterrupt:
            print()

    def spare(self):
        """An order that nobody has touched yet."""
        used = {d["order"] for d in (self.first, self.double, self.jammed, self.waiting)}
        return next(document for document in
                    (self.hq.json("order", order["order"])["document"] for order in self.orders)
                    if document["order"] not in used and not document["id_check"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave it running for exploring")
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    window = words.keep and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    # Short, because the path of a Unix socket has room for 107 bytes.
    folder = tempfile.mkdtemp(prefix="pickup-demo-")
    demo = Demo(folder, window)
    try:
        demo.run()
        demo.save_screens()
        if words.keep:
            demo.keep()
    except (RuntimeError, TimeoutError, FileNotFoundError, StopIteration, KeyError) as problem:
        print(f"\nThe demo stopped: {type(problem).__name__}: {problem}", file=sys.stderr)
        for process in (demo.hq, demo.bank, demo.simbank, demo.kiosk):
            if process:
                print(f"--- {process.name} said last:\n{process.tail(1200)}", file=sys.stderr)
        return 1
    finally:
        demo.site.stop()
        shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - demo.story.began
    print(f"\nThe demo is through: every step was seen to happen, in {seconds:.1f} s. "
          "Nothing is left running.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
