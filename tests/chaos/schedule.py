"""What goes wrong, when, and with whom: a pure function of the seed.

The same seed and length give the same list, on every machine. What the programs make of it is up to
the scheduler of that machine; the list is what a failing run is replayed with.
"""

import dataclasses
import random

YEAR_MS = 365 * 86_400_000

# kind: (weight, who can meet it, shortest and longest span in seconds)
KINDS = {
    "kill": (26, "bank hq kiosk", (0.05, 1.2)),
    "power": (15, "bank", (0.1, 1.5)),
    "wipe": (8, "broker", (0.05, 1.5)),
    "freeze": (12, "bank hq broker kiosk", (0.3, 2.5)),
    "cut": (10, "link", (0, 0)),
    "stall": (8, "link", (0.3, 3.0)),
    "half": (5, "link", (0.5, 4.0)),
    "weather": (12, "link", (0.5, 3.0)),
    "refuse": (3, "net", (0.3, 2.0)),
    "clock": (7, "bank", (0, 0)),
    "disk": (6, "bank bank hq", (0.3, 2.5)),
    "restore": (3, "hq", (0.1, 0.8)),
    "import": (4, "import", (0, 0)),
    "jam": (3, "door", (0, 0)),
}
CALM_S = 0.5  # at the beginning, so that there is something to break
PAUSE_S = 0.3  # on average between two faults


@dataclasses.dataclass(frozen=True)
class Weather:
    """Chances, per PUBLISH packet, of what a bad broker or a bad network does to it."""

    lose: float = 0.0      # acknowledged, and then lost
    swallow: float = 0.0   # lost without a word
    double: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    delay_s: float = 0.0   # at most
    cut: float = 0.0       # in the middle of the packet


CLEAR = Weather()
DRIZZLE = Weather(lose=0.02, double=0.03, reorder=0.03, delay=0.05, delay_s=0.05, cut=0.003)
# After the storm: a broker that loses and doubles for ever must not keep anything from arriving.
EVENING = Weather(lose=0.2, double=0.1, reorder=0.1)


@dataclasses.dataclass(frozen=True)
class Fault:
    at_s: float
    kind: str
    target: str
    span_s: float = 0.0
    amount: int = 0         # of a clock: milliseconds; of a half-dead link: 0 up, 1 down
    weather: Weather = CLEAR

    def __str__(self):
        words = [f"{self.at_s:8.2f} s  {self.kind:<8} {self.target:<14}"]
        if self.span_s:
            words.append(f"for {self.span_s:.2f} s")
        if self.kind == "clock":
            words.append(f"by {self.amount / 86_400_000:+.3f} days")
        if self.kind in ("disk", "power", "restore", "jam"):
            words.append(f"number {self.amount}")
        if self.kind == "half":
            words.append("only upwards" if self.amount else "only downwards")
        if self.kind == "weather":
            words.append(str(self.weather))
        return " ".join(words).rstrip()


def _weather(rng):
    return Weather(lose=rng.uniform(0, 0.4), swallow=rng.choice([0, 0, rng.uniform(0, 0.05)]),
                   double=rng.uniform(0, 0.4), reorder=rng.uniform(0, 0.4),
                   delay=rng.uniform(0, 0.5), delay_s=rng.uniform(0.01, 0.3),
                   cut=rng.uniform(0, 0.05))


def _clock(rng):
    """Minutes, days or years, to either side, or back to the true time."""
    size = rng.choice([0, 90_000, 3_600_000, 86_400_000, 40 * 86_400_000, YEAR_MS, 6 * YEAR_MS])
    return rng.choice([-1, 1]) * size


def _targets(banks):
    return {"bank": banks, "hq": ["hq"], "kiosk": [f"kiosk of {name}" for name in banks],
            "broker": ["broker"], "link": [*banks, "hq"], "net": ["every link"],
            "import": ["import"], "door": banks}


def make(seed, seconds, banks, leave_out=()):
    """The faults of one run, in order of time, but for the kinds in `leave_out`."""
    rng = random.Random(f"pickup chaos {seed}")
    targets, faults, at_s = _targets(list(banks)), [], CALM_S
    kinds = list(KINDS)
    weights = [KINDS[kind][0] for kind in kinds]
    while True:
        at_s += rng.expovariate(1 / PAUSE_S)
        if at_s >= seconds:
            return faults
        kind = rng.choices(kinds, weights)[0]
        _, who, (shortest, longest) = KINDS[kind]
        target = rng.choice(targets[rng.choice(who.split())])
        fault = Fault(round(at_s, 3), kind, target, round(rng.uniform(shortest, longest), 3),
                      {"clock": _clock, "half": lambda r: r.randrange(2),
                       "jam": lambda r: r.randrange(1, 25),
                       "disk": lambda r: r.randrange(100), "power": lambda r: r.randrange(100),
                       "restore": lambda r: r.randrange(100)}.get(kind, lambda r: 0)(rng),
                      _weather(rng) if kind == "weather" else CLEAR)
        if kind not in leave_out:
            faults.append(fault)
