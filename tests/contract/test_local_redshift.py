"""The local Redshift as clients meet it: the unmodified driver, and boto3's Data API."""

from __future__ import annotations

import gc
import gzip
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redshift_connector
from botocore.exceptions import ClientError

from tests.contract.redshift_house import TARGET


@pytest.fixture
def cursor(redshift):
    with redshift_connector.connect(**redshift.parameters) as connection:
        connection.autocommit = True
        yield connection.cursor()
    redshift.faults.clear()


@pytest.fixture
def table(redshift, request):
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    redshift.run(f"CREATE TABLE {name} (id int, name text)")
    yield name
    redshift.run(f"DROP TABLE {name}")


@pytest.fixture
def put(local_s3, bucket, prefix):
    def put(name, data):
        local_s3.client().put_object(Bucket=bucket, Key=prefix + name, Body=data)
        return f"s3://{bucket}/{prefix}{name}"

    return put


@pytest.fixture
def files(local_s3, bucket, prefix):
    def files():
        s3 = local_s3.client()
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        return {
            one["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            for one in found
        }

    return files


def notices(cursor):
    with pytest.warns(UserWarning, match="DB-API extension"):
        return cursor.connection.notices


def refused(cursor, sql):
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        cursor.execute(sql)
    return caught.value.args[0]


# ---- statements -------------------------------------------------------------------------------------


def test_the_driver_sees_a_redshift(cursor) -> None:
    cursor.execute("SELECT current_user, 1::int, 'ä'::varchar, NULL::int, true, 1.50::decimal(9, 2)")
    user, one, letter, nothing, yes, amount = cursor.fetchone()
    assert (user, one, letter, nothing, yes, str(amount)) == ("spectra", 1, "ä", None, True, "1.50")


def test_one_statement_per_message(cursor) -> None:
    assert refused(cursor, "SELECT 1; SELECT 2")["M"].startswith("cannot insert multiple commands")


def test_keys_are_not_enforced_and_storage_is_taken_and_forgotten(cursor, redshift) -> None:
    cursor.execute(
        "CREATE TABLE keyed (id int PRIMARY KEY ENCODE az64, name varchar(9) NOT NULL ENCODE lzo, UNIQUE (name))"
        " DISTSTYLE KEY DISTKEY (id) SORTKEY (id)"
    )
    try:
        cursor.execute("INSERT INTO keyed VALUES (1, 'a'), (1, 'a')")
        cursor.execute("SELECT count(*) FROM keyed")
        assert cursor.fetchone() == [2]
        told = refused(cursor, "INSERT INTO keyed VALUES (1, NULL)")
        assert (told["C"], told["M"]) == ("23502", "Cannot insert a NULL value into column name")
        told = refused(cursor, "INSERT INTO keyed VALUES (1, 'much too long')")
        assert (told["C"], told["M"]) == ("XX000", "Value too long for character type")
        assert "code:      8001" in told["D"]
    finally:
        cursor.execute("DROP TABLE keyed")


def test_merge_has_one_form(cursor, table) -> None:
    cursor.execute(f"INSERT INTO {table} VALUES (1, 'old')")
    source = f"MERGE INTO {table} USING (SELECT 1 AS id, 'new' AS name UNION ALL SELECT 2, 'two') s ON {table}.id = s.id"
    assert refused(cursor, f"{source} WHEN MATCHED THEN UPDATE SET name = s.name")["C"] == "42601"
    cursor.execute(
        f"{source} WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name)"
    )
    cursor.execute(f"SELECT * FROM {table} ORDER BY id")
    assert cursor.fetchall() == ([1, "new"], [2, "two"])


def test_changes_that_postgresql_would_take_are_refused(cursor, table) -> None:
    both = "WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name)"
    itself = f"MERGE INTO {table} USING (SELECT a.* FROM {table} a) s ON {table}.id = s.id {both}"
    told = refused(cursor, itself)["M"]
    assert told == "Source view/subquery in Merge statement cannot reference target table."
    cursor.execute("CREATE TEMP TABLE new (id int, name text)")
    update = f"UPDATE {table} SET name = new.name FROM new"
    for join in ("LEFT JOIN", "right outer join", "FULL\tJOIN"):
        told = refused(cursor, f"{update} {join} new other ON other.id = new.id WHERE {table}.id = new.id")[
            "M"
        ]
        assert told == "Target table must be part of an equijoin predicate"
    cursor.execute(f"{update} JOIN new other ON other.id = new.id WHERE {table}.id = new.id")
    nested = f"(SELECT b.* FROM new a LEFT JOIN {table} b ON a.id = b.id) x"
    cursor.execute(f"UPDATE {table} SET name = x.name FROM {nested} WHERE {table}.id = x.id")


def test_rights_are_of_relations(cursor, redshift, table) -> None:
    redshift.user_exists("nobody")
    # Executors make a schema of this user's name, which would come first.
    cursor.execute(f"CREATE VIEW public.{table}_view AS SELECT * FROM {table}")
    try:
        for name in (table, f"{table}_view"):
            for statement, text in (
                (f"SELECT * FROM {name}", f"permission denied for relation {name}"),
                (f"ALTER TABLE {name} RENAME TO mine", f"must be owner of relation {name}"),
            ):
                cursor.execute("SET SESSION AUTHORIZATION 'nobody'")
                told = refused(cursor, statement)
                assert (told["C"], told["M"]) == ("42501", text)
                cursor.execute("SET SESSION AUTHORIZATION DEFAULT")
    finally:
        cursor.execute("SET SESSION AUTHORIZATION DEFAULT")
        cursor.execute(f"DROP VIEW public.{table}_view")


def test_of_a_transaction_that_has_failed(cursor, redshift) -> None:
    aborted = "current transaction is aborted, commands ignored until end of transaction block"
    cursor.execute("BEGIN")
    assert refused(cursor, "SELECT 1 / 0")["M"] == "division by zero"
    for statement in ("SELECT 1", "UNLOAD ('select 1') TO 's3://b/k' IAM_ROLE default"):
        told = refused(cursor, statement)
        assert (told["C"], told["M"]) == ("25P02", aborted)
    cursor.execute("ROLLBACK")
    cursor.execute("BEGIN")
    told = refused(cursor, "VACUUM")
    assert (told["C"], told["M"]) == ("25001", "VACUUM cannot run inside a transaction block")
    cursor.execute("ROLLBACK")


def test_what_is_not_there_is_named(cursor, table) -> None:
    for statement, state, text in (
        ("SELECT * FROM nope", "42P01", 'relation "nope" does not exist'),
        ("CREATE TABLE nope.t (id int)", "3F000", 'schema "nope" does not exist'),
        ("SELECT nope(1)", "42883", "function nope(integer) does not exist"),
        (f"SELECT nope FROM {table}", "42703", 'column "nope" does not exist'),
        ("selec 1", "42601", 'syntax error at or near "selec"'),
        ("SELECT 'x'::int", "22P02", 'invalid input syntax for integer: "x"'),
        ("CANCEL 1", "XX000", "Session 1 does not exist."),
    ):
        told = refused(cursor, statement)
        assert (told["C"], told["M"][: len(text)]) == (state, text)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves its socket
def test_a_password_is_checked_and_connections_are_counted(redshift) -> None:
    with pytest.raises(redshift_connector.InterfaceError, match="password authentication failed"):
        redshift_connector.connect(**{**redshift.parameters, "password": "wrong"})
    gc.collect()


# ---- UNLOAD and COPY --------------------------------------------------------------------------------


def test_unload_writes_what_was_asked_for(cursor, files, put) -> None:
    target = put("x", b"").removesuffix("x")
    query = "select 1 as id, ''a,b'' as name union all select 2, null order by 1"
    cursor.execute(
        f"UNLOAD ('{query}') TO '{target}csv_' IAM_ROLE default CSV HEADER MANIFEST VERBOSE PARALLEL OFF"
    )
    assert notices(cursor)[-1][b"M"] == b"UNLOAD completed, 2 record(s) unloaded successfully."
    cursor.execute(f"UNLOAD ('{query}') TO '{target}js_' IAM_ROLE default JSON GZIP PARALLEL OFF")
    found = files()
    assert found["csv_000"] == b'id,name\n1,"a,b"\n2,\n'
    manifest = json.loads(found["csv_manifest"])
    assert manifest["entries"] == [
        {
            "url": f"{target}csv_000",
            # The header counts, as it does there.
            "meta": {"content_length": len(found["csv_000"]), "record_count": 3},
        }
    ]
    assert [element["name"] for element in manifest["schema"]["elements"]] == ["id", "name"]
    lines = gzip.decompress(found["js_000.gz"]).decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"id": 1, "name": "a,b"}, {"id": 2, "name": None}]
    again = refused(cursor, f"UNLOAD ('{query}') TO '{target}csv_' IAM_ROLE default CSV HEADER PARALLEL OFF")
    assert again["M"].startswith("Specified unload destination on S3 is not empty")
    told = refused(cursor, f"UNLOAD ('{query} limit 1') TO '{target}l_' IAM_ROLE default CSV")
    assert told["M"].startswith("Limit clause is not supported in the outermost select")


