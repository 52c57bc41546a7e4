"""How Spectra works on one Redshift."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from spectra.errors import InvalidSpecError

__all__ = ["RedshiftOptions"]

_ROLE: Final = re.compile(r"default|arn:[^\s',]+(,arn:[^\s',]+)*")


def _role(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not _ROLE.fullmatch(value):
        raise InvalidSpecError(attribute.name, "must be default, or ARNs joined by commas without blanks")


def _name(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_][a-z0-9_$]{0,126}", value):
        raise InvalidSpecError(attribute.name, "must be a plain name in lower case")


@attrs.frozen(kw_only=True)
class RedshiftOptions:
    """What both executors want to know.

    *iam_role* is the role that UNLOAD and COPY use: ``default``, an ARN, or a chain of ARNs. *region*
    is the bucket's, if it is not the cluster's (Parquet loads cannot have another). *kms_key_id*
    encrypts exports with that key. The ledger's tables are in *ledger_schema*, which is made if it is
    missing. Files of exports have about *max_file_mb* MB (5 to 6,200) unless one is asked for.
    """

    iam_role: str = attrs.field(default="default", validator=_role)
    region: str | None = None
    kms_key_id: str | None = None
    ledger_schema: str = attrs.field(default="spectra", validator=_name)
    max_file_mb: int = attrs.field(
        default=256,
        validator=(attrs.validators.instance_of(int), attrs.validators.ge(5), attrs.validators.le(6_200)),
    )

    def authorization(self) -> str:
        """The clause that lets Redshift read and write S3."""
        return "IAM_ROLE default" if self.iam_role == "default" else f"IAM_ROLE '{self.iam_role}'"

    def placement(self) -> list[str]:
        """Clauses of an UNLOAD about the bucket."""
        said: list[Any] = []
        if self.region is not None:
            said.append(f"REGION AS '{_quoted(self.region)}'")
        if self.kms_key_id is not None:
            said.append(f"KMS_KEY_ID '{_quoted(self.kms_key_id)}' ENCRYPTED")
        return said


def _quoted(value: str) -> str:
    if "\\" in value or "'" in value:
        raise InvalidSpecError("options", "must have no quote and no backslash")
    return value
