"""What Redshift says, as its documentation, its drivers and its users quote it, and what it means.

Words that change are filled in: names, numbers, the ``…`` of a quotation.
"""

from __future__ import annotations

from spectra.domain import Category

__all__ = ["DENIED", "INFERRED", "ONLY_BY_STATE", "QUOTED", "block"]

V, P, R, T, C, I = (  # noqa: E741
    Category.VALIDATION,
    Category.PERMISSION,
    Category.RESOURCE,
    Category.TRANSIENT,
    Category.CAPACITY,
    Category.INTERNAL,
)


def block(error, code, context, location="x.cpp:1"):
    """The detail of what compute nodes refuse."""
    rule = "-----------------------------------------------"
    return (
        f"\n  {rule}\n  error:  {error}\n  code:      {code}\n  context:   {context}\n  query:     213818\n"
        f"  location:  {location}\n  process:   query0_113_213818 [pid=25354]\n  {rule}\n"
    )


DENIED = (
    "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 64EDA4DF,ExtRid dVcG+x=,CanRetry 1"
)
NOT_EMPTY = "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE option."
GONE = "Session 168 does not exist. The session PID might have changed. Check the stl_restarted_sessions system table for details."
FULL_PATH = "COPY with MANIFEST parameter requires full path of an S3 object"
ELSEWHERE = "The bucket you are attempting to access must be addressed using the specified endpoint. Status 301, Error PermanentRedirect"
CYCLE = (
    "Serializable isolation violation on table - 119371, transactions forming the cycle are: 123, 124 (pid:1)"
)
SCAN = "Spectrum Scan Error"

