#!/usr/bin/python3
"""In the place of docker, kind and kubectl: notes how it was called, and answers what e2e/kind/run.sh asks of a cluster of
three nodes in which everything works. $STAND_IN_LOST: pings that get no answer; $STAND_IN_CLUSTERS: what kind has."""

import json
import os
import sys

NODES = range(3)
ANSWERS = (  # the words that a call has in it, and what it prints
    ("kind get clusters", os.environ.get("STAND_IN_CLUSTERS", "")),
    ("docker inspect IPAddress", "172.18.0.9"),
    ("docker network inspect kind", "fc00:f853:ccd:e793::/64\n172.18.0.0/16"),
    ("vtysh", "\n".join(f"*> 10.244.{n}.0/24\n*> fd00:10:244:{n}::/64" for n in NODES)),
    ("get nodes podCIDRs", " ".join(f"10.244.{n}.0/24 fd00:10:244:{n}::/64" for n in NODES)),
    ("get pods podIPs", " ".join(f"10.244.{n}.2 fd00:10:244:{n}::2" for n in NODES)),
    ("get pods name", "\n".join(f"pod/probe-{n}" for n in NODES)),
    ("get service clusterIPs", "10.96.0.7 fd00:10:96::7"),
    ("get pod/probe-2 podIPs", "10.244.2.2 fd00:10:244:2::2"),
    ("kill -INT", f"100 packets transmitted, {100 - int(os.environ.get('STAND_IN_LOST', 0))} packets received"),
)


def main(program, words):
    text = " ".join([program, *words])
    reads = "-" in words or ("exec" in words and "-i" in words)
    with open(os.environ["STAND_IN_LOG"], "a", encoding="utf-8") as log:
        print(json.dumps([text, sys.stdin.read() if reads else ""]), file=log)
    print(next((answer for key, answer in ANSWERS if all(word in text for word in key.split())), ""))


main(os.path.basename(sys.argv[0]), sys.argv[1:])
