"""Answers patterns with Ansible's own InventoryManager, one JSON line each.

A request {"ini": text} loads an inventory and is answered with its groups and
hosts; {"limit": text} is answered with the hosts that --limit allows.
"""
import json
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")  # FutureWarning of re

from ansible.inventory import manager
from ansible.parsing.dataloader import DataLoader

said = []
manager.display.warning = lambda text, **kw: said.append(text)


def load(ini):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hosts")
        with open(path, "w") as f:
            f.write(ini)
        return manager.InventoryManager(loader=DataLoader(), sources=[path])


def answer(inv, limit):
    inv.clear_pattern_cache()
    inv.subset(limit)
    hosts = inv._evaluate_patterns(inv._subset) if inv._subset else inv.get_hosts("all")
    return list(dict.fromkeys(h.name for h in hosts if not h.implicit))


inv = None
for line in sys.stdin:
    request = json.loads(line)
    said.clear()
    try:
        if "ini" in request:
            inv = load(request["ini"])
            reply = {
                "groups": [[g.name, [h.name for h in g.get_hosts()]] for g in inv.groups.values()],
                "hosts": list(inv.hosts),
            }
        else:
            reply = {"hosts": answer(inv, request["limit"])}
    except Exception as e:
        reply = {"error": "%s: %s" % (type(e).__name__, e)}
    reply["warnings"] = said
    print(json.dumps(reply), flush=True)
