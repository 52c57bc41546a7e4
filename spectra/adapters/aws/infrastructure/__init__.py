"""Infrastructure as code: what an AWS account needs, rendered as a template and checked where it is."""

from spectra.adapters.aws.infrastructure.check import check
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.findings import Finding, Severity
from spectra.adapters.aws.infrastructure.template import rendered, template

__all__ = ["Finding", "Infrastructure", "Severity", "check", "rendered", "template"]
