"""Lambda's side of a table's stream: batches of real stream records, delivered as an event source mapping does.

    pump = StreamPump(server.client(), server.streams(), table)
    pump.pump(lambda event: on_stream(event, context))     # until there is nothing left to deliver

It reads the stream of DynamoDB Local, keeps what passes the filter, and calls the function with events in
Lambda's shape. It honours ``batchItemFailures``, halves batches that failed, and gives a record up after so
many tries, as the template tells Lambda to.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import attrs

__all__ = ["Delivery", "StreamPump", "passes"]

Record: TypeAlias = dict[str, Any]
Function: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any] | None]

_PAGES: Final = 10_000


def passes(pattern: Mapping[str, Any], value: Any) -> bool:
    """Whether *value* passes a filter of Lambda's: each name of *pattern* is there, with one of its values."""
    if not isinstance(value, Mapping):
        return False
    return all(
        passes(wanted, value.get(name)) if isinstance(wanted, Mapping) else value.get(name) in wanted
        for name, wanted in pattern.items()
    )


@attrs.frozen
class Delivery:
    """One call of the function: its records, and those that it reported; all of them if it raised."""

    records: Sequence[Record]
    failed: Sequence[str]


@attrs.define
class StreamPump:
    """Delivers a table's stream, from its beginning; each `pump` goes on where the last one ended.

    *client* and *streams* are boto3 clients of the table and of its stream. *pattern* is the filter: what
    does not pass it is counted in *filtered*. A record that failed *max_retries* times after its first try
    goes to *given_up*, the on-failure queue; with *bisect* a failed batch is halved first.
    """

    client: Any
    streams: Any
    table: str
    pattern: Mapping[str, Any]
    batch_size: int = 10
    max_retries: int = 5
    bisect: bool = True
    rearrange: Callable[[list[Record]], list[Record]] = attrs.field(default=lambda records: records)
    """What a test does to a batch before it is delivered: repeats records, or turns them round."""
    seen: list[Record] = attrs.field(factory=list)
    filtered: int = 0
    deliveries: list[Delivery] = attrs.field(factory=list)
    given_up: list[Record] = attrs.field(factory=list)
    _iterators: dict[str, str | None] = attrs.field(factory=dict)

    def pump(self, function: Function) -> int:
        """Deliver what has come since the last time; how many records passed the filter."""
        passed = 0
        for records in self._batches():
            passed += len(records)
            self._deliver(function, self.rearrange(records))
        return passed

    def pump_until(self, function: Function, done: Callable[[], bool], *, seconds: float = 60) -> None:
        """Deliver again and again until *done*.

        Raises:
            TimeoutError: it was not in time.
        """
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise TimeoutError(f"not done in {seconds:.0f} s")
            if not self.pump(function):
                time.sleep(0.1)

    # ---- reading the stream ---------------------------------------------------------------------------

    def _batches(self) -> Iterator[list[Record]]:
        """Records that pass, as they are read: a batch is of one shard."""
        for shard in self._shards():
            for records in self._new(shard):
                events = [_event(record, self.table) for record in records]
                self.seen += events
                kept = [event for event in events if passes(self.pattern, event)]
                self.filtered += len(events) - len(kept)
                for at in range(0, len(kept), self.batch_size):
                    yield kept[at : at + self.batch_size]

    def _shards(self) -> list[str]:
        arn = self.client.describe_table(TableName=self.table)["Table"]["LatestStreamArn"]
        found: list[str] = []
        asked: dict[str, str] = {}
        while True:
            told = self.streams.describe_stream(StreamArn=arn, **asked)["StreamDescription"]
            found += [shard["ShardId"] for shard in told["Shards"]]
            last = told.get("LastEvaluatedShardId")
            if last is None:
                break
            asked = {"ExclusiveStartShardId": last}
        for shard in found:
            if shard not in self._iterators:
                begun = self.streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
                )
                self._iterators[shard] = begun["ShardIterator"]
        return found

    def _new(self, shard: str) -> Iterator[list[Record]]:
        for _ in range(_PAGES):
            iterator = self._iterators[shard]
            if iterator is None:
                return
            told = self.streams.get_records(ShardIterator=iterator, Limit=1_000)
            self._iterators[shard] = told.get("NextShardIterator")
            if not told["Records"]:
                return
            yield told["Records"]

    # ---- delivering -----------------------------------------------------------------------------------

    def _deliver(self, function: Function, records: list[Record]) -> None:
        """Deliver a batch, and again what failed: from the first reported record on, or, if nothing was
        reported because the function failed, in halves.
        """
        work: list[tuple[list[Record], int]] = [(records, 0)]
        while work:
            batch, tries = work.pop(0)
            reported = self._called(function, batch)
            if reported is not None and not reported:
                continue
            left = batch if reported is None else batch[min(reported) :]
            if tries >= self.max_retries:
                self.given_up += left
            elif reported is None and self.bisect and len(left) > 1:
                half = len(left) // 2
                work[:0] = [(left[:half], tries + 1), (left[half:], tries + 1)]
            else:
                work.insert(0, (left, tries + 1))

    def _called(self, function: Function, batch: list[Record]) -> list[int] | None:
        """Where in *batch* the reported records are; None if it failed as a whole."""
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        try:
            told = function({"Records": batch})
        except Exception:  # as Lambda does: the whole batch has failed
            self.deliveries.append(Delivery(batch, numbers))
            return None
        failed = [one["itemIdentifier"] for one in (told or {}).get("batchItemFailures", ())]
        self.deliveries.append(Delivery(batch, failed))
        # An answer that names no record of the batch counts as the failure of all.
        return None if set(failed) - set(numbers) else [numbers.index(one) for one in failed]


def _event(record: Mapping[str, Any], table: str) -> Record:
    """A record as Lambda gives it: JSON, so bytes are base64 text, and instants are seconds."""
    told = dict(record["dynamodb"])
    created = told.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        told["ApproximateCreationDateTime"] = int(created.timestamp())
    for name in ("Keys", "NewImage", "OldImage"):
        if name in told:
            told[name] = _json(told[name])
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record.get("eventVersion", "1.1"),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.get("awsRegion", "us-east-1"),
        "dynamodb": told,
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/local",
    }


def _json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json(one) for one in value]
    return value
