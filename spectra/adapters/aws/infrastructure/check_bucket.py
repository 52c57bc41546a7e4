"""Is the bucket private, and do its rules remove what they should and nothing else?"""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from spectra.adapters.aws.infrastructure.bucket import OWNERSHIP, PRIVATE
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.findings import ABSENT, Finding, Findings

__all__ = ["check_bucket"]

_DEPLOY: Final = "deploy the template"
_QUEUE: Final = "SPECTRA_QUEUE_TIMEOUT_HOURS"


def check_bucket(client: Any, name: str, infrastructure: Infrastructure) -> tuple[Finding, ...]:
    """Look at the bucket *name* by a boto3 client of S3."""
    found = Findings("bucket")
    there = found.ask(f"the bucket {name}", client.head_bucket, absent=("404", "NoSuchBucket"), Bucket=name)
    if there is None:
        return found.all()
    if there is ABSENT:
        return found.error(f"there is no bucket {name}", f"{_DEPLOY}, or check SPECTRA_S3_BUCKET_NAME").all()
    _access(found, client, name)
    _encryption(found, client, name)
    _versions(found, client, name)
    _lifecycle(found, client, name, infrastructure)
    return found.all()


def _access(found: Findings, client: Any, name: str) -> None:
    answer = found.ask(
        "its public access block",
        client.get_public_access_block,
        absent=("NoSuchPublicAccessBlockConfiguration",),
        Bucket=name,
    )
    if answer is not None:
        told = answer.get("PublicAccessBlockConfiguration", {})
        if missing := [one for one in PRIVATE if not told.get(one)]:
            found.error(f"it can be made public: {', '.join(missing)} is not set", "block all public access")
    answer = found.ask(
        "who owns its objects",
        client.get_bucket_ownership_controls,
        absent=("OwnershipControlsNotFoundError",),
        Bucket=name,
    )
    if answer is not None:
        controls = answer.get("OwnershipControls", {}).get("Rules", ())
        if OWNERSHIP not in [one.get("ObjectOwnership") for one in controls]:
            found.warning(
                "objects belong to who writes them: those of a Redshift in another account cannot be read",
                f"set its object ownership to {OWNERSHIP}",
            )
    answer = found.ask("its policy", client.get_bucket_policy, absent=("NoSuchBucketPolicy",), Bucket=name)
    if answer is not None and not _demands_tls(answer.get("Policy", "{}")):
        found.warning("it may be reached without TLS", "deny what comes without aws:SecureTransport")


def _demands_tls(policy: str) -> bool:
    return any(
        one.get("Effect") == "Deny"
        and str(one.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
        for one in json.loads(policy).get("Statement", ())
    )


def _encryption(found: Findings, client: Any, name: str) -> None:
    answer = found.ask(
        "its encryption",
        client.get_bucket_encryption,
        absent=("ServerSideEncryptionConfigurationNotFoundError",),
        Bucket=name,
    )
    if answer is not None and not answer.get("ServerSideEncryptionConfiguration"):
        found.warning("its objects are not encrypted by default", "set SSE-S3, or a key of your own")


def _versions(found: Findings, client: Any, name: str) -> None:
    answer = found.ask("its versioning", client.get_bucket_versioning, Bucket=name)
    if answer is not None and answer.get("Status") == "Enabled":
        found.warning(
            "it keeps versions: what was deleted after its retention is still there",
            "suspend versioning, and let a rule remove noncurrent versions",
        )


# ---- rules ------------------------------------------------------------------------------------------


@attrs.frozen
class _Found:
    """A rule as S3 tells it; *whole* if it is about everything below its prefix."""

    name: str
    prefix: str
    whole: bool
    days: int | None
    dated: bool
    unfinished_days: int | None

    @classmethod
    def of(cls, rule: dict[str, Any]) -> _Found:
        chosen = rule.get("Filter") or {}
        both = chosen.get("And") or {}
        prefix = both.get("Prefix", chosen.get("Prefix", rule.get("Prefix"))) or ""
        more = {*chosen, *both} - {"And", "Prefix"}
        expiration = rule.get("Expiration") or {}
        unfinished = rule.get("AbortIncompleteMultipartUpload") or {}
        return cls(
            rule.get("ID", ""),
            prefix,
            not more,
            expiration.get("Days"),
            "Date" in expiration,
            unfinished.get("DaysAfterInitiation"),
        )

    def touches(self, prefix: str) -> bool:
        return self.prefix.startswith(prefix) or prefix.startswith(self.prefix)

    def covers(self, prefix: str) -> bool:
        return self.whole and prefix.startswith(self.prefix)


def _lifecycle(found: Findings, client: Any, name: str, infrastructure: Infrastructure) -> None:
    answer = found.ask(
        "its lifecycle",
        client.get_bucket_lifecycle_configuration,
        absent=("NoSuchLifecycleConfiguration",),
        Bucket=name,
    )
    if answer is None:
        return
    prefix, days = infrastructure.prefix, infrastructure.expiry_days
    told = [_Found.of(rule) for rule in answer.get("Rules", ()) if rule.get("Status") == "Enabled"]
    rules = [rule for rule in told if rule.touches(prefix)]
    for rule in rules:
        _harm(found, rule, infrastructure)
    if not any(rule.covers(prefix) and rule.unfinished_days is not None for rule in rules):
        found.warning(
            "uploads in parts that nobody completed stay, and are paid for",
            f"add a rule that aborts them after {infrastructure.unfinished_days} days",
        )
    if days is None:
        found.note(f"no rule removes files by age, for jobs may wait without limit; set {_QUEUE} to have one")
    elif not any(rule.covers(prefix) and rule.days is not None for rule in rules):
        found.warning(
            "what jobs leave behind by mistake is never removed",
            f"add a rule that removes objects after {days} days",
        )


def _harm(found: Findings, rule: _Found, infrastructure: Infrastructure) -> None:
    """Say what the rule removes that is still needed."""
    days = infrastructure.expiry_days
    called = f"its rule {rule.name!r}"
    if rule.dated:
        found.error(f"{called} removes everything from a date on, needed or not", "remove the rule")
    elif rule.days is not None and days is None:
        found.error(
            f"{called} removes files after {rule.days} days, also those of jobs that still wait",
            f"remove the rule, or set {_QUEUE}, so that no job waits for longer",
        )
    elif rule.days is not None and days is not None and rule.days < days:
        found.error(
            f"{called} removes files after {rule.days} days, and a job may need them for {days}",
            f"raise it to {days} days, or shorten the job's clocks",
        )
    least = infrastructure.unfinished_days
    if rule.unfinished_days is not None and rule.unfinished_days < least:
        found.error(
            f"{called} aborts uploads in parts after {rule.unfinished_days} days, and work may last as long",
            f"raise it to {least} days",
        )
