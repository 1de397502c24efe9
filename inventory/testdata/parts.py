"""Answers what the parts of Ansible's inventory readers make of a text.

One line of JSON in, one out: {"kind": "literal|words|hosts|yaml|pairs", "text": ...}
gives {"json": what json prints of the result} or {"error": "keep|refuse"}.
"""
import ast
import base64
import json
import os
import sys

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.parsing.splitter import parse_kv
from ansible.parsing.utils.yaml import from_yaml
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.display import Display
from ansible.utils.shlex import shlex_split

out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
Display.display = lambda self, *a, **k: None
Display.warning = lambda self, *a, **k: None


def literal(text):
    try:
        v = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"error": "keep"}
    if isinstance(v, bytes):
        v = v.decode("utf-8", "surrogateescape")
    return v


def hosts(text):
    names, port = BaseInventoryPlugin()._expand_hostpattern(text)
    return [names, port]


def words(text):
    return shlex_split(text, comments=True)


KINDS = {"literal": literal, "words": words, "hosts": hosts, "yaml": from_yaml, "pairs": parse_kv}

for line in sys.stdin:
    case = json.loads(line)
    text = base64.b64decode(case["text"]).decode("utf-8", "surrogateescape")
    try:
        result = KINDS[case["kind"]](text)
    except Exception:
        result = {"error": "refuse"}
    if not (isinstance(result, dict) and list(result) == ["error"] and result["error"] in ("keep", "refuse")):
        try:
            # In a list: json takes a shortcut for a lone string.
            printed = json.dumps([result], cls=AnsibleJSONEncoder, preprocess_unsafe=True, ensure_ascii=False, indent=4)
            printed = b"".join(
                bytes([ord(c) & 0xFF]) if 0xDC80 <= ord(c) <= 0xDCFF else c.encode("utf-8", "surrogatepass") for c in printed
            )
            result = {"json": base64.b64encode(printed).decode()}
        except Exception:
            result = {"error": "unprintable"}
    out.write(json.dumps(result) + "\n")
    out.flush()
