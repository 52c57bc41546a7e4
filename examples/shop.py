"""What the example hosts share: tenants by their tokens, a table of sales, a folder, a port, a log."""

import logging
import os
from contextlib import suppress

from spectra.errors import WarehouseLockedError

TENANTS = {"Bearer acme-token": "acme", "Bearer bolt-token": "bolt"}
TABLE = "create table if not exists sales (id int primary key, amount decimal(9, 2))"
PORT = int(os.environ.get("PORT", "8000"))

os.environ.setdefault("SPECTRA_HOME", "spectra-home")
logging.basicConfig(level="INFO")


def make_table(spectra):
    """Make the table, unless another process has the warehouse: then it was made there."""
    with suppress(WarehouseLockedError), spectra.executor.connect() as cursor:
        cursor.execute(TABLE)
