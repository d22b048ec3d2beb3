"""What analysts own: the dbt vars with their defaults, and the seeds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

Names = tuple[str, ...]
Seeds = dict[str, list[dict]]

SEEDS = (
    "state_categories",
    "lead_time_buckets",
    "board_teams",
    "excluded_teams",
    "work_week",
    "work_calendar_days",
)


class DefinitionError(ValueError):
    """A var that the tracker cannot satisfy: a field that no project has, an ambiguous state."""


@dataclass(frozen=True)
class Definitions:
    """The vars of the contract. `None` for a field means that the var is not set."""

    timezone: str = "UTC"
    team_field: Names = ("Team", "Команда")
    type_field: Names = ("Type", "Тип")
    lead_time_field: Names = ("LeadTime", "Lead time")
    story_points_field: Names = ("Story points", "Story Points")
    assignee_field: Names = ("Assignee", "Исполнитель")
    state_field: Names = ()
    sprint_field: Names = ()
    story_types: Names = (
        "Story",
        "User Story",
        "Feature",
        "История",
        "Пользовательская история",
    )
    lead_time_unit: str = "days"
    lead_time_minutes_per_day: Decimal | None = None
    lead_time_fallback: str = "history"
    sprint_planning_grace_hours: Decimal = Decimal(24)
    sprint_closing_grace_hours: Decimal = Decimal(24)
    forecast_sample_weeks: int = 12
    forecast_horizon_weeks: int = 13
    run_max_age_hours: Decimal = Decimal(26)
    seeds: Seeds = field(default_factory=dict)

    @classmethod
    def from_vars(cls, variables: Mapping[str, object], seeds: Seeds) -> Definitions:
        """The definitions that `dbt --vars` would give; vars unknown here are left aside."""
        known = {item.name: item for item in fields(cls)}
        given: dict[str, object] = {"seeds": seeds}
        for name, value in variables.items():
            if name not in known or name == "seeds":
                continue
            if value is None:
                continue
            if name.endswith("_field") or name == "story_types":
                given[name] = (value,) if isinstance(value, str) else tuple(value)  # type: ignore
            elif name.endswith(("_hours", "_per_day")):
                given[name] = Decimal(str(value))
            else:
                given[name] = value
        return cls(**given)  # type: ignore[arg-type]

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.timezone)

    def seed(self, name: str) -> Sequence[Mapping[str, object]]:
        """The rows of a seed; an absent one is empty."""
        return self.seeds.get(name, [])

    def is_default(self, name: str) -> bool:
        """Whether a var has the value that the project ships."""
        return getattr(self, name) == getattr(type(self)(), name)


def read_seeds(path: Path) -> Seeds:
    """The seeds as CSV files in a folder; an empty cell is None."""
    seeds: Seeds = {}
    for name in SEEDS:
        with (Path(path) / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            seeds[name] = [
                {column: value or None for column, value in row.items()}
                for row in csv.DictReader(file)
            ]
    return seeds