def test_copy_counts_and_tells_of_what_it_could_not_load(cursor, table, put) -> None:
    source = put("a.csv", b"id,name\n1,a\nx,b\n3,c\n4\n")
    form = f"COPY {table} (id, name) FROM '{source}' IAM_ROLE default CSV IGNOREHEADER 1"
    assert refused(cursor, form)["M"].startswith(f"Load into table '{table}' failed.")
    cursor.execute(f"{form} MAXERROR 5")
    cursor.execute("SELECT pg_last_copy_count()")
    assert cursor.fetchone() == [2]
    cursor.execute(
        "SELECT line_number, trim(colname), err_code FROM stl_load_errors WHERE query = pg_last_copy_id()"
        " ORDER BY line_number"
    )
    assert cursor.fetchall() == ([3, "id", 1207], [5, "", 1214])
    cursor.execute(f"SELECT id FROM {table} ORDER BY id")
    assert cursor.fetchall() == ([1], [3])


def test_copy_and_unload_obey_the_clients_transaction(redshift, table, put) -> None:
    source = put("a.csv", b"1,a\n")
    with redshift_connector.connect(**redshift.parameters) as connection:
        own = connection.cursor()
        own.execute(f"COPY {table} FROM '{source}' IAM_ROLE default CSV")
        assert redshift.run(f"SELECT count(*) FROM {table}") == [("0",)]
        connection.rollback()
        own.execute(f"COPY {table} FROM '{source}' IAM_ROLE default CSV")
        connection.commit()
    assert redshift.run(f"SELECT count(*) FROM {table}") == [("1",)]


