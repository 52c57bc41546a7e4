"""Uploads record by record: unpacking, cutting, numbering, and the reports on what could not be loaded."""
