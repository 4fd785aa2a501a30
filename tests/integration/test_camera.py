"""What engineers see of the cameras, and what a bank with two of them sees."""

import json
import re
import shutil
import stat
import time
import xml.etree.ElementTree as ElementTree

from processes import program, run, wait_until
from test_collection import code, orders_file


def a_bank(site, settings="", n=3):
    hq, bank = site.hq(), site.bank()
    hq.do("import", orders_file(site.folder, n, 1))
    wait_until(lambda: bank.json("status")["orders"] >= n, "the orders at the bank")
    bank.simbank("--auto-close=300")
    return hq, bank, bank.kiosk(settings=settings)


def camera(bank, number=1):
    return next(c for c in bank.json("camera")["cameras"] if c["camera"] == number)


def rasterise(card, path, pixels_per_mm):
    """The printed card as a flat picture (PGM); it knows the few things that the card is made of."""
    root = ElementTree.parse(card).getroot()
    name = "{http://www.w3.org/2000/svg}"
    width, height = 210 * pixels_per_mm, 297 * pixels_per_mm
    rows = [bytearray(b"\xff" * width) for _ in range(height)]

    def fill(x, y, w, h, tone):
        left, right = round(x * pixels_per_mm), round((x + w) * pixels_per_mm)
        for row in rows[round(y * pixels_per_mm):round((y + h) * pixels_per_mm)]:
            row[left:right] = bytes([tone]) * (right - left)

    for item in root:
        tone = int(item.get("fill", "#00")[1:3], 16)
        if item.tag == f"{name}rect" and "x" in item.keys():
            fill(*(float(item.get(key)) for key in ("x", "y", "width", "height")), tone)
        elif item.tag == f"{name}path":
            for x, y, w, h in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)", item.get("d")):
                fill(float(x), float(y), float(w), float(h), tone)
    path.write_bytes(b"P5\n%d %d\n255\n" % (width, height) + b"".join(rows))


def test_the_card_before_the_camera(site):
    hq, bank, kiosk = a_bank(site)
    card = site.folder / "card.svg"
    bank.ctl("test-card", card)
    again = bank.ctl("test-card", card, check=False)
    assert again.returncode == 1 and "exists" in again.stderr
    picture = kiosk.camera / ".card.pgm"
    rasterise(card, picture, 10)
    picture.rename(kiosk.camera / "card.pgm")

    def read():
        return [i for i, n in enumerate(camera(bank)["cards"]) if n > 0]
    # The smallest codes have three pixels a module here; several codes lie in one picture, and the
    # finder looks at some in each.
    wait_until(lambda: len(read()) >= 3, "codes of the card to be read", 60)
    seen = wait_until(lambda: (lambda c: c if c["rate"] > 0 else None)(camera(bank)),
                      "a rate, which needs two pictures", 20)
    assert seen["sees"] and seen["pictures"] > 0
    assert (seen["gray_width"], seen["gray_height"]) == (2100, 2970)
    assert 100 < seen["brightness"] < 256 and seen["sharpness"] > 0.9
    text = bank.ctl("camera").stdout
    for word in ("test card", "brightness", "sharpness", "1.2 mm", "decoder: replaced 0 times"):
        assert word in text, text
    assert bank.json("events", "--limit=1000")[-1]["type"] != "refused", "the card is no code"


def test_a_picture_is_kept_only_when_asked_for(site):
    hq, bank, kiosk = a_bank(site)
    done = bank.ctl("camera", f"--save={site.folder}/none.jpg", check=False)
    assert done.returncode == 1 and "no picture" in done.stderr
    kiosk.show("hello")
    path = site.folder / "picture.jpg"
    bank.ctl("camera", f"--save={path}")
    assert path.read_bytes() == (kiosk.camera / "0.jpg").read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = bank.ctl("camera", f"--save={path}", check=False)
    assert again.returncode == 1 and "exists" in again.stderr
    nobody = bank.ctl("camera", "--camera=3", f"--save={site.folder}/3.jpg", check=False)
    assert nobody.returncode == 1 and "no camera 3" in nobody.stderr
    kiosk.stop()
    gone = bank.ctl("camera", check=False)
    assert gone.returncode == 3 and "pickup-kiosk is not running" in gone.stderr


def test_two_cameras_on_one_decoder(site):
    second = site.folder / "second"
    second.mkdir()
    hq, bank, kiosk = a_bank(site, f"[camera 2]\nbackend=files\nfolder={second}\nfps=3\n")
    for parcel in ("P-1-1", "P-2-1"):
        bank.ctl("stock", parcel)
    kiosk.show("nothing of ours")  # the quick camera always has something to look at
    wait_until(lambda: camera(bank)["frames"] > 5, "pictures of the first camera")
    picture = site.folder / "second.jpg"
    run(program("pickup-phone-picture"), f"--output={picture}", code(hq, "HK-2"))
    shutil.copy(picture, second / ".0.jpg")
    (second / ".0.jpg").rename(second / "0.jpg")
    wait_until(lambda: bank.json("order", "HK-2")["state"] == "collected", "the second camera's code")
    (second / "0.jpg").unlink()
    kiosk.show(code(hq, "HK-1"))
    wait_until(lambda: bank.json("order", "HK-1")["state"] == "collected", "the first camera's code")
    both = [c["camera"] for c in bank.json("camera")["cameras"]]
    assert both == [1, 2]
    shutil.rmtree(second)
    time.sleep(0.5)
    assert camera(bank)["sees"]


def test_a_hint_comes_and_goes(site):
    hq, bank, kiosk = a_bank(site)
    kiosk.show("https://example.org/")
    wait_until(lambda: kiosk.shown()[-1:] == ["hint-foreign"], "the hint", 40)
    assert camera(bank)["hint"] == "foreign"
    kiosk.show_nothing()
    wait_until(lambda: kiosk.shown()[-1:] == ["attract"], "the hint to go away", 40)
