"""The fault proxy before the local DynamoDB, as an unmodified boto3 meets it."""

from __future__ import annotations

import collections
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from spectra.testing.dynamodb import FaultKind, FaultProxy


@pytest.fixture(scope="module")
def running(local_dynamodb):
    with FaultProxy(local_dynamodb.endpoint) as proxy:
        yield proxy


@pytest.fixture
def proxy(running):
    yield running
    running.faults.clear()
    running.forget()


@pytest.fixture
def once(local_dynamodb, proxy):
    """A client that tries once."""
    return local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=1)


@pytest.fixture
def thrice(local_dynamodb, proxy):
    """A client that tries three times."""
    return local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=3)


@pytest.fixture(scope="module")
def table(local_dynamodb):
    name = f"t{uuid.uuid4().hex}"
    client = local_dynamodb.client()
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def pk():
    return uuid.uuid4().hex


@pytest.fixture
def count(local_dynamodb, table, pk):
    """How often the item was added to, as DynamoDB knows it."""
    client = local_dynamodb.client()

    def count():
        item = client.get_item(TableName=table, Key={"pk": {"S": pk}}, ConsistentRead=True).get("Item", {})
        return int(item.get("n", {"N": 0})["N"])

    return count


def adding(table, pk):
    return {
        "TableName": table,
        "Key": {"pk": {"S": pk}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }


def putting(table, *pks):
    return [{"Put": {"TableName": table, "Item": {"pk": {"S": pk}}}} for pk in pks]


@pytest.mark.parametrize(
    "kind,code,status",
    [
        ("throttle", "ProvisionedThroughputExceededException", 400),
        ("rate", "ThrottlingException", 400),
        ("conflict", "TransactionConflictException", 400),
        ("internal", "InternalServerError", 500),
        ("unavailable", "ServiceUnavailableException", 503),
    ],
)
def test_refusals_are_not_passed_on(proxy, once, table, pk, count, kind, code, status):
    proxy.faults.add(kind, "UpdateItem")
    with pytest.raises(ClientError) as caught:
        once.update_item(**adding(table, pk))
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert count() == 0
    (call,) = proxy.calls
    assert (call.status, call.response, call.faults) == (None, None, (kind,))
    once.update_item(**adding(table, pk))
    assert count() == 1


def test_the_sdk_knows_what_to_repeat(proxy, thrice, table, pk, count):
    for kind in ("throttle", "unavailable"):
        proxy.faults.add(kind, "UpdateItem")
    thrice.update_item(**adding(table, pk))
    assert [call.faults for call in proxy.calls] == [("throttle",), ("unavailable",), ()]
    assert count() == 1


def test_typed_exceptions(proxy, once, table, pk):
    proxy.faults.add("conflict", "DeleteItem")
    with pytest.raises(once.exceptions.TransactionConflictException):
        once.delete_item(TableName=table, Key={"pk": {"S": pk}})
    proxy.faults.add("in progress")
    once.get_item(TableName=table, Key={"pk": {"S": pk}})
    with pytest.raises(once.exceptions.TransactionInProgressException):
        once.transact_write_items(TransactItems=putting(table, pk))
    assert proxy.faults.pending == 0


@pytest.mark.parametrize(
    "kind,reason", [("conflict", "TransactionConflict"), ("throttle", "ProvisionedThroughputExceeded")]
)
def test_a_transaction_is_cancelled_with_reasons_in_order(proxy, once, table, pk, count, kind, reason):
    for action, codes in [(0, [reason, "None"]), (1, ["None", reason]), (9, ["None", reason])]:
        proxy.faults.add(kind, "TransactWriteItems", action=action)
        with pytest.raises(once.exceptions.TransactionCanceledException) as caught:
            once.transact_write_items(
                TransactItems=[*putting(table, uuid.uuid4().hex), {"Update": adding(table, pk)}]
            )
        assert [one["Code"] for one in caught.value.response["CancellationReasons"]] == codes
        assert ", ".join(codes) in str(caught.value)
    assert count() == 0


@pytest.mark.parametrize("kind", ["cut", "lost reply"])
def test_cut_connections(proxy, once, thrice, table, pk, count, kind):
    proxy.faults.add(kind, "UpdateItem")
    with pytest.raises(ConnectionClosedError):
        once.update_item(**adding(table, pk))
    done = kind == "lost reply"
    assert count() == done
    assert proxy.calls[0].status == (200 if done else None)
    # The SDK repeats it by itself, which is why writes have to know their own first try.
    proxy.faults.add(kind, "UpdateItem")
    thrice.update_item(**adding(table, pk))
    assert count() == (3 if done else 1)


def test_a_reply_that_failed(proxy, once, table, pk, count):
    proxy.faults.add("failed reply")
    with pytest.raises(ClientError, match="InternalServerError"):
        once.update_item(**adding(table, pk))
    assert count() == 1
    assert proxy.calls[0].status == 200


def test_a_late_write_lands_after_its_client_has_given_up(proxy, local_dynamodb, table, pk, count):
    import boto3
    from botocore.config import Config

    hasty = boto3.client(
        "dynamodb",
        endpoint_url=proxy.endpoint,
        aws_access_key_id=local_dynamodb.access_key,
        aws_secret_access_key="x",
        region_name=local_dynamodb.region,
        config=Config(read_timeout=0.8, retries={"mode": "standard", "total_max_attempts": 2}),
    )
    proxy.faults.add("delay", "UpdateItem", seconds=3.0)
    begun = time.monotonic()
    hasty.update_item(**adding(table, pk))
    assert time.monotonic() - begun < 3.0 and count() == 1
    while count() == 1 and time.monotonic() - begun < 10:
        time.sleep(0.05)
    assert count() == 2


def test_a_delay_goes_together_with_another_fault(proxy, once, table, pk, count):
    proxy.faults.add("delay", seconds=0.3)
    proxy.faults.add("throttle")
    begun = time.monotonic()
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        once.update_item(**adding(table, pk))
    assert time.monotonic() - begun >= 0.3
    assert count() == 0 and proxy.faults.pending == 0


def test_batches_are_done_by_halves(proxy, once, table):
    pks = [uuid.uuid4().hex for _ in range(5)]
    left = [{"PutRequest": {"Item": {"pk": {"S": pk}}}} for pk in pks]
    proxy.faults.add("unprocessed", "BatchWriteItem", times=3)
    sizes = []
    while left:
        left = once.batch_write_item(RequestItems={table: left})["UnprocessedItems"].get(table, [])
        sizes.append(len(left))
    assert sizes == [3, 2, 1, 0]

    proxy.faults.add("unprocessed", times=1)
    asked = {table: {"Keys": [{"pk": {"S": pk}} for pk in pks], "ConsistentRead": True}}
    told = once.batch_get_item(RequestItems=asked)
    assert len(told["Responses"][table]) == 2
    rest = told["UnprocessedKeys"]
    assert rest[table]["ConsistentRead"] is True and len(rest[table]["Keys"]) == 3
    assert len(once.batch_get_item(RequestItems=rest)["Responses"][table]) == 3

    proxy.faults.add("unprocessed")
    lone = {table: {"Keys": [{"pk": {"S": pks[0]}}]}}
    told = once.batch_get_item(RequestItems=lone)
    assert told["UnprocessedKeys"] == lone and not told.get("Responses")


def test_faults_find_their_calls(proxy, once, table, pk):
    proxy.faults.add(
        "throttle", "PutItem", times=2, when=lambda call: call.request["Item"]["pk"]["S"] == "b" + pk
    )
    outcomes = []
    for name in ("a", "b", "b", "b"):
        try:
            once.put_item(TableName=table, Item={"pk": {"S": name + pk}})
            outcomes.append("done")
        except ClientError:
            outcomes.append("refused")
    assert outcomes == ["done", "refused", "refused", "done"]
    with pytest.raises(ValueError, match="GetItem never meets"):
        proxy.faults.add("conflict", "GetItem")
    with pytest.raises(ValueError, match="times"):
        proxy.faults.add("cut", times=0)
    with pytest.raises(ValueError, match="no such"):
        proxy.faults.add("no such")
    for chances in ({"cut": 0.7, "rate": 0.7}, {"cut": -0.1}):
        with pytest.raises(ValueError, match="probabilities"):
            proxy.faults.at_random(1, chances)


def test_chance_is_the_same_for_the_same_seed(proxy, once, table):
    chances = {kind: 0.08 for kind in FaultKind}

    def seen(seed):
        proxy.forget()
        proxy.faults.at_random(seed, chances, seconds=0.001)
        for number in range(60):
            try:
                once.put_item(TableName=table, Item={"pk": {"S": str(number)}})
            except (ClientError, ConnectionClosedError):
                pass
        return [call.faults for call in proxy.calls]

    first = seen(7)
    assert first == seen(7) != seen(8)
    kinds = {kind for faults in first for kind in faults}
    assert len(kinds) >= 5
    assert not kinds & {"in progress", "unprocessed"}  # a put never meets these
    proxy.faults.clear()
    once.put_item(TableName=table, Item={"pk": {"S": "x"}})


def test_races_through_the_proxy_count_right(proxy, local_dynamodb, once, table, pk, count):
    """Additions that were refused, or cut off before, are not there; nothing else is missing."""
    refused = collections.Counter()
    proxy.faults.at_random(
        3, {"throttle": 0.1, "conflict": 0.1, "cut": 0.1, "unavailable": 0.1, "delay": 0.2}
    )

    def work():
        for _ in range(20):
            try:
                once.update_item(**adding(table, pk))
            except (ClientError, ConnectionClosedError) as exc:
                refused[type(exc).__name__] += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(proxy.calls) == 160
    assert count() == sum(call.status == 200 for call in proxy.calls) == 160 - refused.total()
    assert 30 < refused.total() < 100


def test_calls_are_recorded(local_dynamodb, table, pk):
    with FaultProxy(local_dynamodb.endpoint, measure=True) as proxy:
        client = local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=1)
        client.put_item(TableName=table, Item={"pk": {"S": pk}, "text": {"S": "é" * 2_000}})
        client.transact_write_items(
            TransactItems=[
                *putting(table, pk + "2"),
                {"Update": adding(table, pk)},
                {
                    "ConditionCheck": {
                        "TableName": table,
                        "Key": {"pk": {"S": pk + "3"}},
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
        client.get_item(TableName=table, Key={"pk": {"S": pk}}, ReturnConsumedCapacity="TOTAL")
        with pytest.raises(ClientError):
            client.put_item(
                TableName=table, Item={"pk": {"S": pk}}, ConditionExpression="attribute_not_exists(pk)"
            )
        client.list_tables()
        calls = proxy.calls
        assert sum(call.is_write for call in calls) == 3 and sum(call.is_read for call in calls) == 1
        put, transaction, get, failed, tables = calls
        assert put.request["Item"]["pk"] == {"S": pk} and put.request_bytes > 4_000
        assert get.response["Item"]["n"] == {"N": "1"} and get.response_bytes > 4_000
        assert put.capacity > 0 and transaction.capacity > 0 and get.capacity > 0 and tables.capacity == 0
        assert (
            failed.status == 400 and failed.error == "ConditionalCheckFailedException" and put.error is None
        )
        assert set().union(*(call.actions for call in calls)) == {
            ("dynamodb:PutItem", table),
            ("dynamodb:UpdateItem", table),
            ("dynamodb:ConditionCheckItem", table),
            ("dynamodb:GetItem", table),
            ("dynamodb:ListTables", "*"),
        }
        proxy.forget()
        assert proxy.calls == []


def test_leaving_it_hangs_up(local_dynamodb):
    before = set(threading.enumerate())
    with FaultProxy(local_dynamodb.endpoint) as proxy:
        client = local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=1)
        client.list_tables()
        assert set(threading.enumerate()) - before
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        client.list_tables()
    assert not set(threading.enumerate()) - before
    proxy.close()


def test_an_unreachable_dynamodb_is_a_cut_connection(local_dynamodb):
    with FaultProxy("http://127.0.0.1:9") as proxy:
        client = local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=1)
        with pytest.raises(ConnectionClosedError):
            client.list_tables()
