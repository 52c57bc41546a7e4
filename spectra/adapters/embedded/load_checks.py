"""What is wrong with staged records beside their values: keys that repeat, are taken, or match nothing."""

from __future__ import annotations

from typing import Final

from spectra.adapters.embedded.load_reports import Failure
from spectra.adapters.embedded.load_staging import COLUMNS, Fault, Staged
from spectra.adapters.embedded.load_target import Target
from spectra.adapters.embedded.work import Work
from spectra.domain import Category, LoadSpec, OnDuplicateKey, OnMissingKey, Operation
from spectra.sql.identifiers import quote

__all__ = ["check", "failures"]

_SEVERAL: Final = COLUMNS - 1
_FAILED: Final = f"f < {Fault.SUPERSEDED.at()}"


def check(work: Work, spec: LoadSpec, target: Target, staged: Staged) -> tuple[int, dict[str, int]]:
    """Mark records in ``stage``; return how many failed, and how many have no effect, by why.

    Runs in the load's transaction, so that what it sees of the table is what the load changes.
    """
    if staged.total > len(staged.torn):
        if spec.operation is not Operation.DELETE:
            _check_conditions(work, target, staged)
        if spec.operation is Operation.INSERT:
            _check_unique(work, target, staged)
        else:
            _check_repeated(work, spec, target, staged)
            if spec.operation is not Operation.UPSERT:
                _check_matched(work, spec, target, staged)
    counts = dict(work.run(f"SELECT f // {COLUMNS}, count(*) FROM stage WHERE f IS NOT NULL GROUP BY 1"))
    unprocessed = {
        "superseded": counts.pop(Fault.SUPERSEDED, 0),
        "unmatched": counts.pop(Fault.UNMATCHED, 0),
    }
    return sum(counts.values()) + len(staged.torn), unprocessed


def failures(work: Work, staged: Staged, limit: int) -> list[Failure]:
    """The first *limit* failed records, in upload order."""
    rows = work.run(
        f"SELECT g, f // {COLUMNS}, f % {COLUMNS}, v FROM stage WHERE {_FAILED} ORDER BY g LIMIT {limit}"
    )
    found = [_failure(staged, g, Fault(kind), column, value) for g, kind, column, value in rows]
    found += [Failure(torn.ordinal, torn.code, torn.message) for torn in staged.torn[:limit]]
    return sorted(found, key=lambda failure: failure.ordinal)[:limit]


def _failure(staged: Staged, ordinal: int, fault: Fault, at: int, value: str | None) -> Failure:
    about_one = fault in (Fault.CAST, Fault.NULL_KEY, Fault.NOT_NULL, Fault.CHECK) and at != _SEVERAL
    column = staged.columns[at] if about_one else None
    name = None if column is None else column.name
    message = {
        Fault.CAST: f"cannot be read as {column.type if column else ''}",
        Fault.NULL_KEY: "a key column may not be NULL",
        Fault.NOT_NULL: "the column may not be NULL",
        Fault.MALFORMED: "not a JSON object",
        Fault.DUPLICATE_KEY: "several records of the upload have this key",
        Fault.UNIQUE_VIOLATION: "another row or an earlier record has these values, which must be unique",
        Fault.CHECK: "a check of the table forbids it",
        Fault.NOT_FOUND: "no row of the table has this key",
    }[fault]
    category = Category.RESOURCE if fault is Fault.NOT_FOUND else Category.VALIDATION
    return Failure(ordinal, fault.name, message, name, value, category)


def _check_conditions(work: Work, target: Target, staged: Staged) -> None:
    for condition, names in target.checks:
        places = _places(staged, names)
        if not places:
            continue  # it is about what the table has, too; the table itself will say
        fault = Fault.CHECK.at(places[0] if len(places) == 1 else _SEVERAL)
        values = ", ".join(f"t{i} AS {quote(name)}" for name, i in zip(names, places, strict=True))
        work.run(
            f"UPDATE stage SET f = {fault}, v = {_shown(places)} WHERE f IS NULL AND g IN (SELECT spectra_g FROM"
            f" (SELECT g AS spectra_g, {values} FROM stage WHERE f IS NULL) AS {target.alias} WHERE NOT {condition})"
        )


def _check_unique(work: Work, target: Target, staged: Staged) -> None:
    for names in target.unique:
        places = _places(staged, names)
        if places is None:
            continue  # defaults fill it; the table itself will say
        columns = ", ".join(f"t{i}" for i in places)
        present = " AND ".join(f"t{i} IS NOT NULL" for i in places)
        same = " AND ".join(f"t.{quote(name)} = stage.t{i}" for name, i in zip(names, places, strict=True))
        mark = (
            f"UPDATE stage SET f = {Fault.UNIQUE_VIOLATION.at()}, v = {_shown(places)} WHERE f IS NULL AND "
        )
        work.run(
            f"{mark} g IN (SELECT g FROM (SELECT g, row_number() OVER (PARTITION BY {columns} ORDER BY g) AS n"
            f" FROM stage WHERE f IS NULL AND {present}) WHERE n > 1)"
        )
        work.run(
            f"{mark} g IN (SELECT stage.g FROM stage SEMI JOIN {target.name} AS t ON {same} WHERE stage.f IS NULL)"
        )


def _check_repeated(work: Work, spec: LoadSpec, target: Target, staged: Staged) -> None:
    places = _places(staged, target.keys(spec))
    assert places is not None
    columns = ", ".join(f"t{i}" for i in places)
    match spec.on_duplicate_key:
        case OnDuplicateKey.ERROR:
            fault, which = Fault.DUPLICATE_KEY, f"count(*) OVER (PARTITION BY {columns})"
        case OnDuplicateKey.FIRST:
            fault, which = Fault.SUPERSEDED, f"row_number() OVER (PARTITION BY {columns} ORDER BY g)"
        case OnDuplicateKey.LAST:
            fault, which = Fault.SUPERSEDED, f"row_number() OVER (PARTITION BY {columns} ORDER BY g DESC)"
    work.run(
        f"UPDATE stage SET f = {fault.at()}, v = {_shown(places)} WHERE g IN (SELECT g FROM"
        f" (SELECT g, {which} AS n FROM stage WHERE f IS NULL) WHERE n > 1)"
    )


def _check_matched(work: Work, spec: LoadSpec, target: Target, staged: Staged) -> None:
    names = target.keys(spec)
    places = _places(staged, names)
    assert places is not None
    fault = Fault.UNMATCHED if spec.on_missing_key is OnMissingKey.IGNORE else Fault.NOT_FOUND
    same = " AND ".join(f"t.{quote(name)} = stage.t{i}" for name, i in zip(names, places, strict=True))
    work.run(
        f"UPDATE stage SET f = {fault.at()}, v = {_shown(places)} WHERE f IS NULL AND g IN"
        f" (SELECT stage.g FROM stage ANTI JOIN {target.name} AS t ON {same} WHERE stage.f IS NULL)"
    )


def _places(staged: Staged, names: tuple[str, ...]) -> list[int] | None:
    here = {column.name: i for i, column in enumerate(staged.columns)}
    return [here[name] for name in names] if all(name in here for name in names) else None


def _shown(places: list[int]) -> str:
    return "concat_ws(', ', " + ", ".join(f"t{i}::VARCHAR" for i in places) + ")"
