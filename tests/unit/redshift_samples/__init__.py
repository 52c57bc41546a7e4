"""Statements of Redshift with the rows that Amazon's documentation shows, or that follow from its words.

Each names the page (Database Developer Guide) that it was taken from or checked by. Most are shortened, and
read the tables of `TABLES`, a part of the documentation's own.
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
