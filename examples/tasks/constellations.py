"""How many stars of each constellation are brighter than a magnitude."""
import collections
import csv

import archipel

limit = archipel.params.get("limit", 3)
with open(archipel.path("bright_stars"), encoding="utf-8") as file:
    stars = [star for star in csv.DictReader(file) if star["vmag"] and float(star["vmag"]) < limit]
print(len(stars), "stars are brighter than magnitude", limit)

counts = collections.Counter(star["constellation"] for star in stars if star["constellation"])
archipel.result([{"constellation": name, "stars": n} for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:3]])
