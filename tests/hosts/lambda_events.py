"""HTTP requests as API Gateway and function URLs hand them to a function, and the answers as they give them back."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

CLAIMS = {"custom:tenant": "tenant-1", "sub": "tests"}
KINDS = ("REST", "HTTP", "URL")


@attrs.frozen
class Reply:
    """What the client sees."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def event(kind, method, url, *, headers=None, body=b"", stage="prod"):
    """The event of a request; REST and HTTP APIs are on *stage*."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    host = {
        "REST": "id.execute-api.eu-west-1.amazonaws.com",
        "HTTP": "id.execute-api.eu-west-1.amazonaws.com",
    }.get(kind, "id.lambda-url.eu-west-1.on.aws")
    sent = {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "User-Agent": "tests"}
    sent |= headers or {}
    if body:
        sent.setdefault("Content-Length", str(len(body)))
    text, packed = _body(body, sent.get("Content-Type", ""))
    if kind == "REST":
        return _rest(method, parts.path, query, sent, text, packed, stage)
    return _version_2(
        kind, method, parts.path, query, sent, text, packed, stage if kind == "HTTP" else "$default"
    )


def _body(body, content_type):
    if not body:
        return None, False
    if content_type.startswith(("application/json", "text/")):
        return body.decode(), False
    return base64.b64encode(body).decode(), True


def _rest(method, path, query, headers, body, packed, stage):
    several = defaultdict(list)
    for name, value in query:
        several[name].append(value)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": dict(several) or None,
        "pathParameters": {"proxy": path.strip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/{stage}{path}",
            "stage": stage,
            "protocol": "HTTP/1.1",
            "domainName": headers["Host"],
            "identity": {"sourceIp": "192.0.2.7", "userAgent": "tests"},
            "authorizer": {"claims": dict(CLAIMS)},
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        },
        "body": body,
        "isBase64Encoded": packed,
    }


def _version_2(kind, method, path, query, headers, body, packed, stage):
    path = path if stage == "$default" else f"/{stage}{path}"
    claims = {"jwt": {"claims": dict(CLAIMS), "scopes": None}}
    found = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": headers["Host"],
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "tests",
            },
            "authorizer": claims if kind == "HTTP" else {"iam": {"accountId": "123456789012"}},
            "requestId": "id=",
            "routeKey": "$default",
            "stage": stage,
            "time": "29/Jan/2026:10:00:00 +0000",
            "timeEpoch": 1769680800000,
        },
        "isBase64Encoded": packed,
    }
    if query:
        combined = defaultdict(list)
        for name, value in query:
            combined[name].append(value)
        found["queryStringParameters"] = {name: ",".join(values) for name, values in combined.items()}
    return found if body is None else {**found, "body": body}


def reply(kind, answer):
    """What the client gets of a function's *answer*, which must be as the gateway wants it."""
    json.dumps(answer)
    assert isinstance(answer["statusCode"], int)
    headers = dict(answer.get("headers") or {})
    assert all(isinstance(value, str) for value in headers.values())
    if kind == "REST":
        assert not answer["multiValueHeaders"]
    body = answer.get("body", "")
    data = base64.b64decode(body, validate=True) if answer["isBase64Encoded"] else body.encode()
    return Reply(answer["statusCode"], headers, data)
