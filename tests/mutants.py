"""Mutation testing of the rules, the choice of versions, and batches from plan to gold: `python tests/mutants.py`.

mutmut changes the functions, one change at a time, and sees whether a test fails. It leaves alone what stands in no
function, so the rules, which are a table, are changed here. docs/mutants.md must explain each change that no test
notices.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from pyspark_interview_project.schemas import rules

REPOSITORY = Path(__file__).resolve().parents[1]
EXPLANATIONS = REPOSITORY / "docs" / "mutants.md"
LEAST_SHARE = 0.90
PROCESSES = 2
KILLED = ("killed", "timeout")  # a mutant that never ends does not go unnoticed

_TRANSFORMS = ("validate.py", "deduplicate.py", "aggregate.py")

# What is changed in the SQL of a rule, wherever it stands.
_SQL_CHANGES = (
    (r"<=", "<"),
    (r"<(?!=)", "<="),
    (r">", ">="),
    (r"\bis null\b", "is not null"),
    (r"\bnot (?!null)", ""),
    (r"\band\b", "or"),
    (r"\bor\b", "and"),
    (r"(?<=<= )0", "1"),
    (r"(?<=< )0", "1"),
    (r"(?<=, )1", "2"),
    (r"(?<=, )1", "0"),
    (re.escape(rules.FIRST_RETURN_DATE), "1990-01-02"),
    (re.escape(rules.FIRST_RETURN_DATE), "1989-12-31"),
    (r"\b(\w+)_given\b", r"\1 is not null"),
)
_RULES_TESTS = ("-k", "validate or rules", "tests/test_pipeline_components.py")
# As for mutmut in pyproject.toml.
_PYTEST = ("pytest", "-x", "-q", "-p", "tests.mutants_plugin", "-p", "no:hypothesispytest", "--assert=plain")


@dataclass(frozen=True)
class Mutant:
    """A change of the code and what became of it: the changed lines as they were and as they are."""

    file: str
    function: str
    status: str
    removed: str = ""
    added: str = ""

    @property
    def is_a_name_in_other_case(self) -> bool:
        """Whether it changes nothing but the case of a column's or type's name: to SQL it is the same name."""
        return self.file in _TRANSFORMS and self.removed.lower() == self.added.lower()


def run_mutmut() -> None:
    """Run mutmut anew, as pyproject.toml configures it. What it finds is in mutants/."""
    shutil.rmtree("mutants", ignore_errors=True)
    mutmut = Path(sys.executable).with_name("mutmut")
    with subprocess.Popen([mutmut, "run", "--max-children", str(PROCESSES)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        said = [line.strip() for line in run.stdout]  # its progress too, a line each time
    if run.returncode != 0:
        sys.exit("\n".join([*said[-50:], "error: mutmut did not come to its end"]))


def mutants_of_functions() -> list[Mutant]:
    """What mutmut found."""
    found = []
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, exit_code in data.exit_code_by_key.items():
            # To mutmut 255 is a timeout, but so ends a process that could not run the tests at all.
            status = "not run" if exit_code == 255 else status_by_exit_code[exit_code]
            diff = [] if status in KILLED else get_diff_for_mutant(name, path=path).splitlines()[2:]
            lines = (" ".join(line[1:].strip() for line in diff if line.startswith(sign)) for sign in "-+")
            found.append(Mutant(path.name, orig_function_and_class_names_from_key(name)[0], status, *lines))
    return found


def mutants_of_rules() -> list[Mutant]:
    """Run the tests of validation on each change of a rule."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        return [*pool.map(_rule_mutant, *zip(*_changed_rules()))]


def _changed_rules() -> Iterator[tuple[str, str | None]]:
    """The code of a rule and the SQL that it is changed to; None: it is left out."""
    for rule in rules.RULES:
        yield rule.code, None
        for pattern, by in _SQL_CHANGES:
            for match in re.finditer(pattern, rule.broken_when):
                yield rule.code, rule.broken_when[: match.start()] + match.expand(by) + rule.broken_when[match.end() :]


def _rule_mutant(code: str, sql: str | None) -> Mutant:
    env = {**os.environ, "MUTATED_RULE": code} | ({} if sql is None else {"MUTATED_RULE_SQL": sql})
    ended = subprocess.run(
        [sys.executable, "-m", *_PYTEST, *_RULES_TESTS],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ended.returncode not in (0, 1):
        sys.exit(f"{ended.stdout}\npytest ended with {ended.returncode}")
    return Mutant("rules.py", code, "killed" if ended.returncode else "survived", code, sql or "left out")


def explained() -> list[tuple[str, str, str]]:
    """The rows of the table in docs/mutants.md: file, function and a text that the changed lines have."""
    row = re.compile(r"\| `([\w.]+)` \| `(\w+)` \| `(.+?)` \|")
    return [(match[1], match[2], match[3]) for match in map(row.match, EXPLANATIONS.read_text().splitlines()) if match]


def main() -> None:
    os.chdir(REPOSITORY)
    os.environ["ENGINE"] = "embedded"
    began = time.monotonic()
    run_mutmut()
    report(mutants_of_rules() + mutants_of_functions())
    print(f"took {(time.monotonic() - began) / 60:.0f} minutes")


def report(mutants: Sequence[Mutant]) -> None:
    """Print what became of the mutants. Exits where too few are killed, or one that survives is not explained."""
    for file, count in sorted(Counter(mutant.file for mutant in mutants).items()):
        by_status = Counter(mutant.status for mutant in mutants if mutant.file == file)
        print(f"{file:12} {count:5}  " + ", ".join(f"{n} {status}" for status, n in sorted(by_status.items())))
    survivors = [mutant for mutant in mutants if mutant.status not in KILLED]
    share = 1 - len(survivors) / len(mutants)
    print(f"{share:.1%} of {len(mutants)} mutants killed")

    rows = explained()
    unexplained = 0
    for mutant in survivors:
        is_explained = mutant.is_a_name_in_other_case or any(
            mutant.file == file and function in (mutant.function, "any") and text in mutant.added
            for file, function, text in rows
        )
        unexplained += not is_explained
        because = "explained" if is_explained else "NOT EXPLAINED"
        print(f"{mutant.status}, {because}: {mutant.file} {mutant.function}: {mutant.added}")
    if share < LEAST_SHARE:
        sys.exit(f"error: less than {LEAST_SHARE:.0%} are killed")
    if unexplained:
        sys.exit(f"error: {unexplained} are not in {EXPLANATIONS.relative_to(REPOSITORY)}; write a test, or why not")


if __name__ == "__main__":
    main()
