#!/usr/bin/env python3
"""Makes sample-orders.csv and sample-orders.json: 200 orders of a duty-free shop.

Always the same for the same seed. The pickup windows are wide, so that the files work on any date.
"""

import argparse
import csv
import json
import pathlib
import random

GOODS = {
    "perfume": ("PF", "S", [
        ("Eau de Parfum Jasmine 50 ml", "茉莉香水 50 毫升"),
        ("Eau de Toilette Citrus 100 ml", "柑橘淡香水 100 毫升"),
        ("Eau de Parfum Oud 75 ml", "沉香香水 75 毫升"),
        ("Cologne Neroli 200 ml", "橙花古龙水 200 毫升")]),
    "liquor": ("LQ", "M", [
        ("Single Malt Whisky 18 years 1 l", "18 年单一麦芽威士忌 1 升"),
        ("Cognac XO 70 cl", "XO 干邑 70 厘升"),
        ("Sorghum Spirit 53 % 500 ml", "53 度白酒 500 毫升"),
        ("Junmai Daiginjo Sake 720 ml", "纯米大吟酿清酒 720 毫升"),
        ("Bordeaux Red Wine 3 × 75 cl", "波尔多红酒 3 瓶装")]),
    "cosmetics": ("CO", "S", [
        ("Face Serum Duo 2 × 50 ml", "面部精华套装 2 × 50 毫升"),
        ("Snail Cream 100 ml", "蜗牛面霜 100 毫升"),
        ("Lipstick Set of 5", "口红五支装"),
        ("Sheet Masks, 30 pieces", "面膜 30 片")]),
    "watches": ("WA", "S", [
        ("Automatic Watch 40 mm", "自动机械表 40 毫米"),
        ("Diver's Watch 200 m", "200 米潜水表"),
        ("Ladies' Watch 28 mm", "女士腕表 28 毫米")]),
    "tobacco": ("TB", "M", [
        ("Cigarettes, carton of 200", "香烟一条 200 支"),
        ("Cigars, box of 10", "雪茄 10 支装")]),
    "sweets": ("SW", "L", [
        ("Chocolate Assortment 1 kg", "什锦巧克力 1 公斤"),
        ("Matcha Biscuits, tower of 6 boxes", "抹茶饼干 6 盒装"),
        ("Macadamia Nuts 900 g", "夏威夷果 900 克"),
        ("Giant Chocolate Bar 4.5 kg", "巨型巧克力 4.5 公斤")]),
}
KINDS = ["perfume", "liquor", "cosmetics", "watches", "tobacco", "sweets"]
WEIGHTS = [24, 20, 26, 8, 8, 14]

CUSTOMERS = {  # masked names as a shop's system writes them
    "zh-Hans": ["王*", "李*", "张*", "刘*", "陈*", "杨*", "赵*", "欧阳*", "周*", "吴*"],
    "zh-Hant": ["黃*", "陳*", "林*", "張*", "司徒*"],
    "ja": ["佐藤 *", "鈴木 *", "高橋 *", "田中 *", "渡辺 *"],
    "ko": ["김*", "이*", "박*", "최*", "남궁*"],
    "en": ["A. M***", "J. S****", "P. O'B****", "R. K***", "S. W*****"],
    "fr": ["C. D*****", "É. L******", "F. B****", "H. N***"],
}
LANGS = ["zh-Hans", "zh-Hant", "ja", "ko", "en", "fr"]
LANG_WEIGHTS = [42, 10, 14, 12, 14, 8]
FLIGHTS = ["CX500", "CX420", "NH860", "KE604", "OZ722", "BA28", "AF185", "CA112", "MU510", "HX706"]
SIZES = ["S", "M", "L", "XL"]

READY_FROM = "2024-01-01T00:00:00+08:00"
PICKUP_UNTIL = "2099-12-31T22:00:00+08:00"


def check_digit(twelve):
    """The thirteenth digit of an EAN-13."""
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(twelve))
    return str(-total % 10)


def make_item(rng, kind):
    prefix, size, names = GOODS[kind]
    number = rng.randrange(len(names))
    en, zh = names[number]
    return size, {"sku": f"{prefix}-{number + 1:04}", "name": {"en": en, "zh-Hans": zh},
                  "qty": rng.choice([1, 1, 1, 1, 2, 2, 3])}


