"""What OpenAPI says of the HTTP interface is what the codec, the domain and the table of errors do."""

from __future__ import annotations

import copy
import json
import re

import attrs
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from spectra import codec, errors
from spectra.codec.problems import HTTP_STATUS
from spectra.domain import ExportSpec, LoadSpec, Operation
from spectra.errors import SpectraError
from spectra.hosts.http import ROUTES
from spectra.hosts.http.openapi import OPERATIONS, SCHEMAS
from spectra.hosts.http.openapi.failures import ANYWHERE, FAILURES
from spectra.testing import strategies

NOT_OVER_HTTP = {
    "TENANT_BUSY": "workers claim, callers do not",
    "INVALID_SETTINGS": "said when the host starts",
    "INCOMPATIBLE_ADAPTERS": "likewise",
}


def closed(schema):
    """*schema*, where every object has the named fields and no others; choices name fields of the whole."""
    schema = copy.deepcopy(schema)
    if isinstance(schema, dict):
        named = schema.get("properties")
        for keyword, value in schema.items():
            if keyword == "properties":
                schema[keyword] = {name: closed(field) for name, field in value.items()}
            elif keyword in ("items", "additionalProperties") and isinstance(value, dict):
                schema[keyword] = closed(value)
        if named is not None and "additionalProperties" not in schema:
            schema["unevaluatedProperties"] = False
    return schema


STRICT = {name: Draft202012Validator(closed(schema)) for name, schema in SCHEMAS.items()}


def examples(content):
    return {name: example["value"] for name, example in content.get("examples", {}).items()}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_are_schemas(schema):
    Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)


@given(strategies.jobs())
def test_every_job_is_as_the_schema_says(job):
    public = json.loads(json.dumps(codec.to_public(job)))
    STRICT["Job"].validate(public)
    STRICT["CreatedJob"].validate(public | {"replayed": False})
    STRICT["JobList"].validate({"jobs": [public], "next_cursor": None})


@given(strategies.jobs())
def test_the_schema_says_nothing_more(job):
    """Each field that is named is there, and one that is missing is found out."""
    public = codec.to_public(job)
    ours = next(
        one for one in SCHEMAS["Job"]["oneOf"] if "query" in public or "key_columns" in one["properties"]
    )
    assert SCHEMAS["Job"]["properties"].keys() | ours["properties"].keys() == public.keys()
    for name in public:
        assert not STRICT["Job"].is_valid({key: value for key, value in public.items() if key != name})


def test_a_strict_schema_finds_what_nobody_named():
    example = codec.to_public(job_of(ExportSpec(query="select 1")))
    assert STRICT["Job"].is_valid(example)
    assert not STRICT["Job"].is_valid(example | {"lease": None})
    assert not STRICT["Job"].is_valid(example | {"key_columns": []})


def job_of(spec):
    from spectra.hosts.http.openapi.examples import EXPORT

    return attrs.evolve(EXPORT, spec=spec)


def test_every_route_is_described():
    assert OPERATIONS.keys() == {route.name for route in ROUTES}
    for route in ROUTES:
        said = OPERATIONS[route.name]
        in_path = {p["name"] for p in said.parameters if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", route.path))
        assert all("X-Request-ID" in answer["headers"] for answer in said.responses.values())
        assert (said.body is not None) == (route.method in ("POST", "PUT", "PATCH"))
        assert next(iter(said.responses)) < 300


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_examples_are_as_their_schemas_say(route):
    said = OPERATIONS[route.name]
    for status, answer in said.responses.items():
        body = answer.get("content", {}).get("application/json")
        if body is not None:
            assert body["examples"], status
            name = body["schema"]["$ref"].removeprefix("#/components/schemas/")
            for example in examples(body).values():
                STRICT[name].validate(json.loads(json.dumps(example)))
    content = (said.body or {"content": {}})["content"].get("application/json")
    if content is not None:
        Draft202012Validator.check_schema(content["schema"])
        assert content["examples"]
        for example in examples(content).values():
            Draft202012Validator(content["schema"]).validate(example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_statuses_and_codes_are_those_of_the_table(name):
    said = OPERATIONS[name].responses
    for exc in (*FAILURES[name], *ANYWHERE) if name in FAILURES else ():
        answer = said[codec.http_status(exc)]
        code = codec.error(exc)["error"]["code"]
        shown = examples(answer["content"]["application/json"])[code]
        assert shown["error"] | {"request_id": None} == codec.error(exc)["error"]
        assert code in answer["description"]
        if codec.http_headers(exc):
            assert "Retry-After" in answer["headers"]


def test_every_error_is_said_somewhere():
    """A new error: add a sample of it to `openapi.failures`, at the calls that may raise it."""
    told = {
        (code, status)
        for said in OPERATIONS.values()
        for status, answer in said.responses.items()
        if status >= 400 and status != 416
        for code in examples(answer["content"]["application/json"])
    }
    kinds = [getattr(errors, name) for name in errors.__all__]
    ours = {kind for kind in kinds if isinstance(kind.code, str) and "code" in vars(kind)} - {SpectraError}
    for kind in ours:
        status = next(HTTP_STATUS[base] for base in kind.__mro__ if base in HTTP_STATUS)
        assert ((kind.code, status) in told) != (kind.code in NOT_OVER_HTTP), kind
        assert kind.code in SCHEMAS["Error"]["properties"]["error"]["properties"]["code"]["description"]
    assert ("INTERNAL", 500) in told


def properties(body):
    (content,) = body["content"].values()
    schema = content["schema"]
    return {one["title"]: one["properties"] for one in schema["oneOf"]}


def test_what_may_be_asked_for_is_what_a_spec_has():
    said = properties(OPERATIONS["create_job"].body)
    export = {field.name for field in attrs.fields(ExportSpec)} | {"operation", "labels"}
    load = {field.name for field in attrs.fields(LoadSpec)} | {"labels"}
    assert said["Export"].keys() == export
    assert said["Insert"].keys() == load
    assert said["Load by key"].keys() == load | {"external_id_field"}


@given(strategies.specs())
def test_every_spec_may_be_asked_for(spec):
    """What the domain takes, the schema of the request takes."""
    fields = {field.name: getattr(spec, field.name) for field in attrs.fields(type(spec))}
    fields.setdefault("operation", "query")
    if isinstance(spec, ExportSpec):
        fields["parameters"] = {}  # JSON has fewer types
    schema = OPERATIONS["create_job"].body["content"]["application/json"]["schema"]
    sent = json.loads(json.dumps(fields))
    Draft202012Validator(schema).validate(sent)
    assert codec.to_spec(sent) == (
        attrs.evolve(spec, parameters={}) if isinstance(spec, ExportSpec) else spec
    )


@pytest.mark.parametrize(
    "change",
    [
        {"query": ""},
        {"object": "a\0b"},
        {"query": None},
        {"operation": "insert"},
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"header": "yes"},
        {"content_type": "PARQUET", "compression": "GZIP"},
        {"null_token": "a\nb"},
        {"parameters": []},
        {"max_failed_records": 1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_the_domain_refuses_the_schema_refuses(change):
    schema = OPERATIONS["create_job"].body["content"]["application/json"]["schema"]
    sent = {"operation": "query", "query": "select 1", "parameters": {}} | change
    assert not Draft202012Validator(schema).is_valid(sent)
    with pytest.raises(SpectraError):
        codec.to_spec(sent)


def test_examples_of_requests_are_taken():
    for example in examples(OPERATIONS["create_job"].body["content"]["application/json"]).values():
        assert codec.to_spec(example).operation in Operation
