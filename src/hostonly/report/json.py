"""Results as JSON documents, schema ``hostonly/1``: whole outputs, nothing shortened."""

from __future__ import annotations

from typing import Any

from hostonly.claims import ClaimResult
from hostonly.report.document import SCHEMA
from hostonly.results.judged import Cell, CheckResult, DemoResult, DemosResult, Judged, MatrixResult
from hostonly.vantages import Result

# Wall-clock times are measured to the millisecond.
DIGITS = 3


def document(result: Judged) -> dict[str, Any]:
    """Return the document of any result with a verdict."""
    match result:
        case DemoResult():
            return demo_document(result)
        case DemosResult():
            return demos_document(result)
        case CheckResult():
            return check_document(result)
        case MatrixResult():
            return matrix_document(result)


def demo_document(result: DemoResult) -> dict[str, Any]:
    """Return the document of one demo."""
    return {
        "schema": SCHEMA,
        "kind": "demo",
        "name": result.name,
        "verdict": result.verdict.value,
        "sandbox": {
            "name": result.sandbox.name,
            "provider": result.sandbox.provider,
            "address": result.sandbox.address,
            "engine": result.sandbox.engine,
        },
        "steps": [_step(step) for step in result.steps],
        "claims": [claim_item(claim) for claim in result.claims],
        "seconds": round(result.seconds, DIGITS),
    }


def demos_document(result: DemosResult) -> dict[str, Any]:
    """Return the document of several demos, run in this order; the verdict is their worst."""
    return {
        "schema": SCHEMA,
        "kind": "demos",
        "verdict": result.verdict.value,
        "demos": [demo_document(demo) for demo in result.demos],
        "seconds": round(result.seconds, DIGITS),
    }


def check_document(result: CheckResult) -> dict[str, Any]:
    """Return the document of one check."""
    return {
        "schema": SCHEMA,
        "kind": "check",
        "name": result.name,
        "verdict": result.verdict.value,
        "claims": [claim_item(claim) for claim in result.claims],
        "seconds": round(result.seconds, DIGITS),
    }


def matrix_document(result: MatrixResult) -> dict[str, Any]:
    """Return the document of the matrix; ``claims`` are troubles on the way, empty without any."""
    return {
        "schema": SCHEMA,
        "kind": "matrix",
        "verdict": result.verdict.value,
        "engine": result.engine,
        "cells": [_cell(cell) for cell in result.cells],
        "claims": [claim_item(claim) for claim in result.claims],
        "seconds": round(result.seconds, DIGITS),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    aim, claim = cell.aim, claim_item(cell.claim)
    return {
        "mode": aim.mode,
        "vantage": aim.vantage,
        "target": aim.target,
        "expected": aim.expected.value,
        "observed": cell.observed,
        **{key: claim[key] for key in ("verdict", "because", "evidence")},
    }


def claim_item(claim: ClaimResult) -> dict[str, Any]:
    """Return a claim as it stands in every document."""
    return {
        "id": claim.id,
        "sentence": claim.sentence,
        "source": claim.source,
        "verdict": claim.verdict.value,
        "because": claim.because,
        "evidence": [
            {"vantage": result.vantage, "command": result.command, "output": result.output}
            for result in claim.evidence
        ],
    }


def _step(result: Result) -> dict[str, Any]:
    return {
        "vantage": result.vantage,
        "command": result.command,
        "exit": result.exit,
        "output": result.output,
        "seconds": round(result.seconds, DIGITS),
    }
