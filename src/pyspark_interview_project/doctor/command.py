"""One line for each thing that a run needs, with what to do where it is not as it should be; `returns doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark_interview_project import engine
from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.doctor import lake_state, machine
from pyspark_interview_project.doctor.findings import FAILED, OK, Check, Finding, Situation
from pyspark_interview_project.errors import ConfigurationError, PipelineError
from pyspark_interview_project.pipeline.options import EngineOption
from pyspark_interview_project.shown_text import printable, without_secrets

_OF_THE_MACHINE: Mapping[str, Check] = {
    "java": machine.java_of,
    "spark": machine.paired_packages_of,
    "jars": machine.jars_of,
    "port": machine.port,
    "data_root": lake_state.permissions,
}
# These look into the lake, which must be where a path can lead.
_OF_THE_LAKE: Mapping[str, Check] = {
    "disk": lake_state.disk,
    "clock": lake_state.clock,
    "lock": lake_state.lock,
    "backup": lake_state.backups,
}
_WITHOUT_SETTINGS = {"java": machine.java, "spark": machine.paired_packages, "jars": machine.jars}


def findings(options: Mapping[str, Any]) -> dict[str, Finding]:
    """What each check finds, by its name; those that need settings, or a lake, only where there are such."""
    try:
        settings = prepare(options)
    except ConfigurationError as error:
        found = {name: check().as_note("maybe not needed") for name, check in _WITHOUT_SETTINGS.items()}
        return {"settings": Finding(FAILED, str(error)), **found}
    chosen, of_the_engine = _engine(settings)
    situation = Situation(settings, chosen, engine.on_databricks())
    of_settings = Finding(OK, f"APP_ENV {settings.app_env}, DATA_ROOT {settings.paths.root}")
    checks = {**_OF_THE_MACHINE, **(_OF_THE_LAKE if settings.paths.is_local else {})}
    examined = {name: _found(check, situation) for name, check in checks.items()}
    return {"settings": of_settings, "engine": of_the_engine, **examined}


def _engine(settings: Settings) -> tuple[str | None, Finding]:
    try:
        name = engine.choose_engine(settings.wanted_engine)
    except ConfigurationError as error:
        return None, Finding(FAILED, str(error))
    return name, Finding(OK, f"{name} (engine is {settings.engine} in the settings)")


def _found(check: Check, situation: Situation) -> Finding:
    try:
        return check(situation)
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
