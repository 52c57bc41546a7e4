"""What Redshift says, as its documentation, drivers and users quote it, and what we make of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spectra.adapters.aws.redshift.connection import Connection
from spectra.adapters.aws.redshift.failure_rules import RULES
from spectra.adapters.aws.redshift.failures import (
    is_cancel,
    is_conflict,
    job_error,
    said,
    sessions_end,
)
from spectra.domain import Category, JobError
from spectra.errors import QueryTimeoutError

V, P, R, T, C, I = (  # noqa: E741
    Category.VALIDATION,
    Category.PERMISSION,
    Category.RESOURCE,
    Category.TRANSIENT,
    Category.CAPACITY,
    Category.INTERNAL,
)


def block(error, code, context, location="x.cpp:1"):
    rule = "-----------------------------------------------"
    return (
        f"\n  {rule}\n  error:  {error}\n  code:      {code}\n  context:   {context}\n  query:     213818\n"
        f"  location:  {location}\n  process:   query0_113_213818 [pid=25354]\n  {rule}\n"
    )


DENIED = (
    "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 64EDA4DF,ExtRid dVcG+x=,CanRetry 1"
)
TEXTS = [
    # SQLSTATE, message, detail, code, category, where it was seen
    ("XX000", "1023", "Serializable isolation violation on table - 119371, transactions forming the cycle are: 123, 124 (pid:1)", "SERIALIZATION_CONFLICT", T, "aws-sdk-pandas#665"),
    ("XX000", "1018", "Relation does not exist", "CONCURRENT_DDL", T, "DG:c_serial_isolation"),
    ("XX000", "could not complete because of conflict with concurrent transaction", "", "SERIALIZATION_CONFLICT", T, "move-coop/parsons#343"),
    ("XX000", "could not open relation with OID 2432423", "", "CONCURRENT_DDL", T, "dbt-labs"),
    ("40P01", "deadlock detected", "Process 1 waits for AccessExclusiveLock", "DEADLOCK", T, "teleport#43335"),
    ("40001", "could not serialize access due to concurrent update", "", "SERIALIZATION_CONFLICT", T, "PostgreSQL"),
    ("57014", 'Query (12345) cancelled by WLM abort action of Query Monitoring Rule "too_long".', "", "QUERY_RULE_ABORT", R, "facts 3.7"),
    ("XX000", "abort query", block("abort query", 1020, "system requested abort", "queryabort.cpp:71"), "SYSTEM_ABORT", R, "PostHog#64160"),
    ("57014", "Query (168) cancelled on user's request", "", "CANCELLED", R, "facts 3.6"),
    ("57014", "Query (150) canceled on user's request", "", "CANCELLED", R, "DG:r_statement_timeout"),
    ("XX000", "Disk Full", block("Disk Full", 1016, "node: 0", "fdisk_api.cpp:371"), "DISK_FULL", R, "spark-redshift#348"),
    ("53100", "could not extend relation: No space left on device", "", "DISK_FULL", R, "PostgreSQL"),
    ("XX000", "Out of Memory", block("Out of Memory", 1004, "node: 2"), "OUT_OF_MEMORY", R, "OHDSI/Achilles#425"),
    ("53200", "out of memory", "Failed on request of size 16", "OUT_OF_MEMORY", R, "JDBC list"),
    ("XX000", "Insufficient system resources", "", "OUT_OF_MEMORY", R, "PostHog#47159"),
    ("XX000", 'connection limit "500" exceeded for non-bootstrap users', "", "TOO_MANY_CONNECTIONS", C, "node-postgres#1155"),
    ("53300", 'connection limit "500" exceeded for non-bootstrap users', "", "TOO_MANY_CONNECTIONS", C, "node-postgres#1155"),
    ("XX000", "Load into table 'sales' failed.  Check 'stl_load_errors' system table for details.", "", "LOAD_ERROR", V, "spark-redshift#53"),
    ("XX000", "Load into table 'sales' failed. Check 'sys_load_error_detail' system table for details.", "", "LOAD_ERROR", V, "estuary#841"),
    ("XX000", "Cannot COPY into nonexistent table sales", "", "QUERY_ERROR", R, "estuary#918"),
    ("XX000", "The specified S3 prefix 'a/b' does not exist", "", "UPLOAD_MISSING", R, "apache/hop#3469"),
    ("XX000", "Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey", "", "UPLOAD_MISSING", R, "facts 6.3"),
    ("XX000", "COPY with MANIFEST parameter requires full path of an S3 object.", block("COPY with MANIFEST parameter requires full path of an S3 object.", 8001, "s3://b/k"), "S3_ACCESS_DENIED", P, "PostHog#61603"),
    ("XX000", DENIED, block(DENIED, 8001, "S3 key being read : s3://b/k"), "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "User: arn:aws:sts::1:assumed-role/r/x is not authorized to perform: s3:PutObject on resource", "", "S3_ACCESS_DENIED", P, "dbt-labs/redshift#62"),
    ("XX000", "is not authorized to perform: kms:Decrypt on resource", "", "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "User arn:aws:redshift:us-east-1:1:dbuser:c/u is not authorized to assume IAM Role arn:aws:iam::1:role/r", "", "ROLE_NOT_ASSUMED", P, "facts 6.3"),
    ("XX000", "S3ServiceException:The bucket you are attempting to access must be addressed using the specified endpoint.,Status 301,Error PermanentRedirect", "", "S3_WRONG_REGION", V, "spectrify#50"),
    ("XX000", "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown", "", "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "S3ServiceException:We encountered an internal error.,Status 500,Error InternalError", "", "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "S3ServiceException:The provided token has expired.,Status 400,Error ExpiredToken", "", "CREDENTIALS_EXPIRED", T, "facts 6.3"),
    ("XX000", "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix", "", "NOT_EMPTY", I, "facts 1.6"),
    ("XX000", "Spectrum Scan Error", block("Spectrum Scan Error", 15007, "Unmatched number of columns between table and file. Table columns: 3, Data columns: 2"), "LOAD_ERROR", V, "rudder-server#3178"),
    ("XX000", "Spectrum Scan Error", block("Spectrum Scan Error", 15007, "File 's3://b/k' has an incompatible Parquet schema for column 's3://b/k.id'"), "LOAD_ERROR", V, "python-driver#107"),
    ("XX000", "Spectrum Scan Error", block("Spectrum Scan Error", 15001, "Access Denied"), "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "Spectrum Scan Error", block("Spectrum Scan Error", 15000, "request timed out"), "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "Value too long for character type", block("Value too long for character type", 8001, "Value too long for type character(30)", "string.cpp:213"), "VALUE_TOO_LONG", V, "amazon-redshift-utils#716"),
    ("22001", "value too long for type character varying(10)", "", "QUERY_ERROR", V, "amazon-redshift-utils#459"),
    ("XX000", "Invalid digit, Value 'a', Pos 0, Type: Integer", block("Invalid digit, Value 'a', Pos 0, Type: Integer", 1207, "abc"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Numeric data overflow (result precision)", block("Numeric data overflow", 1058, "64 bit overflow"), "QUERY_ERROR", V, "facts 6.3"),
    ("22012", "division by zero", "", "QUERY_ERROR", V, "PostgreSQL"),
    ("XX000", "Found multiple matches to update the same tuple.", "", "DUPLICATE_KEY", V, "DG:r_MERGE"),
    ("XX000", "Target table must be part of an equijoin predicate", "", "QUERY_ERROR", V, "DG:r_UPDATE"),
    ("23502", "Cannot insert a NULL value into column id", "", "NOT_NULL", V, "facts 6.2"),
    ("XX000", "Cannot insert a NULL value into column id", "", "NOT_NULL", V, "facts 6.2, other position"),
    ("25001", "VACUUM cannot run inside a transaction block", "", "INTERNAL", I, "facts 3.4"),
    ("XX000", "CREATE EXTERNAL TABLE cannot run inside a transaction block", "", "INTERNAL", I, "facts 3.4"),
    ("42501", "permission denied for relation sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("42501", "must be owner of relation sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("28000", 'password authentication failed for user "x"', "", "LOGIN_FAILED", P, "python-driver#237"),
    ("42P01", 'relation "nope" does not exist', "", "QUERY_ERROR", R, "awswrangler"),
    ("3F000", 'schema "nope" does not exist', "", "QUERY_ERROR", R, "facts 6.2"),
    ("3D000", 'database "nope" does not exist', "", "QUERY_ERROR", R, "facts 6.2"),
    ("42703", "column nope does not exist in t", "", "QUERY_ERROR", V, "JDBC list"),
    ("42703", 'column "nope" of relation "sales" does not exist', "", "QUERY_ERROR", V, "PostgreSQL"),
    ("42883", "function nope(integer) does not exist", "No function matches the given name", "QUERY_ERROR", V, "JDBC list"),
    ("42601", 'syntax error at or near "selec"', "", "QUERY_ERROR", V, "facts 5.5"),
    ("42601", "cannot insert multiple commands into a prepared statement", "", "QUERY_ERROR", V, "python-driver#13"),
    ("42804", "column \"a\" is of type integer but expression is of type boolean", "", "QUERY_ERROR", V, "JDBC list"),
    ("0A000", "Limit clause is not supported in the outermost select of an UNLOAD statement", "", "QUERY_ERROR", V, "DG:r_UNLOAD"),
    ("22P02", 'invalid input syntax for integer: "x"', "", "QUERY_ERROR", V, "PostgreSQL"),
    ("25P02", "current transaction is aborted, commands ignored until end of transaction block", "", "INTERNAL", I, "awslabs/mcp#1489"),
    ("55006", "table is being used by active queries in this session", "", "QUERY_ERROR", T, "JDBC list"),
    ("57P01", "terminating connection due to administrator command", "", "CONNECTION_LOST", T, "PostgreSQL"),
    ("23505", 'duplicate key violates unique constraint "pg_class_relname_nsp_index"', "", "CONCURRENT_DDL", T, "terraform-provider-redshift#139"),
    ("23505", 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', "Key (typname, typnamespace)=(ledger_06, 16471) already exists.", "CONCURRENT_DDL", T, "PostgreSQL"),
    ("XX000", "Query reached usage limit", "", "USAGE_LIMIT", C, "facts 6.3"),
    ("XX000", "The cluster is read-only while it is being resized", "", "CLUSTER_UNAVAILABLE", C, "facts 6.3"),
    ("XX000", "Assert", block("Assert", 1000, "query - 123"), "INTERNAL", I, "facts 6.3"),
    ("XX000", "something that nobody has seen", "", "INTERNAL", I, "ours"),
]  # fmt: skip

# What tells no more than its text: the Data API has no SQLSTATE, and no detail beyond the message.
ONLY_BY_STATE = {"40001", "53100", "53200", "22001", "57P01", "55006", "42804", "42883"}


class ProgrammingError(Exception):
    """As redshift_connector raises nearly everything."""


def raised(state, message, detail=""):
    return ProgrammingError(
        {"S": "ERROR", "C": state, "M": message, "D": detail, "F": "f", "L": "1", "R": "pg_throw"}
    )


@pytest.mark.parametrize(("state", "message", "detail", "code", "category", "source"), TEXTS)
def test_what_the_driver_raises(state, message, detail, code, category, source) -> None:
    error = job_error(raised(state, message, detail))
    assert (error.code, error.category) == (code, category), source
    assert error.details["sql_state"] == state
    assert error.retryable is (category in (T, C))


@pytest.mark.parametrize(
    ("message", "detail", "code", "category", "source"),
    [tuple(facts) for state, *facts in TEXTS if state not in ONLY_BY_STATE],
)
def test_what_the_data_api_tells(message, detail, code, category, source) -> None:
    error = job_error(f"ERROR: {message}\n  Detail: {detail} [ErrorId: 1-69284c4a-1a2b3c]")
    assert (error.code, error.category) == (code, category), source
    assert "ErrorId" not in error.message


@pytest.mark.parametrize(
    ("state", "message", "code", "category"),
    [
        # Only what the catalog's own indexes refuse comes of others' DDL.
        ("23505", 'duplicate key value violates unique constraint "sales_pkey"', "QUERY_ERROR", V),
        ("25006", "cannot execute INSERT in a read-only transaction", "QUERY_ERROR", I),
        ("24000", "invalid cursor state", "QUERY_ERROR", V),
        ("2BP01", "cannot drop table a because other objects depend on it", "QUERY_ERROR", V),
        ("08006", "connection failure", "CONNECTION_LOST", T),
        ("08P01", "protocol violation", "CONNECTION_LOST", T),
        ("XX001", "invalid page header", "QUERY_ERROR", I),
    ],
)
def test_what_looks_like_something_else(state, message, code, category) -> None:
    error = job_error(raised(state, message))
    assert (error.code, error.category) == (code, category)
    assert sessions_end(raised(state, message)) is (code == "CONNECTION_LOST")


def test_there_are_sixty_of_them() -> None:
    assert len({(state, message) for state, message, *_ in TEXTS}) >= 60


def test_no_rule_is_there_for_nothing() -> None:
    found = [said(raised(state, message, detail)) for state, message, detail, *_ in TEXTS]
    found += [
        said("BrokenPipe: server socket closed. Please check"),
        said("connection time out"),
        said("error while reading gzip file"),
        said("is ambiguous"),
    ]
    unused = [rule.pattern for rule in RULES if not any(rule.fits(one.all, one.inner) for one in found)]
    assert unused == []


def test_positions_and_contexts() -> None:
    error = job_error('ERROR: syntax error at or near "selec" Position: 12 [ErrorId: 1-a]')
    assert (error.message, error.details["position"]) == ('syntax error at or near "selec"', 12)
    error = job_error(
        raised(
            "XX000",
            "Value too long for character type",
            block("Value too long", 8001, "Value too long for type character(30)"),
        )
    )
    assert error.message == "Value too long for character type: Value too long for type character(30)"
    assert error.details["inner_code"] == 8001


def test_what_belongs_to_s3_alone_is_not_told() -> None:
    error = job_error(raised("XX000", DENIED + " https://b/k?X-Amz-Signature=abc&X-Amz-Credential=k"))
    for secret in ("64EDA4DF", "dVcG", "abc", "CanRetry"):
        assert secret not in error.message


@pytest.mark.parametrize(
    ("exc", "conflict", "cancel", "ended"),
    [
        (raised("XX000", "1023", "Serializable isolation violation on table"), True, False, False),
        (raised("40P01", "deadlock detected"), True, False, False),
        (raised("57014", "Query (1) cancelled on user's request"), False, True, False),
        (raised("57014", 'cancelled by WLM abort action of Query Monitoring Rule "x"'), False, True, False),
        (ProgrammingError("BrokenPipe: server socket closed. Please check that"), False, False, True),
        (ProgrammingError("connection is closed"), False, False, True),
        (ProgrammingError("communication error", ConnectionResetError()), False, False, True),
        (TimeoutError("timed out"), False, False, True),
        (raised("57P01", "terminating connection"), False, False, True),
        (raised("42601", "syntax error"), False, False, False),
    ],
)
def test_what_to_do_about_it(exc, conflict, cancel, ended) -> None:
    assert (is_conflict(exc), is_cancel(exc), sessions_end(exc)) == (conflict, cancel, ended)


@given(st.text(max_size=500), st.text(max_size=8) | st.none(), st.text(max_size=900))
@example("\0", None, "")
@example(" \0 ", None, "")
def test_nothing_that_is_said_breaks_it(message, state, detail) -> None:
    facts = {"M": message, "D": detail} | ({} if state is None else {"C": state})
    for exc in (ProgrammingError(facts), message):
        error = job_error(exc)
        assert isinstance(error, JobError)
        assert error.message


@given(st.text(st.characters(categories=["Lu"]), max_size=30).filter(lambda text: "ASSERT" not in text))
def test_what_nobody_knows_is_never_tried_again(message) -> None:
    assert not job_error(raised("XX000", f"_{message}_")).retryable


class Answering:
    """A connection of the driver, and its cursor, that answers everything with one row."""

    description = (("pid", 23),)

    def cursor(self):
        return self

    def execute(self, sql):
        pass

    def fetchall(self):
        return [(1,)]


def test_time_that_ran_out_between_two_statements_is_no_failure_of_one() -> None:
    """A `QueryTimeoutError` is an `OSError`, as those of sockets are; it comes from the caller's check."""
    connection = Connection(Answering())

    def check() -> None:
        raise QueryTimeoutError(0.5)

    with pytest.raises(QueryTimeoutError):
        connection.transaction(["SELECT 1"], check)
    assert not connection.broken
