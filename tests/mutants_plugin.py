"""A plugin of pytest for `make mutants`: mutants of the rules, and what mutmut's statistics miss."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from pyspark_interview_project.engines import duckdb_queries
from pyspark_interview_project.schemas import rules

# The rules' mutant under test: a rule's code, and the SQL that it has now; none: the rule is left out.
RULE, SQL = "MUTATED_RULE", "MUTATED_RULE_SQL"

if code := os.environ.get(RULE):
    changed = tuple(
        rules.Rule(rule.code, os.environ[SQL], rule.because) if rule.code == code else rule
        for rule in rules.RULES
        if rule.code != code or SQL in os.environ
    )
    duckdb_queries.SHIPPED = duckdb_queries.SHIPPED.with_name("none")  # they are those of the rules as they are
    vars(rules).update(RULES=changed, REASON_CODES=(rules.CORRUPT_RECORD, *(rule.code for rule in changed)))
else:
    from mutmut.state import state

    # What a fixture ran of the code is the doing of every test that uses it, not only of the one that set it up.
    _run_by_fixture: dict[Any, set[str]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(fixturedef: Any) -> Generator[None, Any, Any]:
        before = {*state()._stats}
        try:
            return (yield)
        finally:
            _run_by_fixture[fixturedef] = state()._stats - before

    def pytest_runtest_call(item: Any) -> None:
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            state()._stats |= _run_by_fixture.get(definitions[-1], set())
