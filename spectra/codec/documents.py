"""Jobs as plain JSON documents, for job stores: everything is kept, nothing is interpreted."""

from __future__ import annotations

import functools
import logging
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from spectra.domain import (
    Category,
    Compression,
    ContentType,
    Effect,
    ExportSpec,
    Job,
    JobState,
    LineEnding,
    LoadSpec,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
    Parameter,
    Spec,
)
from spectra.domain.frozen import FrozenDict
from spectra.errors import BackendError, NewerSchemaError

__all__ = ["SCHEMA", "from_document", "instant", "jobs_of", "readable", "to_document"]

SCHEMA: Final = 1
"""Raised when an older Spectra could no longer read a document rightly; new fields alone do not."""

_log = logging.getLogger(__name__)

T = TypeVar("T")
Document = dict[str, Any]
_ENUMS: Final[tuple[type[StrEnum], ...]] = (
    Category,
    Compression,
    ContentType,
    Effect,
    JobState,
    LineEnding,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
)
_NOTHING: Final[Mapping[str, Any]] = types.MappingProxyType({})
_OBJECT: Final = (dict, Mapping)  # a dict is found quickly, and it nearly always is one


@functools.lru_cache(maxsize=1024)
def instant(value: datetime) -> str:
    """Spell an instant of the domain: UTC, milliseconds, ``Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pack_parameter(value: Parameter) -> Any:
    # JSON has no decimals and no dates: these are tagged, so that they come back as what they were.
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):
        return {"timestamp": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


_UNPACK: Final[Mapping[str, Callable[[str], Parameter]]] = {
    "decimal": Decimal,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
}


def _unpack_parameter(value: Any) -> Parameter:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _UNPACK[kind](text)
    return cast(Parameter, value)


def _unstructure_attrs(converter: cattrs.Converter, kind: type) -> Callable[[Any], Document]:
    plain: Callable[[Any], Document] = make_dict_unstructure_fn(kind, converter, **_overrides(kind))

    def without_nulls(value: Any) -> Document:
        return {name: item for name, item in plain(value).items() if item is not None}

    return without_nulls


def _overrides(kind: type) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if kind is ExportSpec:
        changes["parameters"] = override(
            unstruct_hook=lambda value: {k: _pack_parameter(v) for k, v in value.items()},
            struct_hook=lambda value, _: {k: _unpack_parameter(v) for k, v in value.items()},
        )
    if kind is Job:
        changes["unknown_fields"] = override(omit=True)
    return changes


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_unstructure_hook(datetime, instant)
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    for kind in _ENUMS:
        converter.register_structure_hook(kind, _structure_member(kind))
    converter.register_structure_hook_factory(_is_optional, lambda kind: _structure_optional(converter, kind))
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _structure_tuple(converter, kind))
    converter.register_unstructure_hook_func(lambda kind: kind is FrozenDict, dict)
    converter.register_unstructure_hook_factory(attrs.has, lambda kind: _unstructure_attrs(converter, kind))
    converter.register_structure_hook_factory(
        attrs.has,
        lambda kind: make_dict_structure_fn(
            kind, converter, _cattrs_detailed_validation=False, **_overrides(kind)
        ),
    )
    converter.register_structure_hook_func(
        lambda kind: kind == Mapping[str, Any] or kind == Mapping[str, str], lambda value, _: dict(value)
    )
    converter.register_unstructure_hook_func(
        lambda kind: kind == Mapping[str, Any] or kind == Mapping[str, str], dict
    )
    converter.register_structure_hook_factory(lambda kind: kind == Spec, lambda _: _structure_spec(converter))
    converter.register_unstructure_hook_func(
        lambda kind: kind == Spec,
        lambda spec: {"operation": str(spec.operation), **converter.unstructure(spec)},
    )
    return converter


# cattrs looks up how to read what is inside of these anew each time, and calling an Enum takes five times
# as long as looking into a dict.


def _structure_member(kind: type[StrEnum]) -> Callable[[Any, Any], StrEnum]:
    members: Mapping[str, StrEnum] = {member.value: member for member in kind}
    return lambda value, _: members.get(value) or kind(value)


def _is_optional(kind: Any) -> bool:
    return isinstance(kind, types.UnionType) and len(kind.__args__) == 2 and types.NoneType in kind.__args__


def _structure_optional(converter: cattrs.Converter, kind: types.UnionType) -> Callable[[Any, Any], Any]:
    (inner,) = (one for one in kind.__args__ if one is not types.NoneType)
    structure = converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else structure(value, inner)


def _is_tuple(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _structure_tuple(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
    inner, _ = kind.__args__
    structure = converter.get_structure_hook(inner)
    return lambda value, _: tuple([structure(one, inner) for one in value])


def _structure_spec(converter: cattrs.Converter) -> Callable[[Any, Any], Spec]:
    export, load = converter.get_structure_hook(ExportSpec), converter.get_structure_hook(LoadSpec)

    def structure(value: Document, _: Any) -> Spec:
        spec: Spec = (
            export(value, ExportSpec) if value["operation"] == Operation.QUERY else load(value, LoadSpec)
        )
        return spec

    return structure


def to_document(job: Job, /) -> Document:
    """Everything that *job* holds, as JSON; absent means None."""
    document = _merged(_converter().unstructure(job, Job), job.unknown_fields)
    document["schema"] = SCHEMA
    return document


def from_document(document: Mapping[str, Any], /, *, values: Mapping[str, Any] = _NOTHING) -> Job:
    """The job that `to_document` wrote; fields that this version does not know are kept.

    *values* are fields of the job that its store keeps in a way of its own: they need no reading.

    Raises:
        NewerSchemaError: a newer Spectra wrote it in a form that this one must not touch.
        BackendError: it is no job document.
    """
    if not isinstance(document, _OBJECT):
        raise BackendError("a stored document is no JSON object")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerSchemaError(schema, SCHEMA)
    try:
        return _job(document, {**values})
    except (ArithmeticError, LookupError, TypeError, ValueError) as exc:
        raise BackendError(f"a stored document is no job: {exc}") from exc


def _job(document: Mapping[str, Any], fields: Document) -> Job:
    unknown: Document = {}
    readers = _readers()
    for name, value in document.items():
        if name in readers:
            structure, kind, known = readers[name]
            fields[name] = structure(value, kind)
            if known and isinstance(value, _OBJECT) and not value.keys() <= known:
                unknown[name] = {key: one for key, one in value.items() if key not in known}
        elif name != "schema":
            unknown[name] = value
    return Job(**fields, unknown_fields=unknown) if unknown else Job(**fields)


@functools.cache
def _readers() -> Mapping[str, tuple[Callable[[Any, Any], Any], Any, frozenset[str]]]:
    """For each field of a job how it is read, as what, and the names that its object may have, if it is one."""
    hints = typing.get_type_hints(Job)
    del hints["unknown_fields"]
    return {name: (_converter().get_structure_hook(hint), hint, _names(hint)) for name, hint in hints.items()}


def _names(hint: Any) -> frozenset[str]:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    classes = [one for one in options if isinstance(one, type) and attrs.has(one)]
    names = {field.name for one in classes for field in attrs.fields(one)}
    return frozenset(names)


def readable(documents: Iterable[Mapping[str, Any]], /) -> Iterator[Job]:
    """The jobs of *documents*, in their order; what `from_document` refuses is passed over.

    So that one document of a newer Spectra does not hide all others that are due. The first that is
    passed over is told in the log, by its ids.
    """
    return jobs_of(documents, from_document, _ids)


def _ids(document: Any) -> str:
    fields = document if isinstance(document, Mapping) else {}
    return f"{fields.get('tenant_id')}/{fields.get('job_id')}"


def jobs_of(stored: Iterable[T], read: Callable[[T], Job], ids: Callable[[T], str]) -> Iterator[Job]:
    """As `readable`, of what is stored in another form."""
    told = False
    for one in stored:
        try:
            yield read(one)
        except (BackendError, NewerSchemaError) as exc:
            if not told:
                _log.warning("job %s, and any such behind it, is left alone: %s", ids(one), exc)
            told = True


def _merged(known: Document, unknown: Mapping[str, Any]) -> Document:
    for name, value in unknown.items():
        if name not in known:
            known[name] = value
        elif isinstance(value, Mapping) and isinstance(known[name], dict):
            _merged(known[name], value)
    return known
