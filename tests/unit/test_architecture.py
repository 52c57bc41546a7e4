"""What the layout promises: cheap imports, small files, documents that agree with the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spectra
from spectra.domain.state import diagram

ROOT = Path(__file__).parents[2]
DRIVERS = {
    "aws_lambda_powertools",
    "boto3",
    "django",
    "duckdb",
    "fastapi",
    "flask",
    "hypothesis",
    "isal",
    "itsdangerous",
    "mangum",
    "opentelemetry",
    "pytest",
    "sqlglot",
    "sqlite3",
    "structlog",
}


def loaded(code: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "spectra",
        "spectra.domain",
        "spectra.ports",
        "spectra.errors",
        "spectra.services",
        "spectra.composition",
        "spectra.hosts.aws_lambda",
        "spectra.hosts.lambda_http",
        "spectra.settings",
        "spectra.adapters.memory",
        "spectra.adapters.embedded",
        "spectra.monitoring",
        "spectra.monitoring.emf",
        "spectra.alarms",
        "spectra.sql",
    ],
)
def test_imports_load_no_driver(module: str) -> None:
    assert not DRIVERS & loaded(f"import {module}")


def test_the_http_interface_loads_no_framework() -> None:
    assert not (DRIVERS - {"structlog"}) & loaded("import spectra.hosts.http")


def test_construction_loads_no_warehouse(tmp_path: Path) -> None:
    """A process that needs only jobs and files never opens DuckDB."""
    code = f"import spectra; s = spectra.Spectra.embedded({str(tmp_path / 'home')!r}); s.jobs; s.worker()"
    assert "duckdb" not in loaded(code)
    assert not (tmp_path / "home").exists()


def test_public_names_exist() -> None:
    for name in spectra.__all__:
        assert getattr(spectra, name) is not None
    with pytest.raises(AttributeError):
        _ = spectra.nothing


def test_files_are_small() -> None:
    long = {p.name: n for p in ROOT.glob("spectra/**/*.py") if (n := len(p.read_text().splitlines())) > 350}
    assert long == {}


def test_the_diagram_in_the_docs_is_the_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert diagram() == text.split("```mermaid\n")[1].split("```")[0]


def test_clocks_and_ids_are_injected() -> None:
    """`datetime.now` stands in the system clock alone; the contracts meet real servers in real time."""
    for path in ROOT.glob("spectra/**/*.py"):
        if path.name in ("clock.py", "ids.py") or path.is_relative_to(ROOT / "spectra" / "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = ast.unparse(node.func)
                assert name not in ("datetime.now", "datetime.utcnow", "time.time", "uuid.uuid4"), (
                    f"{path}: {name}"
                )


def test_the_readme_example(tmp_path: Path) -> None:
    """The fifteen lines run as they stand."""
    code = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "succeeded=2" in result.stdout
    assert result.stdout.splitlines()[-1] == "2"
    assert result.stderr == ""
