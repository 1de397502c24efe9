"""Renders with Ansible's own Templar, one JSON line each.

A request is {"vars": {...}, "template": value}; the answer {"value": ...} in
tagged form, {"undefined": text}, {"syntax": text} or {"error": text}.
"""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
os.environ["OREG_TEST"] = "from the environment"

from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.unsafe_proxy import wrap_var
from jinja2.exceptions import TemplateSyntaxError, UndefinedError


def tagged(v):
    if v is None or isinstance(v, bool):
        return v
    if isinstance(v, str):
        return str(v)
    if isinstance(v, int):
        return ["int", str(v)]
    if isinstance(v, float):
        return ["float", repr(v)]
    if isinstance(v, dict):
        return ["dict", [[tagged(k), tagged(x)] for k, x in v.items()]]
    if isinstance(v, tuple):
        return ["tuple", [tagged(x) for x in v]]
    if isinstance(v, list):
        return ["list", [tagged(x) for x in v]]
    return ["other", type(v).__name__]


def untag(v):
    if isinstance(v, list):
        kind, content = v
        if kind == "int":
            return int(content)
        if kind == "float":
            return float(content)
        if kind == "dict":
            return {untag(k): untag(x) for k, x in content}
        if kind == "tuple":
            return tuple(untag(x) for x in content)
        if kind == "list":
            return [untag(x) for x in content]
        if kind == "unsafe":
            return wrap_var(content)
        raise ValueError(kind)
    return v


def causes(e):
    while e is not None:
        yield e
        e = getattr(e, "orig_exc", None) or e.__cause__ or e.__context__


loader = DataLoader()
for line in sys.stdin:
    request = json.loads(line)
    try:
        templar = Templar(loader, variables={k: untag(v) for k, v in request["vars"].items()})
        value = templar.template(untag(request["template"]))
        reply = {"value": tagged(value)}
        if isinstance(value, str):
            value.encode("utf-8")
    except AnsibleUndefinedVariable as e:
        reply = {"undefined": str(e)}
    except RecursionError as e:
        reply = {"error": "RecursionError"}
    except Exception as e:
        kind = "error"
        for cause in causes(e):
            if isinstance(cause, TemplateSyntaxError) and "Could not load" not in str(cause):
                kind = "syntax"
        if not any(isinstance(cause, TemplateSyntaxError) for cause in causes(e)):
            if isinstance(e, UndefinedError):
                kind = "undefined"
        reply = {kind: "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(reply), flush=True)
