"""What Redshift says comes through the driver and the Data API as what it is."""

from __future__ import annotations

import time

import pytest
import redshift_connector

from spectra.adapters.aws.redshift.failures import job_error
from tests.contract.redshift_house import TARGET
from tests.unit.redshift_texts import INFERRED, ONLY_BY_STATE, QUOTED

TEXTS = [*QUOTED, *INFERRED]


def refuse(redshift, text):
    state, message, detail, *_ = text
    redshift.faults.add(
        "error", "4711", fields={"C": state, "M": message} | ({"D": detail} if detail else {})
    )


def test_each_by_the_driver(redshift) -> None:
    told = []
    with redshift_connector.connect(**redshift.parameters) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for text in TEXTS:
            refuse(redshift, text)
            with pytest.raises(redshift_connector.Error) as caught:
                cursor.execute("SELECT 4711")
            error = job_error(caught.value)
            told.append((error.code, error.category))
    assert told == [(code, category) for _, _, _, code, category, _ in TEXTS]


def test_each_by_the_data_api(redshift) -> None:
    api = redshift.data_client()
    texts = [text for text in TEXTS if text[0] not in ONLY_BY_STATE]
    told = []
    for text in texts:
        refuse(redshift, text)
        sent = api.execute_statement(Sql="SELECT 4711", **TARGET)
        until = time.monotonic() + 60
        while (found := api.describe_statement(Id=sent["Id"]))["Status"] != "FAILED":
            assert time.monotonic() < until
            time.sleep(0.005)
        error = job_error(found["Error"])
        told.append((error.code, error.category))
    assert told == [(code, category) for _, _, _, code, category, _ in texts]
