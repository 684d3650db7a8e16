"""The types of the fields of a run record: what each accepts, and how it is written."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
)

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _in_any_time_zone(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("is no time of a run")
    return moment


def to_the_millisecond(moment: datetime) -> str:
    """The time as a record has it: in UTC, to the millisecond, with `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def or_else(default: Any) -> WrapValidator:
    """Take `default` for a value of another type. No metric depends on such a field, so the record still counts."""

    def validated(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            return copy(default)

    return WrapValidator(validated)


Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[str, Field(pattern=r"\A-?[0-9]{1,60}(\.[0-9]{1,9})?\z")]
ExitCode = Annotated[int, Field(ge=0, le=255)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_any_time_zone)]
EndOfRun = Annotated[Moment, PlainSerializer(to_the_millisecond)]
Words = Annotated[str | None, or_else(None)]


class Part(BaseModel):
    """A part of a record. Keys that it does not know are ignored."""

    model_config = ConfigDict(extra="ignore")


class SparsePart(Part):
    """A part of a record that is written with the fields that it was given, and no others."""

    @model_serializer(mode="wrap")
    def _given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if name in self.model_fields_set}
