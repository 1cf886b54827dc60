"""Count words on a cluster: everybody counts a share, the primary adds up and tells everybody."""

import collections
import csv
import json
import pathlib
import re
import socket
import time

PORT = 7077

resources = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
hosts = sorted(resources["hosts"])
me = resources["current_host"]
primary = hosts[0]
rank = hosts.index(me)


def send(connection, counts):
    connection.sendall(json.dumps(counts).encode() + b"\n")


def receive(connection):
    return collections.Counter(json.loads(connection.makefile("rb").readline()))


def reach(host):
    """Connect, however long the other takes to come up."""
    for _ in range(600):
        try:
            return socket.create_connection((host, PORT), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError(f"{host} does not answer")


# The corpus is on every host; the rank decides who reads what.
files = sorted(pathlib.Path("/opt/ml/processing/input/corpus").rglob("*.txt"))
own = files[rank :: len(hosts)]
counts = collections.Counter()
for path in own:
    counts.update(re.findall(r"\w+", path.read_text(encoding="utf-8").lower()))

if me == primary:
    total = collections.Counter(counts)
    with socket.create_server((me, PORT)) as server:
        peers = [server.accept()[0] for _ in hosts[1:]]
    for peer in peers:
        total += receive(peer)
    for peer in peers:
        send(peer, total)
        peer.close()
    with open("/opt/ml/processing/output/total/words.csv", "w", newline="") as out:
        csv.writer(out).writerows(sorted(total.items()))
else:
    with reach(primary) as connection:
        send(connection, counts)
        total = receive(connection)

share = {"host": me, "files": len(own), "words": sum(counts.values()), "of": sum(total.values())}
pathlib.Path(f"/opt/ml/processing/output/shares/{me}.json").write_text(json.dumps(share))
print(f"{me}: {share}")