def test_what_is_missing_and_what_is_forbidden(cursor, redshift, table, put) -> None:
    nowhere = put("x", b"").removesuffix("x") + "nothing"
    told = refused(cursor, f"COPY {table} FROM '{nowhere}' IAM_ROLE default CSV")
    assert told["M"].startswith("The specified S3 prefix")
    folder = put("folder/a.csv", b"1,a\n").removesuffix("a.csv")
    told = refused(cursor, f"COPY {table} FROM '{folder}' IAM_ROLE default CSV MANIFEST")
    assert told["M"] == "COPY with MANIFEST parameter requires full path of an S3 object."
    assert "code:      8001" in told["D"]
    told = refused(cursor, f"COPY {table} FROM '{nowhere}' IAM_ROLE default CSV MANIFEST")
    assert told["M"].startswith("The specified key does not exist")
    told = refused(cursor, f"COPY nope FROM '{nowhere}' IAM_ROLE default CSV")
    assert told["M"] == "Cannot COPY into nonexistent table nope"
    redshift.faults.add("S3 denied", "^COPY")
    told = refused(cursor, f"COPY {table} FROM '{nowhere}' IAM_ROLE default CSV")
    assert told["M"].startswith("S3ServiceException:Access Denied")


def test_the_history_has_labels_and_ends(cursor) -> None:
    cursor.execute("SET query_group TO 'mine/1'")
    cursor.execute("SELECT 4711")
    refused(cursor, "SELECT 1 / 0")
    cursor.execute(
        "SELECT trim(status), trim(error_message) FROM sys_query_history WHERE query_label = 'mine/1' AND"
        " query_type = 'SELECT' AND query_text LIKE '%1%' AND query_text NOT LIKE '%sys_%' ORDER BY query_id"
    )
    assert cursor.fetchall() == (["success", ""], ["failed", "division by zero"])


# ---- the Data API -----------------------------------------------------------------------------------


@pytest.fixture
def api(redshift):
    return redshift.data_client()


