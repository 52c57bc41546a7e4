"""Statements of Redshift, with the rows that Amazon's documentation says they have.

Each names the page (Database Developer Guide) by which its rows were worked out; data and texts are our own.
"""

from tests.unit.redshift_samples.aggregates import AGGREGATES, WINDOWS
from tests.unit.redshift_samples.clauses import CLAUSES
from tests.unit.redshift_samples.dates import DATES
from tests.unit.redshift_samples.sample import TABLES, Sample
from tests.unit.redshift_samples.texts import JSON, PATTERNS, STRINGS
from tests.unit.redshift_samples.values import CONDITIONS, NUMBERS, TYPES

__all__ = ["SAMPLES", "TABLES", "Sample"]

SAMPLES = [
    *(*STRINGS, *PATTERNS, *JSON, *DATES, *NUMBERS),
    *(*CONDITIONS, *TYPES, *AGGREGATES, *WINDOWS, *CLAUSES),
]
