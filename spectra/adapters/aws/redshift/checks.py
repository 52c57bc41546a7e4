"""What Redshift can never run, said before anything is written."""

from __future__ import annotations

from spectra.adapters.aws.redshift.load_sql import BACKSLASH_N
from spectra.domain import ContentType, ExportSpec, LoadSpec, Session, Spec
from spectra.errors import InvalidSpecError
from spectra.sql.identifiers import parts

__all__ = ["check"]


def check(spec: Spec, session: Session) -> None:
    """Refuse what cannot be run.

    Raises:
        InvalidSpecError: which field, and why.
    """
    if session.db_groups and session.db_user is None:
        raise InvalidSpecError("db_groups", "need a db_user, who is in them")
    if not spec.delimiter.isascii() or ord(spec.delimiter) < 9:
        raise InvalidSpecError("delimiter", "must be one ASCII character for Redshift")
    if isinstance(spec, LoadSpec):
        _check_load(spec)
    elif (
        isinstance(spec, ExportSpec) and spec.content_type is ContentType.JSON and spec.null_token is not None
    ):
        raise InvalidSpecError("null_token", "is for CSV; JSON has null")


def _check_load(spec: LoadSpec) -> None:
    parts(spec.object)
    if spec.content_type is ContentType.PARQUET:
        raise InvalidSpecError("content_type", "PARQUET uploads are not loaded here yet; use CSV or JSON")
    if spec.null_token is not None and "\\" in spec.null_token and spec.null_token != BACKSLASH_N:
        raise InvalidSpecError("null_token", "may have a backslash only as \\N, which Redshift knows")
