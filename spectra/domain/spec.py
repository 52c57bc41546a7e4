"""What a job is asked to do: an export or a load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar, cast

import attrs

from spectra.domain.frozen import EMPTY, FrozenDict
from spectra.domain.text import bounded_text, check_text, optional_text
from spectra.errors import InvalidSpecError

__all__ = [
    "MAX_FAILED_RECORDS",
    "SQL_BYTES",
    "Compression",
    "ContentType",
    "ExportSpec",
    "LineEnding",
    "LoadSpec",
    "OnDuplicateKey",
    "OnMissingKey",
    "Operation",
    "Parameter",
    "Spec",
    "fingerprint",
]

SQL_BYTES: Final = 100 * 1024
MAX_FAILED_RECORDS: Final = 99_999
MAX_KEY_COLUMNS: Final = 32
MAX_DIGITS: Final = 1_000

Parameter: TypeAlias = str | int | float | bool | Decimal | date | datetime | None


class Operation(StrEnum):
    """`QUERY` is an export; the others are loads."""

    QUERY = "query"
    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"


class ContentType(StrEnum):
    """The format of the files; JSON is one object a line."""

    CSV = "CSV"
    JSON = "JSON"
    PARQUET = "PARQUET"


class Compression(StrEnum):
    """How files are packed; Parquet packs itself and takes NONE."""

    NONE = "NONE"
    GZIP = "GZIP"
    ZSTD = "ZSTD"
    BZIP2 = "BZIP2"


class LineEnding(StrEnum):
    """What ends a line of CSV."""

    LF = "LF"
    CRLF = "CRLF"


class OnDuplicateKey(StrEnum):
    """Which of several records with one key counts, the others having no effect; `ERROR`: all fail."""

    ERROR = "error"
    FIRST = "first"
    LAST = "last"


class OnMissingKey(StrEnum):
    """What becomes of a record of an update or delete that matches no row."""

    REJECT = "reject"
    IGNORE = "ignore"


_E = TypeVar("_E", bound=StrEnum)


def _member(kind: type[_E], field: str, value: str) -> _E:
    if isinstance(value, kind):
        return value
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind)
        raise InvalidSpecError(field, f"{value!r} is not one of {known}") from None


def _content_type(value: str) -> ContentType:
    return _member(ContentType, "content_type", value)


def _compression(value: str) -> Compression:
    return _member(Compression, "compression", value)


def _line_ending(value: str) -> LineEnding:
    return _member(LineEnding, "line_ending", value)


def _operation(value: str) -> Operation:
    return _member(Operation, "operation", value)


def _on_duplicate_key(value: str) -> OnDuplicateKey:
    return _member(OnDuplicateKey, "on_duplicate_key", value)


def _on_missing_key(value: str) -> OnMissingKey:
    return _member(OnMissingKey, "on_missing_key", value)


def _names(value: Sequence[str]) -> tuple[str, ...]:
    # One text is a sequence too, and almost surely a mistake: it is left for the check to refuse.
    return tuple(value) if isinstance(value, list) else cast(tuple[str, ...], value)


def _check_flag(_: object, attribute: attrs.Attribute[bool], value: bool) -> None:
    if not isinstance(value, bool):
        raise InvalidSpecError(attribute.name, "must be true or false")


def _check_query(_: object, __: object, value: str) -> None:
    check_text("query", value, SQL_BYTES, min_bytes=1)
    if value.isspace():
        raise InvalidSpecError("query", "must not be empty")


def _check_delimiter(_: object, __: object, value: str) -> None:
    check_text("delimiter", value, 4, min_bytes=1)
    if len(value) != 1 or value in '"\r\n\\':
        raise InvalidSpecError("delimiter", "must be one character, not a quote, backslash or line ending")


def _parameters(value: Mapping[str, Parameter]) -> Mapping[str, Parameter]:
    if isinstance(value, FrozenDict):
        return value
    if not isinstance(value, Mapping):
        raise InvalidSpecError("parameters", "must be a mapping of names to values")
    return FrozenDict(value)


def _check_value(field: str, value: Parameter) -> None:
    """Refuse what could not be written down in a statement, or only at length."""
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise InvalidSpecError(field, "must be finite")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise InvalidSpecError(field, f"must have at most {MAX_DIGITS} digits")
    if isinstance(value, Decimal):
        sign_digits_exponent = value.as_tuple()
        exponent = int(sign_digits_exponent.exponent)
        if len(sign_digits_exponent.digits) + abs(exponent) > MAX_DIGITS:
            raise InvalidSpecError(field, f"must have at most {MAX_DIGITS} digits when it is written out")
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            value.astimezone(UTC)
        except OverflowError:
            raise InvalidSpecError(field, "is outside the years 1 to 9999 in UTC") from None


def _check_parameters(_: object, __: object, value: Mapping[str, Parameter]) -> None:
    if len(value) > 255:
        raise InvalidSpecError("parameters", "at most 255 are allowed")
    for name, item in value.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise InvalidSpecError("parameters", f"{name!r} is not a name")
        if isinstance(item, str):
            check_text(f"parameters.{name}", item, SQL_BYTES)
        elif not isinstance(item, int | float | Decimal | date | None):
            raise InvalidSpecError(f"parameters.{name}", f"cannot be a {type(item).__name__}")
        else:
            _check_value(f"parameters.{name}", item)
    size = sum(len(str(item).encode()) for item in value.values())
    if size > SQL_BYTES:
        raise InvalidSpecError("parameters", f"have {size} bytes together, at most {SQL_BYTES} are allowed")


@attrs.frozen(kw_only=True)
class _FileFormat:
    content_type: ContentType = attrs.field(default=ContentType.CSV, converter=_content_type)
    compression: Compression = attrs.field(default=Compression.NONE, converter=_compression)
    delimiter: str = attrs.field(default=",", validator=_check_delimiter)
    line_ending: LineEnding = attrs.field(default=LineEnding.LF, converter=_line_ending)
    header: bool = attrs.field(default=True, validator=_check_flag)
    null_token: str | None = attrs.field(default=None, validator=optional_text(64, min_bytes=1))

    def __attrs_post_init__(self) -> None:
        if self.content_type is ContentType.PARQUET and self.compression is not Compression.NONE:
            raise InvalidSpecError("compression", "must be NONE for PARQUET, which packs itself")
        token = self.null_token
        if token is not None and (self.delimiter in token or any(c in token for c in '"\r\n')):
            raise InvalidSpecError("null_token", "must not contain the delimiter, a quote or a line ending")

    @property
    def suffix(self) -> str:
        """What the names of files of this format end with, dot included."""
        packed = {"GZIP": ".gz", "ZSTD": ".zst", "BZIP2": ".bz2"}.get(self.compression, "")
        return {"CSV": ".csv", "JSON": ".jsonl", "PARQUET": ".parquet"}[self.content_type] + packed


@attrs.frozen(kw_only=True)
class ExportSpec(_FileFormat):
    """SQL in, files out.

    *object* is only a name for people. *parameters* are bound to ``:name`` in the query as values,
    never as text. With *single_file* the result is one part.
    """

    query: str = attrs.field(validator=_check_query, repr=False)
    object: str | None = attrs.field(default=None, validator=optional_text(1024, min_bytes=1))
    parameters: Mapping[str, Parameter] = attrs.field(
        default=EMPTY, converter=_parameters, validator=_check_parameters, repr=False
    )
    single_file: bool = attrs.field(default=False, validator=_check_flag)

    @property
    def operation(self) -> Operation:
        """Always `Operation.QUERY`."""
        return Operation.QUERY


@attrs.frozen(kw_only=True)
class LoadSpec(_FileFormat):
    """A file in, rows of the table *object* changed.

    *key_columns* say which row a record means; update, upsert and delete need them. Up to
    *max_failed_records* bad records are set aside; one more fails the load. Without *null_token* an
    empty CSV field is NULL.
    """

    operation: Operation = attrs.field(converter=_operation)
    object: str = attrs.field(validator=bounded_text(1024, min_bytes=1))
    key_columns: tuple[str, ...] = attrs.field(default=(), converter=_names)
    max_failed_records: int = 0
    on_duplicate_key: OnDuplicateKey = attrs.field(default=OnDuplicateKey.ERROR, converter=_on_duplicate_key)
    on_missing_key: OnMissingKey = attrs.field(default=OnMissingKey.REJECT, converter=_on_missing_key)

    def __attrs_post_init__(self) -> None:
        _FileFormat.__attrs_post_init__(self)
        if self.operation is Operation.QUERY:
            raise InvalidSpecError("operation", "query is an export; use ExportSpec")
        limit = self.max_failed_records
        if type(limit) is not int or not 0 <= limit <= MAX_FAILED_RECORDS:
            raise InvalidSpecError("max_failed_records", f"must be 0 to {MAX_FAILED_RECORDS:,}")
        self._check_keys()

    def _check_keys(self) -> None:
        keys = self.key_columns
        if not isinstance(keys, tuple):
            raise InvalidSpecError("key_columns", "must be a list or tuple of column names")
        for name in keys:
            check_text("key_columns", name, 127, min_bytes=1)
        if len(keys) > MAX_KEY_COLUMNS or len({k.casefold() for k in keys}) != len(keys):
            raise InvalidSpecError("key_columns", f"must be at most {MAX_KEY_COLUMNS} different names")
        if self.operation is Operation.INSERT:
            if keys:
                raise InvalidSpecError("key_columns", "an insert takes none; use upsert to match rows")
        elif not keys:
            raise InvalidSpecError("key_columns", f"{self.operation} needs at least one")


Spec: TypeAlias = ExportSpec | LoadSpec


def fingerprint(spec: Spec, retry_of: str | None) -> str:
    """What makes two requests the same: operation, spec, retry_of; nothing of labels or waiting."""
    facts = attrs.asdict(spec)
    facts["operation"] = spec.operation
    facts["retry_of"] = retry_of
    text = json.dumps(facts, sort_keys=True, default=lambda v: [type(v).__name__, str(v)])
    return hashlib.sha256(text.encode()).hexdigest()
