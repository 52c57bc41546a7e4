"""The places of tenants: one item for each, with the jobs that run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from spectra.adapters.aws.dynamodb.layout import Item, job_key, places_key
from spectra.adapters.aws.dynamodb.reading import Reader
from spectra.adapters.aws.dynamodb.writes import Action, Writer
from spectra.errors import InvalidSpecError
from spectra.ports.clock import Clock

__all__ = ["MOST_PLACES", "Places", "check_limit", "give_back", "take_place"]

MOST_PLACES: Final = 3_000
"""An item has room for 400 KB, and an id may have 128 bytes."""

_HEAL_EVERY: Final = timedelta(minutes=1)


def check_limit(limit: int | None) -> None:
    """Refuse a limit of more places than an item has room for.

    Raises:
        InvalidSpecError: it is above `MOST_PLACES`.
    """
    if limit is not None and limit > MOST_PLACES:
        raise InvalidSpecError(
            "limit", f"must be at most {MOST_PLACES:,}: an item of DynamoDB holds no more; or set none"
        )


def take_place(tenant_id: str, job_id: str, limit: int) -> Action:
    """Take one of the tenant's *limit* places.

    DynamoDB has no empty set: with its last place given back, the attribute is gone.
    """
    free = "attribute_not_exists(places) OR contains(places, :job) OR size(places) < :limit"
    values = {":me": {"SS": [job_id]}, ":job": {"S": job_id}, ":limit": {"N": str(limit)}}
    return Action(
        "Update", {"Key": places_key(tenant_id), "UpdateExpression": "ADD places :me"}, free, values
    )


def give_back(tenant_id: str, job_ids: Sequence[str]) -> Action:
    """Give places back; silent about those that were not taken."""
    asked = {"Key": places_key(tenant_id), "UpdateExpression": "DELETE places :them"}
    return Action("Update", asked, None, {":them": {"SS": list(job_ids)}})


class Places:
    """Looks for places that nobody gave back."""

    def __init__(self, reader: Reader, writer: Writer, clock: Clock) -> None:
        self._reader, self._writer, self._clock = reader, writer, clock
        self._healed: dict[str, datetime] = {}

    def heal(self, tenant_id: str, places: Item) -> bool:
        """Give back places of jobs that no longer run, or are gone; whether there were any.

        There are none, unless items were removed by other means; so it looks once a minute at most.
        """
        now = self._clock.now()
        if now - self._healed.get(tenant_id, now - _HEAL_EVERY) < _HEAL_EVERY:
            return False
        self._healed = {one: at for one, at in self._healed.items() if now - at < _HEAL_EVERY}
        self._healed[tenant_id] = now
        taken = places.get("places", {}).get("SS", [])
        # A job that has its place is read as having it: the two are written at once.
        items = self._reader.items([job_key(tenant_id, job_id) for job_id in taken])
        seated = {item["sk"]["S"] for item in items if "seat" in item}
        gone = [job_id for job_id in taken if job_key(tenant_id, job_id)["sk"]["S"] not in seated]
        if gone:
            self._writer.commit([give_back(tenant_id, gone)])
        return bool(gone)