def ended(api, told):
    until = time.monotonic() + 60
    while (found := api.describe_statement(Id=told["Id"]))["Status"] in ("SUBMITTED", "PICKED", "STARTED"):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def test_a_token_makes_a_call_once(api, redshift, table) -> None:
    sql = f"INSERT INTO {table} VALUES (1, 'a')"
    first = api.execute_statement(Sql=sql, ClientToken="once", StatementName="a/1", **TARGET)
    assert (
        api.execute_statement(Sql=sql, ClientToken="once", StatementName="a/1", **TARGET)["Id"] == first["Id"]
    )
    assert ended(api, first)["ResultRows"] == 1
    assert redshift.run(f"SELECT count(*) FROM {table}") == [("1",)]
    with pytest.raises(ClientError, match="client token"):
        api.execute_statement(Sql="SELECT 2", ClientToken="once", **TARGET)
    named = api.list_statements(StatementName="a/", Status="ALL")["Statements"]
    assert [one["Id"] for one in named] == [first["Id"]]


def test_a_batch_is_one_transaction(api, redshift, table) -> None:
    sqls = [f"INSERT INTO {table} VALUES (1, 'a')", "SELECT 1 / 0", "SELECT 3"]
    found = ended(api, api.batch_execute_statement(Sqls=sqls, **TARGET))
    assert found["Status"] == "FAILED"
    assert found["Error"].startswith("ERROR: division by zero")
    assert [one["Status"] for one in found["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert redshift.run(f"SELECT count(*) FROM {table}") == [("0",)]
    found = ended(api, api.batch_execute_statement(Sqls=[sqls[0], "SELECT 7 AS n"], **TARGET))
    assert found["Status"] == "FINISHED"
    result = api.get_statement_result(Id=found["SubStatements"][1]["Id"])
    assert result["Records"] == [[{"longValue": 7}]]


def test_results_come_in_pages_and_kinds(api) -> None:
    sql = "SELECT n, n = 1 AS a, n / 2.0::float8 AS b, n::text AS c, NULL AS d FROM generate_series(1, 2500) n ORDER BY n"
    done = ended(api, api.execute_statement(Sql=sql, **TARGET))
    assert done["HasResultSet"], done
    pages, more = [], {}
    while True:
        page = api.get_statement_result(Id=done["Id"], **more)
        pages.append(page["Records"])
        if not page.get("NextToken"):
            break
        more = {"NextToken": page["NextToken"]}
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert pages[0][0] == [
        {"longValue": 1},
        {"booleanValue": True},
        {"doubleValue": 0.5},
        {"stringValue": "1"},
        {"isNull": True},
    ]


def test_sessions_are_kept_and_one_statement_at_a_time(api, redshift) -> None:
    first = api.execute_statement(Sql="CREATE TEMP TABLE mine (n int)", SessionKeepAliveSeconds=60, **TARGET)
    ended(api, first)
    session = {"SessionId": first["SessionId"]}
    slow = api.execute_statement(Sql="SELECT pg_sleep(1) FROM mine", **session)
    redshift.faults.add("delay", "FROM mine m", seconds=5)
    done = ended(api, slow)
    assert done["Status"] == "FINISHED"
    running = api.execute_statement(Sql="SELECT * FROM mine m", **session)
    with pytest.raises(ClientError, match="busy"):
        api.execute_statement(Sql="SELECT 1", **session)
    assert api.cancel_statement(Id=running["Id"])["Status"]
    assert ended(api, running)["Status"] == "ABORTED"
    ended(api, api.execute_statement(Sql="SELECT 1", SessionKeepAliveSeconds=0, **session))
    with pytest.raises(ClientError, match="not available"):
        api.execute_statement(Sql="SELECT 1", **session)


def test_cancelling_what_has_ended(api, redshift) -> None:
    done = ended(api, api.execute_statement(Sql="SELECT 1", **TARGET))
    with pytest.raises(ClientError, match="already in FINISHED state"):
        api.cancel_statement(Id=done["Id"])
    redshift.behaviour.finished_cancel = "false"
    try:
        assert not api.cancel_statement(Id=done["Id"])["Status"]
    finally:
        redshift.behaviour.finished_cancel = "error"
    with pytest.raises(ClientError, match="does not exist"):
        api.describe_statement(Id="00000000-0000-0000-0000-000000000000")


def test_of_a_client_that_is_killed_while_it_asks_nothing_is_said(redshift, capfd) -> None:
    where = urlsplit(redshift.data_api.endpoint)
    with socket.create_connection((where.hostname, where.port), timeout=10) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: RedshiftData.ExecuteStatement\r\n"
            b"Content-Length: 99\r\n\r\n"
        )
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert capfd.readouterr().err == ""


def test_the_pages_example() -> None:
    page = (Path(__file__).parents[2] / "docs" / "local-redshift.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "['sales_0000_part_00']\n"
