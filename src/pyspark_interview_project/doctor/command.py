"""`returns doctor`: a line for each thing that a run needs, and what to do where something is missing or wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pyspark_interview_project import engine
from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.doctor import lake_state, machine
from pyspark_interview_project.doctor.findings import FAILED, OK, Check, Finding, Situation
from pyspark_interview_project.errors import ConfigurationError, PipelineError
from pyspark_interview_project.pipeline.options import EngineOption
from pyspark_interview_project.shown_text import printable, without_secrets

_OF_THE_SETTINGS: dict[str, Check] = {"port": machine.port, "data_root": lake_state.permissions}
# These look into the lake, so it must have a local path.
_OF_THE_LAKE: dict[str, Check] = {
    "disk": lake_state.disk,
    "clock": lake_state.clock,
    "lock": lake_state.lock,
    "rejected": lake_state.rejected,
    "backup": lake_state.backups,
}


def findings(options: Mapping[str, Any]) -> dict[str, Finding]:
    """What each check finds, by its name. Checks of settings or of a local lake are left out where there is none."""
    try:
        settings = prepare(options)
    except ConfigurationError as error:
        of_spark = {name: _found(check).as_note("maybe not needed") for name, check in machine.OF_SPARK.items()}
        return {"settings": Finding(FAILED, str(error)), **of_spark}
    chosen, of_the_engine = _engine(settings)
    situation = Situation(settings, chosen, engine.on_databricks())
    found = {
        "settings": Finding(OK, f"APP_ENV {settings.app_env}, DATA_ROOT {settings.paths.root}"),
        "engine": of_the_engine,
    }
    for name, check in machine.OF_SPARK.items():
        why_not = situation.why_not_needed(name)
        found[name] = _found(check) if why_not is None else _found(check).as_note(why_not)
    for name, of_a_run in (_OF_THE_SETTINGS | (_OF_THE_LAKE if settings.paths.is_local else {})).items():
        found[name] = _found(partial(of_a_run, situation))
    return found


def _engine(settings: Settings) -> tuple[str | None, Finding]:
    try:
        name = engine.choose_engine(settings.wanted_engine)
    except ConfigurationError as error:
        return None, Finding(FAILED, str(error))
    return name, Finding(OK, f"{name} (engine is {settings.engine} in the settings)")


def _found(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except PipelineError as error:
        return Finding(FAILED, str(error))
    except OSError as error:
        return Finding(FAILED, f"{error.filename or 'it'} cannot be looked at: {error.strerror}; give this user access")


def doctor(engine_name: EngineOption = None) -> None:
    """Say of each thing that a run needs whether it is there, and if not, what to do. Changes nothing."""
    found = findings({"engine": engine_name})
    for name, finding in found.items():
        print(f"{finding.outcome:<5} {name:<10} {printable(without_secrets(finding.text))}")
    if failed := [name for name, finding in found.items() if finding.outcome == FAILED]:
        raise ConfigurationError("doctor", f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}")


main = main_of(doctor)


if __name__ == "__main__":
    main()
