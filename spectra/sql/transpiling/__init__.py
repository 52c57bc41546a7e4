"""Redshift's SQL in DuckDB's, so that statements can be tried where no Redshift is.

What has another meaning there is mended; what has none is refused, before anything runs.
"""

from __future__ import annotations

from spectra.sql.transpiling.macros import CATALOG, MACROS
from spectra.sql.transpiling.statement import Call, Transpiled, transpile

__all__ = ["CATALOG", "MACROS", "Call", "Transpiled", "transpile"]
