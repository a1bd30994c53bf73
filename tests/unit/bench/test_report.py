"""A bench's document against its schema, and its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench import report
from bench.result import BenchResult, Measured, Row, Unmeasured, summary

SCHEMA = json.loads(Path(report.__file__).with_name("bench.schema.json").read_text())

MACHINE = {
    "processor": "One",
    "processors": "2",
    "memory": "1 kB",
    "kernel": "Linux",
    "system": "Debian",
    "load": "0.1 0.1 0.1",
    "user": "root",
    "hostonly": "0.1.0, commit 0123456789ab",
    "python": "3.11.2",
    "java": "17.0.15",
    "vagrant": "2.3.4",
}
UP = Row("up", "s", "cold sandbox.up over stock", 0.18)
SIZE = Row("image-size", "MB", "the image over another", 0.09)
TOLD = Row("python-cpu", "1/s", "by processor time", None)
RESULT = BenchResult(
    MACHINE,
    3,
    (
        Measured(UP, summary([2.0, 1.5, 2.5]), summary([10.0, 12.0, 20.0])),
        Measured(SIZE, summary([120.0]), summary([654.0])),
        Measured(TOLD, summary([900.0]), summary([1000.0])),
    ),
    (Unmeasured(Row("push", "s", "", 0.5), "no sandbox"),),
    12.3456,
)


def test_the_document_is_what_the_schema_says() -> None:
    document = report.as_document(RESULT)
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)
    assert document["rows"][0] == {
        "name": "up",
        "unit": "s",
        "ours": {"min": 1.5, "median": 2.0, "max": 2.5},
        "theirs": {"min": 10.0, "median": 12.0, "max": 20.0},
        "ratio": 0.167,
        "goal": 0.18,
        "met": True,
    }
    assert document["rows"][1]["met"] is False
    assert (document["rows"][2]["goal"], document["rows"][2]["met"]) == (None, None)
    assert document["unmeasured"] == [{"name": "push", "because": "no sandbox"}]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "benches"},
        {"rounds": 0},
        {"rows": [{}]},
        {"machine": {}},
        {"more": 1},
    ],
)
def test_another_document_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report.as_document(RESULT), **change}, SCHEMA)


def test_the_table_says_goals_met_and_the_distance() -> None:
    table = report.as_table(RESULT)
    lines = table.splitlines()
    assert "processor: One" in lines
    assert "vagrant: 2.3.4" in lines
    up = next(line for line in lines if line.startswith("✓ up"))
    assert "1.50 / 2.00 / 2.50 s" in up and "0.17 × (goal ≤ 0.18)" in up
    size = next(line for line in lines if line.startswith("✗ image-size"))
    assert "120 MB" in size and "goal ≤ 0.09" in size
    assert any(line.startswith("· python-cpu") and "0.90 × (no goal)" in line for line in lines)
    assert any(line.startswith("? push") and "no sandbox" in line for line in lines)
    assert lines[-1] == "1 of 2 goals met, 12 s"