def make_parcel(rng, number):
    kind = rng.choices(KINDS, WEIGHTS)[0]
    items, largest = [], 0
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        size, item = make_item(rng, kind if not items else rng.choices(KINDS, WEIGHTS)[0])
        if item["sku"] not in [i["sku"] for i in items]:
            items.append(item)
            largest = max(largest, SIZES.index(size))
    if len(items) == 3:
        largest = min(largest + 1, 3)
    twelve = f"29000{77000 + number:05}00"
    parcel = {"parcel": f"P-{77000 + number}", "barcode": twelve + check_digit(twelve),
              "size": SIZES[largest], "personalisation": None, "items": items}
    if kind == "watches" and rng.random() < .3:
        parcel["personalisation"] = {"text": rng.choice(["For Mei", "2 0 2 6", "愛", "J ♥ K"]),
                                     "checked": rng.random() < .7}
    return kind, parcel


def make_order(rng, index, parcels_before):
    lang = rng.choices(LANGS, LANG_WEIGHTS)[0]
    kinds, parcels = [], []
    for _ in range(rng.choices([1, 2, 3, 4], [62, 24, 9, 5])[0]):
        kind, parcel = make_parcel(rng, parcels_before + len(parcels))
        kinds.append(kind)
        parcels.append(parcel)
    month, day = rng.randrange(1, 13), rng.randrange(1, 29)
    return {
        "order": f"HK-2026-{123 + index:06}", "source_rev": 1, "branch": "hk-canton",
        "display": rng.choice(CUSTOMERS[lang]), "lang": lang,
        "ready_from": READY_FROM, "pickup_until": PICKUP_UNTIL,
        "id_check": any(k in ("liquor", "tobacco") for k in kinds) and rng.random() < .25,
        "low_door": rng.random() < .04,
        "departure": {"at": f"2099-{month:02}-{day:02}T{rng.randrange(7, 24):02}:"
                            f"{rng.choice([0, 10, 25, 40, 55]):02}:00+08:00",
                      "flight": rng.choice(FLIGHTS)},
        "member_tag": f"M-{rng.randrange(16 ** 8):08x}" if rng.random() < .4 else None,
        "parcels": parcels,
    }


COLUMNS = ["order", "source_rev", "branch", "display", "lang", "ready_from", "pickup_until",
           "id_check", "low_door", "departure_at", "flight", "member_tag", "parcel", "barcode",
           "size", "personalisation", "personalisation_checked", "sku", "qty", "name:en",
           "name:zh-Hans"]


def rows(order):
    """One row per item; what belongs to the order or the parcel stands in its first row."""
    head = {key: order[key] for key in ("order", "source_rev", "branch", "display", "lang",
                                        "ready_from", "pickup_until", "member_tag")}
    head |= {"id_check": "yes" if order["id_check"] else "no",
             "low_door": "yes" if order["low_door"] else "no",
             "departure_at": order["departure"]["at"], "flight": order["departure"]["flight"]}
    for parcel in order["parcels"]:
        personal = parcel["personalisation"]
        part = {"parcel": parcel["parcel"], "barcode": parcel["barcode"], "size": parcel["size"]}
        if personal:
            part |= {"personalisation": personal["text"],
                     "personalisation_checked": "yes" if personal["checked"] else "no"}
        for item in parcel["items"]:
            yield {**head, **part, "sku": item["sku"], "qty": item["qty"],
                   "name:en": item["name"]["en"], "name:zh-Hans": item["name"]["zh-Hans"]}
            head = {"order": order["order"], "branch": order["branch"]}
            part = {"parcel": parcel["parcel"], "size": parcel["size"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=852)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    words = parser.parse_args()
    rng = random.Random(words.seed)
    orders, parcels = [], 0
    for index in range(words.orders):
        orders.append(make_order(rng, index, parcels))
        parcels += len(orders[-1]["parcels"])
    with open(words.folder / "sample-orders.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for order in orders:
            writer.writerows(rows(order))
    with open(words.folder / "sample-orders.json", "w", encoding="utf-8") as out:
        lines = ",\n".join(json.dumps(order, ensure_ascii=False) for order in orders)
        out.write(f'{{"orders":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
