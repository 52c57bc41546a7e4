"""Jobs as plain JSON documents, for job stores: everything is kept, nothing is interpreted."""

from __future__ import annotations

import functools
import logging
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, cast

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from spectra.domain import ExportSpec, Job, LoadSpec, Operation, Parameter, Spec
from spectra.domain.frozen import FrozenDict
from spectra.errors import BackendError, NewerSchemaError

__all__ = ["SCHEMA", "from_document", "instant", "readable", "to_document"]

SCHEMA: Final = 1
"""Raised when an older Spectra could no longer read a document rightly; new fields alone do not."""

_log = logging.getLogger(__name__)

Document = dict[str, Any]


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
    converter.register_structure_hook_func(lambda kind: kind == Spec, _structure_spec)
    converter.register_unstructure_hook_func(
        lambda kind: kind == Spec,
        lambda spec: {"operation": str(spec.operation), **converter.unstructure(spec)},
    )
    return converter


def _structure_spec(document: Document, _: Any) -> Spec:
    if document["operation"] != Operation.QUERY:
        return _converter().structure(document, LoadSpec)
    return _converter().structure({k: v for k, v in document.items() if k != "operation"}, ExportSpec)


def to_document(job: Job, /) -> Document:
    """Everything that *job* holds, as JSON; absent means None."""
    document = _merged(_converter().unstructure(job, Job), job.unknown_fields)
    document["schema"] = SCHEMA
    return document


def from_document(document: Mapping[str, Any], /) -> Job:
    """The job that `to_document` wrote; fields that this version does not know are kept.

    Raises:
        NewerSchemaError: a newer Spectra wrote it in a form that this one must not touch.
        BackendError: it is no job document.
    """
    if not isinstance(document, Mapping):
        raise BackendError("a stored document is no JSON object")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerSchemaError(schema, SCHEMA)
    try:
        job: Job = _converter().structure(dict(document), Job)
        unknown = _unknown(document, Job)
    except (LookupError, TypeError, ValueError) as exc:
        raise BackendError(f"a stored document is no job: {exc}") from exc
    return attrs.evolve(job, unknown_fields=unknown) if unknown else job


def readable(documents: Iterable[Mapping[str, Any]], /) -> Iterator[Job]:
    """The jobs of *documents*, in their order; what `from_document` refuses is passed over.

    So that one document of a newer Spectra does not hide all others that are due. The first that is
    passed over is told in the log, by its ids.
    """
    told = False
    for document in documents:
        try:
            yield from_document(document)
        except (BackendError, NewerSchemaError) as exc:
            if not told:
                fields = document if isinstance(document, Mapping) else {}
                ids = f"{fields.get('tenant_id')}/{fields.get('job_id')}"
                _log.warning("job %s, and any such behind it, is left alone: %s", ids, exc)
            told = True


def _merged(known: Document, unknown: Mapping[str, Any]) -> Document:
    for name, value in unknown.items():
        if name not in known:
            known[name] = value
        elif isinstance(value, Mapping) and isinstance(known[name], dict):
            _merged(known[name], value)
    return known


def _unknown(document: Mapping[str, Any], kind: type) -> Document:
    fields = _nested(kind)
    found: Document = {}
    for name, value in document.items():
        if name not in fields:
            found[name] = value
        elif (
            (inner := fields[name]) is not None
            and isinstance(value, Mapping)
            and (rest := _unknown(value, inner))
        ):
            found[name] = rest
    if kind is Job:
        found.pop("schema", None)
    return found


@functools.cache
def _nested(kind: type) -> dict[str, type | None]:
    """The fields of *kind*, each with its own attrs class where it is one."""
    fields: dict[str, type | None] = {}
    for base in (ExportSpec, LoadSpec) if kind is LoadSpec else (kind,):
        hints = typing.get_type_hints(base)
        for field in attrs.fields(base):
            fields[field.name] = _attrs_class(hints.get(field.name))
    if kind is LoadSpec:
        fields["operation"] = None
    return fields


def _attrs_class(hint: Any) -> type | None:
    if hint == Spec:
        return LoadSpec
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((o for o in options if isinstance(o, type) and attrs.has(o)), None)
