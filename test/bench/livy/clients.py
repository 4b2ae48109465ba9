"""Statements that sleep, run by a client of Livy as it is, at two places in turns; prints milliseconds of each as JSON."""
import json
import sys
import time

given = json.loads(sys.argv[1])


def pylivy(place):
    from livy import LivySession

    auth = (place["user"], place["password"]) if "password" in place else None
    session = LivySession(place["url"], place["session"], auth, echo=False)
    return session.run


def sparkmagic(place):
    from hdijupyterutils.ipythondisplay import IpythonDisplay
    from sparkmagic.auth.basic import Basic
    from sparkmagic.livyclientlib.command import Command
    from sparkmagic.livyclientlib.endpoint import Endpoint
    from sparkmagic.livyclientlib.livyreliablehttpclient import LivyReliableHttpClient
    from sparkmagic.livyclientlib.livysession import LivySession

    auth = None
    if "password" in place:
        auth = Basic()
        auth.username, auth.password = place["user"], place["password"]
    client = LivyReliableHttpClient.from_endpoint(Endpoint(place["url"], auth))
    session = LivySession(client, {"kind": "pyspark"}, IpythonDisplay(), place["session"])

    def run(code):
        good, text, _ = Command(code).execute(session)
        if not good:
            raise RuntimeError(text)

    return run


clients = {"pylivy": pylivy, "sparkmagic": sparkmagic}
sides = {name: clients[given["client"]](given[name]) for name in ("direct", "island")}
for run in sides.values():
    run("import time")

times = {name: [] for name in sides}
for i, ms in enumerate(given["ms"]):
    for name in list(sides) if i % 2 == 0 else reversed(sides):
        started = time.perf_counter()
        sides[name](f"time.sleep({ms / 1000})")
        times[name].append((time.perf_counter() - started) * 1000)
print()
print(json.dumps(times))
