"""Alert Logic's OpenAPI definitions of Herald, read as a file, with its known faults.

The package is never imported: it would send a request. Its file has references that lack a slash,
enumerations in literal quotes, and keys that come twice, of which the last counts.
"""

import importlib.metadata
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl

import attrs
import yaml

DISTRIBUTION = "alertlogic-sdk-definitions"
FILE = "alsdkdefs/apis/herald/herald.v1.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
}


def load(version):
    """Return the document of a version, without importing the package that it is in."""
    folder = str(Path(os.environ["HERALD_DEFINITIONS"]) / version)
    (found,) = importlib.metadata.Distribution.discover(name=DISTRIBUTION, path=[folder])
    assert found.version == version
    (file,) = (each for each in found.files if str(each) == FILE)
    return yaml.safe_load(Path(file.locate()).read_text(encoding="utf-8"))


def unquoted(value):
    """Take one pair of literal quotes off a text."""
    return value[1:-1] if isinstance(value, str) and re.fullmatch('".*"', value) else value


@attrs.frozen
class Operation:
    """One operation of the definitions."""

    document: dict
    name: str
    method: str
    template: str
    parameters: list
    body: dict | None
    request_examples: list
    responses: dict

    def names(self, place):
        """Return the names of its parameters in a place."""
        return {each["name"] for each in self.parameters if each["in"] == place}

    @property
    def successes(self):
        """Return its 2xx, each with the schema and the examples of its body."""
        return {
            int(code): _content(answer)
            for code, answer in self.responses.items()
            if code.startswith("2")
        }


def operations(document):
    """Return every operation by its name."""
    found = {}
    for template, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = _operation(document, template, method, item)
                assert operation.name not in found
                found[operation.name] = operation
    return found


def _operation(document, template, method, item):
    described = item[method]
    body, examples = _content(described.get("requestBody", {}))
    return Operation(
        document,
        described["operationId"],
        method.upper(),
        template,
        [*item.get("parameters", []), *described.get("parameters", [])],
        body,
        examples,
        described["responses"],
    )


def _content(described):
    """Return the schema of a JSON body and its examples."""
    content = described.get("content", {}).get("application/json", {})
    examples = [each["value"] for each in content.get("examples", {}).values()]
    return content.get("schema"), examples


def resolved(document, schema):
    """Follow a reference; one of them lacks its slash."""
    while "$ref" in schema:
        found = document
        for name in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[name]
        schema = found
    return schema


def merged(document, schema):
    """Return a schema with all of its `allOf` in it."""
    schema = resolved(document, schema)
    whole = {"properties": {}, "required": [], **schema}
    properties, required = dict(whole["properties"]), list(whole["required"])
    for part in schema.get("allOf", []):
        inner = merged(document, part)
        properties |= inner["properties"]
        required += inner["required"]
        whole.setdefault("type", inner.get("type"))
    return {**whole, "properties": properties, "required": required}


def faults(document, schema, value, path="$"):
    """Tell what in a value is not as its schema says."""
    schema = merged(document, schema)
    if "anyOf" in schema:
        each = [list(faults(document, part, value, path)) for part in schema["anyOf"]]
        yield from min(each, key=len)
        return
    kind = TYPES.get(schema.get("type"), object)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in {bool, object}):
        yield f"{path}: {value!r} is no {schema['type']}"
        return
    yield from _value_faults(schema, value, path)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(document, schema["items"], item, f"{path}[{index}]")
    if isinstance(value, dict):
        for name, item in value.items():
            if name in schema["properties"]:
                yield from faults(document, schema["properties"][name], item, f"{path}.{name}")


def _value_faults(schema, value, path):
    """Tell what in a value is not as the keywords beside its type say."""
    if value not in map(unquoted, schema.get("enum", [value])):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        yield f"{path}: {value!r} is out of its limits"
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield f"{path}: has too few items"
    yield from (f"{path}.{name} is missing" for name in schema["required"] if name not in value)


def query_faults(operation, query):
    """Tell what in a query is not as an operation says."""
    schemas = {each["name"]: each["schema"] for each in operation.parameters}
    for name, text in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
        value = text
        if schemas[name]["type"] == "integer":
            value = int(text) if re.fullmatch("-?[0-9]+", text) else text
        if schemas[name]["type"] == "boolean":
            value = {"true": True, "false": False}.get(text, text)
        yield from faults(operation.document, schemas[name], value, name)


def example(document, schema):
    """Return an object with every field that a schema has, each of its type."""
    schema = merged(document, schema)
    if "anyOf" in schema:
        return example(document, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        names = schema["properties"].items()
        found = {name: example(document, each) for name, each in names}
        return found or {"key": "value"}
    if schema.get("type") == "array":
        return [example(document, schema["items"])]
    return {"string": "text", "number": 1.5, "integer": 7, "boolean": True}[schema["type"]]
