"""docs/schema and the examples of docs/protocol.md."""

import copy
import json
import re

import jsonschema

from processes import TOP

FOLDER = TOP / "docs" / "schema"
PAGE = (TOP / "docs" / "protocol.md").read_text(encoding="utf-8")


def _close(schema):
    """The same schema, which no longer tolerates members that it does not name."""
    if isinstance(schema, list):
        return [_close(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "allOf" not in schema:
        closed.setdefault("additionalProperties", False)
    elif "allOf" in schema and "$defs" in schema:  # an event: common members and those of its type
        for part in closed["$defs"].values():
            part["properties"] = {**dict.fromkeys(schema["properties"], True),
                                  **part["properties"]}
            part["additionalProperties"] = False
    return closed


class Schemas:
    """One validator for each message. The schemas tolerate unknown members, as the protocol says;
    with `closed` they do not, so that nobody sends what is not documented."""

    def __init__(self, closed=False):
        self.files = {path.name: json.loads(path.read_text(encoding="utf-8"))
                      for path in sorted(FOLDER.glob("*.json"))}
        store = {schema["$id"]: _close(schema) if closed else schema
                 for schema in self.files.values()}
        self.validators = {}
        for name, schema in self.files.items():
            resolver = jsonschema.RefResolver(schema["$id"], store[schema["$id"]], store)
            self.validators[name] = jsonschema.Draft202012Validator(
                store[schema["$id"]], resolver=resolver)

    def complaint(self, name, message):
        """Why `message` does not fit the schema NAME.json; None when it does."""
        problem = jsonschema.exceptions.best_match(self.validators[f"{name}.json"]
                                                   .iter_errors(message))
        return problem and f"{problem.json_path}: {problem.message}"


def blocks(word):
    """(heading, text) of each fenced block of the page that is marked with `word`."""
    heading, found = None, []
    for match in re.finditer(r"^### ([^\n]*)$|^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S):
        if match[1]:
            heading = match[1].strip("`")
        elif match[2] == word:
            found.append((heading, match[3]))
    return found


def _values(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at += len(text[at:]) - len(text[at:].lstrip())


def examples(heading):
    """The JSON examples below one heading."""
    found = [value for where, text in blocks("json") if where == heading
             for value in _values(text)]
    assert found, f"docs/protocol.md has no example below {heading}"
    return found


MESSAGES = {"down/orders": "orders", "down/ack": "ack", "down/command": "command",
            "up/fetch": "fetch", "up/applied": "applied", "up/events": "events",
            "up/status": "status", "up/reply": "reply"}


def documents():
    return examples("order") + examples("staff, key, policy, recall, clock")


def all_examples():
    """(name of the schema, example) of the whole page."""
    for heading, name in MESSAGES.items():
        for example in examples(heading):
            yield name, example
    for document in documents():
        yield "document", document


# --- breaking -------------------------------------------------------------------------------------

def paths(value, path=()):
    """The path of every member and element within."""
    inner = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from paths(part, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def wrong(value):
    """Something of another type."""
    if isinstance(value, str):
        return 5
    if isinstance(value, (bool, dict)):
        return [0.5]
    if isinstance(value, int):
        return str(value)
    return {"x": 0.5}


def mistyped(message, path):
    broken = copy.deepcopy(message)
    at(broken, path[:-1])[path[-1]] = wrong(at(message, path))
    return broken


def without(message, path):
    broken = copy.deepcopy(message)
    del at(broken, path[:-1])[path[-1]]
    return broken