# SQLSTATE, message, detail, code, category, where it was seen
QUOTED = [
    ("XX000", "1023", CYCLE, "SERIALIZATION_CONFLICT", T, "aws-sdk-pandas#665"),
    ("XX000", CYCLE, "", "SERIALIZATION_CONFLICT", T, "aws-sdk-pandas#665"),
    ("XX000", "1018", "Relation does not exist", "CONCURRENT_DDL", T, "DG:c_serial_isolation"),
    ("XX000", "could not complete because of conflict with concurrent transaction", "", "SERIALIZATION_CONFLICT", T, "move-coop/parsons#343"),
    ("XX000", "could not open relation with OID 2432423", "", "CONCURRENT_DDL", T, "dbt-labs"),
    ("40P01", "deadlock detected", "Process 1 waits for AccessExclusiveLock", "DEADLOCK", T, "teleport#43335"),
    ("57014", 'Query (12345) cancelled by WLM abort action of Query Monitoring Rule "rule".', "", "QUERY_RULE_ABORT", R, "facts 3.7"),
    ("XX000", "abort query", block("abort query", 1020, "system requested abort", "queryabort.cpp:71"), "SYSTEM_ABORT", R, "PostHog#64160"),
    ("57014", "Query (168) cancelled on user's request", "", "CANCELLED", R, "amazon-redshift-utils#174"),
    ("57014", "Query (150) canceled on user's request", "", "CANCELLED", R, "DG:r_statement_timeout"),
    ("XX000", GONE, "", "CANCELLED", R, "DG:r_CANCEL"),
    ("XX000", "Disk Full", block("Disk Full", 1016, "node: 0", "fdisk_api.cpp:371"), "DISK_FULL", R, "spark-redshift#348"),
    ("XX000", "Out of Memory", block("Out of Memory", 1004, "node: 2"), "OUT_OF_MEMORY", R, "OHDSI/Achilles#425"),
    ("XX000", "Insufficient system resources", "", "OUT_OF_MEMORY", R, "PostHog#47159"),
    ("XX000", 'connection limit "500" exceeded for non-bootstrap users', "", "TOO_MANY_CONNECTIONS", C, "node-postgres#1155"),
    ("XX000", "Load into table 'sales' failed.  Check 'stl_load_errors' system table for details.", "", "LOAD_ERROR", V, "spark-redshift#53"),
    ("XX000", "Load into table 'sales' failed.  Check 'sys_load_error_detail' system table for details.", "", "LOAD_ERROR", V, "estuary#841"),
    ("XX000", "Cannot COPY into nonexistent table sales", "", "QUERY_ERROR", R, "estuary#918"),
    ("XX000", "The specified S3 prefix 'a/b' does not exist", "", "UPLOAD_MISSING", R, "apache/hop#3469"),
    ("XX000", "The specified key does not exist", block("The specified key does not exist", 2, "s3://b/k"), "UPLOAD_MISSING", R, "facts 6.3"),
    ("XX000", "No such file or directory", block("No such file or directory", 2, "s3://b/k"), "UPLOAD_MISSING", R, "facts 6.3"),
    ("XX000", FULL_PATH, block(FULL_PATH, 8001, "s3://b/k"), "S3_ACCESS_DENIED", P, "PostHog#61603"),
    ("XX000", DENIED, block(DENIED, 8001, "S3 key being read : s3://b/k"), "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "not authorized to perform: s3:PutObject", "User: arn:aws:sts::1:assumed-role/r/x is not authorized to perform: s3:PutObject", "S3_ACCESS_DENIED", P, "dbt-labs/redshift#62"),
    ("XX000", "User: arn:aws:sts::1:assumed-role/r/x is not authorized to perform: kms:Decrypt", "", "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "User: arn:aws:sts::1:assumed-role/r/x is not authorized to perform: sts:AssumeRole", "", "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", "not authorized to assume IAM Role", "", "ROLE_NOT_ASSUMED", P, "facts 6.3"),
    ("XX000", "User arn:aws:redshift:us-east-1:1:dbuser:c/u is not authorized to assume", "", "ROLE_NOT_ASSUMED", P, "facts 6.3"),
    ("XX000", ELSEWHERE, "", "S3_WRONG_REGION", V, "spectrify#50"),
    ("XX000", "Status 503", block("Status 503", 8001, "s3://b/k"), "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "SlowDown", "", "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "Status 500,Error InternalError", "", "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "The provided token has expired", "ExpiredToken", "CREDENTIALS_EXPIRED", T, "facts 6.3"),
    ("XX000", NOT_EMPTY, "", "NOT_EMPTY", I, "facts 1.6"),
    ("XX000", SCAN, block(SCAN, 15007, "Unmatched number of columns between table and file. Table columns: 3, Data columns: 2"), "LOAD_ERROR", V, "rudder-server#3178"),
    ("XX000", SCAN, block(SCAN, 15007, "File 's3://b/k' has an incompatible Parquet schema for column 's3://b/k.id'"), "LOAD_ERROR", V, "python-driver#107"),
    ("XX000", SCAN, block(SCAN, 15001, "Access Denied"), "S3_ACCESS_DENIED", P, "facts 6.3"),
    ("XX000", SCAN, block(SCAN, 15000, "timed out"), "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", SCAN, block(SCAN, 15000, "Slow Down"), "S3_UNAVAILABLE", T, "facts 6.3"),
    ("XX000", "Value too long for character type", block("Value too long for character type", 8001, "Value too long for type character(30)", "string.cpp:213"), "VALUE_TOO_LONG", V, "amazon-redshift-utils#716"),
    ("XX000", "Invalid digit", block("Invalid digit", 1207, "abc"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Overflow", block("Overflow", 8001, "int4"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Numeric data overflow", block("Numeric data overflow", 1058, "64 bit overflow"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Invalid date", block("Invalid date", 8001, "2024-02-30"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Invalid timestamp", block("Invalid timestamp", 8001, "25:00"), "QUERY_ERROR", V, "facts 6.3"),
    ("XX000", "Found multiple matches to update the same tuple.", "", "DUPLICATE_KEY", V, "DG:r_MERGE"),
    ("XX000", "Source view/subquery in Merge statement cannot reference target table.", "", "QUERY_ERROR", V, "DG:r_MERGE"),
    ("XX000", "Target table must be part of an equijoin predicate", "", "QUERY_ERROR", V, "DG:r_UPDATE"),
    ("23502", "Cannot insert a NULL value into column id", "", "NOT_NULL", V, "facts 6.2"),
    ("XX000", "Cannot insert a NULL value into column id", "", "NOT_NULL", V, "facts 6.2, other position"),
    ("25001", "VACUUM cannot run inside a transaction block", "", "INTERNAL", I, "facts 3.4"),
    ("XX000", "CREATE EXTERNAL TABLE cannot run inside a transaction block", "", "INTERNAL", I, "facts 3.4"),
    ("XX000", "ALTER TABLE APPEND cannot be executed inside a transaction block", "", "INTERNAL", I, "facts 6.3"),
    ("42501", "permission denied for relation sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("42501", "permission denied for schema sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("42501", "permission denied for database sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("42501", "permission denied for language sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("42501", "must be owner of relation sales", "", "PERMISSION_DENIED", P, "facts 6.2"),
    ("28000", 'password authentication failed for user "x"', "", "LOGIN_FAILED", P, "python-driver#237"),
    ("42P01", 'relation "x" does not exist', "", "QUERY_ERROR", R, "awswrangler"),
    ("3F000", 'schema "x" does not exist', "", "QUERY_ERROR", R, "facts 6.2"),
    ("42703", "column x does not exist", "", "QUERY_ERROR", V, "facts 6.3"),
    ("42883", "function x(integer) does not exist", "No function matches the given name", "QUERY_ERROR", V, "facts 6.3"),
    ("42883", "operator does not exist: integer = boolean", "", "QUERY_ERROR", V, "facts 6.2"),
    ("42601", 'syntax error at or near "selec"', "", "QUERY_ERROR", V, "facts 5.5"),
    ("42601", "cannot insert multiple commands into a prepared statement", "", "QUERY_ERROR", V, "python-driver#13"),
    ("42704", 'unrecognized configuration parameter "client_protocol_version"', "", "QUERY_ERROR", V, "facts 4.3"),
    ("0A000", "Limit clause is not supported in the outermost select of an UNLOAD statement", "", "QUERY_ERROR", V, "DG:r_UNLOAD"),
    ("21000", "more than one row returned by subquery", "", "QUERY_ERROR", V, "facts 6.2"),
    ("22012", "division by zero", "", "QUERY_ERROR", V, "facts 6.2"),
    ("22P02", 'invalid input syntax for integer: "x"', "", "QUERY_ERROR", V, "facts 6.2"),
    ("25P02", "current transaction is aborted, commands ignored until end of transaction block", "", "INTERNAL", I, "awslabs/mcp#1489"),
    ("XX000", "Query reached usage limit", "", "USAGE_LIMIT", C, "facts 6.3"),
    ("XX000", "The cluster is being resized", "", "CLUSTER_UNAVAILABLE", C, "facts 6.3"),
    ("XX000", "The cluster is read-only", "", "CLUSTER_UNAVAILABLE", C, "facts 6.3"),
    ("XX000", "The cluster is paused", "", "CLUSTER_UNAVAILABLE", C, "facts 6.3"),
    ("XX000", "Assert", block("Assert", 1000, "query - 123"), "INTERNAL", I, "facts 6.3"),
]  # fmt: skip

# As PostgreSQL says it, or as it stands to reason.
INFERRED = [
    ("40001", "could not serialize access due to concurrent update", "", "SERIALIZATION_CONFLICT", T, "PostgreSQL"),
    ("53100", "could not extend relation: No space left on device", "", "DISK_FULL", R, "PostgreSQL"),
    ("53200", "out of memory", "Failed on request of size 16", "OUT_OF_MEMORY", R, "JDBC list"),
    ("53300", 'connection limit "500" exceeded for non-bootstrap users', "", "TOO_MANY_CONNECTIONS", C, "PostgreSQL"),
    ("XX000", "Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey", "", "UPLOAD_MISSING", R, "inferred"),
    ("XX000", "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown", "", "S3_UNAVAILABLE", T, "inferred"),
    ("XX000", "S3ServiceException:We encountered an internal error.,Status 500,Error InternalError", "", "S3_UNAVAILABLE", T, "inferred"),
    ("XX000", "S3ServiceException:The provided token has expired.,Status 400,Error ExpiredToken", "", "CREDENTIALS_EXPIRED", T, "inferred"),
    ("22001", "value too long for type character varying(10)", "", "QUERY_ERROR", V, "amazon-redshift-utils#459"),
    ("XX000", "Invalid digit, Value 'a', Pos 0, Type: Integer", block("Invalid digit, Value 'a', Pos 0, Type: Integer", 1207, "abc"), "QUERY_ERROR", V, "inferred"),
    ("XX000", "Numeric data overflow (result precision)", block("Numeric data overflow", 1058, "64 bit overflow"), "QUERY_ERROR", V, "inferred"),
    ("3D000", 'database "nope" does not exist', "", "QUERY_ERROR", R, "PostgreSQL"),
    ("42703", "column nope does not exist in t", "", "QUERY_ERROR", V, "inferred"),
    ("42703", 'column "nope" of relation "sales" does not exist', "", "QUERY_ERROR", V, "PostgreSQL"),
    ("42804", 'column "a" is of type integer but expression is of type boolean', "", "QUERY_ERROR", V, "JDBC list"),
    ("55006", "table is being used by active queries in this session", "", "QUERY_ERROR", T, "JDBC list"),
    ("57P01", "terminating connection due to administrator command", "", "CONNECTION_LOST", T, "PostgreSQL"),
    ("23505", 'duplicate key violates unique constraint "pg_class_relname_nsp_index"', "", "CONCURRENT_DDL", T, "terraform-provider-redshift#139"),
    ("23505", 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', "Key (typname, typnamespace)=(ledger_06, 16471) already exists.", "CONCURRENT_DDL", T, "PostgreSQL"),
    ("XX000", "The cluster is read-only while it is being resized", "", "CLUSTER_UNAVAILABLE", C, "inferred"),
    ("XX000", "something that nobody has seen", "", "INTERNAL", I, "ours"),
]  # fmt: skip

# What tells no more than its text: the Data API has no SQLSTATE, and no detail beyond the message.
ONLY_BY_STATE = {"40001", "53100", "53200", "22001", "57P01", "55006", "42804", "42883"}
