"""The local DynamoDB: its life, and what it does as DynamoDB does. Faults: test_dynamodb_faults.py."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from spectra.errors import NotConfiguredError
from spectra.testing.dynamodb import FaultKind, LocalDynamoDB, LocalMoto, local_dynamodb

java = pytest.mark.skipif(not LocalDynamoDB.available(), reason="DynamoDB Local is not here")


def free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return one.connect_ex(("127.0.0.1", port)) != 0


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path("/proc/self").exists()


def soon(what, within=10.0):
    until = time.monotonic() + within
    while not (seen := what()) and time.monotonic() < until:
        time.sleep(0.02)
    return seen


def make_table(client, name="jobs"):
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@java
def test_life():
    server = LocalDynamoDB()
    with server:
        pid, port, folder = server._process.pid, int(server.endpoint.rpartition(":")[2]), server._folder
        assert server.name.startswith("DynamoDB Local 1.") or server.name.startswith("DynamoDB Local 2.")
        make_table(server.client())
        assert server.client().list_tables()["TableNames"] == ["jobs"]
        assert not gone(pid) and not free(port) and folder.is_dir()
    assert gone(pid) and free(port) and not folder.exists()
    server.close()
    with server:
        assert server.client().list_tables()["TableNames"] == []


@java
def test_two_at_once_know_nothing_of_each_other():
    with LocalDynamoDB() as one, LocalDynamoDB() as other:
        assert one.endpoint != other.endpoint
        make_table(one.client())
        assert other.client().list_tables()["TableNames"] == []
        # What listens on all addresses shows nothing to who does not know its access key.
        assert other.client(endpoint=one.endpoint).list_tables()["TableNames"] == []
        assert one.client().list_tables()["TableNames"] == ["jobs"]


@java
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_its_process_ends_with_the_one_that_started_it(sent):
    program = (
        "from spectra.testing.dynamodb import LocalDynamoDB\n"
        "with LocalDynamoDB() as server:\n"
        "    print(server._process.pid, server.endpoint.rpartition(':')[2], flush=True)\n"
        "    __import__('time').sleep(60)\n"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": root},
        cwd=root,
    )
    with parent:
        pid, port = map(int, parent.stdout.readline().split())
        assert not gone(pid)
        parent.send_signal(sent)
        parent.wait(10)
    assert soon(lambda: gone(pid) and free(port))


def test_a_missing_jar_is_told(tmp_path, monkeypatch):
    server = LocalDynamoDB(tmp_path)
    with pytest.raises(NotConfiguredError, match=r"DynamoDBLocal\.jar at .* DYNAMODB_LOCAL"):
        server.start()
    monkeypatch.setenv("DYNAMODB_LOCAL", str(tmp_path / "other.jar"))
    with pytest.raises(NotConfiguredError, match=r"other\.jar"):
        LocalDynamoDB().start()
    assert isinstance(local_dynamodb(), LocalMoto)
    assert local_dynamodb().name == "moto"


@java
def test_missing_java_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfiguredError, match="Java 17"):
        LocalDynamoDB().start()
    assert isinstance(local_dynamodb(), LocalMoto)


@java
def test_what_does_not_start_tells_its_log(tmp_path):
    (tmp_path / "DynamoDBLocal.jar").write_bytes(b"no jar")
    server = LocalDynamoDB(tmp_path)
    with pytest.raises(RuntimeError, match="(?s)did not start; the end of its log:.*corrupt jarfile"):
        server.start()
    assert server._folder is None and server._process is None


def test_closing_what_was_never_started_removes_nothing(tmp_path, monkeypatch):
    (tmp_path / "kept").touch()
    monkeypatch.chdir(tmp_path)
    LocalDynamoDB().close()
    assert (tmp_path / "kept").exists()


# ---- what adapters need of it ---------------------------------------------------------------------------


@pytest.fixture
def table(local_dynamodb):
    name = f"t{uuid.uuid4().hex}"
    client = local_dynamodb.client()
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in ("pk", "lane")],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [{"AttributeName": "lane", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    yield name
    client.delete_table(TableName=name)


def test_a_cancelled_transaction_shows_the_item_that_stood_in_its_way(local_dynamodb, table):
    client = local_dynamodb.client()
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "version": {"N": "7"}})
    new = {
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": {"pk": {"S": pk}}, **new}} for pk in "ba"]
        )
    free, taken = caught.value.response["CancellationReasons"]
    assert free["Code"] == "None"
    assert taken["Code"] == "ConditionalCheckFailed"
    assert taken["Item"] == {"pk": {"S": "a"}, "version": {"N": "7"}}
    assert "Item" not in client.get_item(TableName=table, Key={"pk": {"S": "b"}})

    with pytest.raises(ClientError) as caught:
        client.put_item(TableName=table, Item={"pk": {"S": "a"}}, **new)
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert caught.value.response["Item"]["version"] == {"N": "7"}


def test_indexes_streams_ttl_and_capacity(local_dynamodb, table):
    client = local_dynamodb.client()
    client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    told = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}

    said = client.put_item(
        TableName=table, Item={"pk": {"S": "a"}, "lane": {"S": "1"}}, ReturnConsumedCapacity="TOTAL"
    )
    assert said["ConsumedCapacity"]["CapacityUnits"] > 0
    client.put_item(TableName=table, Item={"pk": {"S": "no lane"}})
    found = client.query(
        TableName=table,
        IndexName="due",
        KeyConditionExpression="lane = :lane",
        ExpressionAttributeValues={":lane": {"S": "1"}},
    )
    assert found["Items"] == [{"pk": {"S": "a"}, "lane": {"S": "1"}}]

    streams = local_dynamodb.streams()
    arn = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [(one["eventName"], one["dynamodb"]["Keys"]["pk"]["S"]) for one in records] == [
        ("INSERT", "a"),
        ("INSERT", "no lane"),
    ]


def test_the_page_lists_all_faults():
    page = (Path(__file__).parents[2] / "docs/local-dynamodb.md").read_text()
    listed = re.findall(r"`([a-z ]+)`", "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)))
    assert listed == [kind.value for kind in FaultKind]


@java
def test_the_examples_of_the_page_run(capsys):
    page = (Path(__file__).parents[2] / "docs/local-dynamodb.md").read_text()
    for example in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(example, {})
    assert capsys.readouterr().out.splitlines()[1:] == ["['ListTables']"]
