"""Changes of one millisecond: the order that the models and the reference find, held against what
a chain is, and on short ones against every order that there is."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations

import pytest
from conftest import PostgresServer, fresh_database
from histories import JUNE, SECOND, STATE, draw, write_raw
from reference.history import Change, identity, in_order
from warehouse import Warehouse

# how the ids of issues begin: with walks of any length, with short ones, with changes that no walk
# can hold
LONG, SHORT, BROKEN = "2-", "3-", "4-"
LONGEST = 60
ISSUES = 100

# what one change removes and adds; the place in the list is the change's id
Edge = tuple[str, str]


def walked(rng: random.Random, longest: int) -> tuple[list[Edge], str]:
    """The changes of a real walk, with ids that tell nothing, and the value at its end."""
    values = [f"Value {number}" for number in range(rng.randint(2, longest))]
    stops = rng.choices(values, k=rng.randint(3, longest + 1))
    changes = list(pairwise(stops))
    rng.shuffle(changes)
    return changes, stops[-1]


def histories() -> dict[str, tuple[list[Edge], str]]:
    """What happened to issues: walks, and changes that no walk can hold; and the present value."""
    rng = random.Random(1)  # noqa: S311
    drawn = {}
    for number in range(ISSUES):
        drawn[f"{LONG}{number}"] = walked(rng, LONGEST)
        drawn[f"{SHORT}{number}"] = walked(rng, 6)
        changes, present = walked(rng, 12)
        others, _ = walked(rng, 6)
        drawn[f"{BROKEN}{number}"] = (
            rng.sample([*changes, *others, ("Lost", "Found")], k=len(changes) + len(others) + 1),
            present,
        )
    return drawn


@pytest.fixture(scope="module")
def found(
    server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Edge]]]:
    """The changes of each issue in the order of the model."""
    raw = draw(0).raw
    template = raw["issues"][0]
    raw["issues"], raw["activities"] = [], []
    for issue, (changes, present) in histories().items():
        state = {
            "projectCustomField": {"field": {"id": STATE}},
            "value": {"id": f"v-{present}", "name": present},
        }
        raw["issues"].append(
            {**template, "id": issue, "created": JUNE, "resolved": None, "custom_fields": [state]}
        )
        for number, (went, came) in enumerate(changes):
            raw["activities"].append(
                {
                    "id": f"{issue}.9-{number}",
                    "category_id": "CustomFieldCategory",
                    "timestamp": JUNE + SECOND,
                    "issue_id": issue,
                    "field_id": STATE,
                    "removed": [{"id": f"v-{went}", "name": went}],
                    "added": [{"id": f"v-{came}", "name": came}],
                }
            )
    for name in fresh_database(server):
        made = Warehouse(server, name, tmp_path_factory.mktemp("dbt"))
        write_raw(made.connection, raw)
        made.dbt("run", "--select", "+stg_youtrack__attribute_changes")
        with made.connection.cursor() as cursor:
            cursor.execute(
                "select issue_id, array_agg(from_value order by change_number),"
                " array_agg(to_value order by change_number)"
                " from staging.stg_youtrack__attribute_changes group by issue_id"
            )
            rows = cursor.fetchall()
        made.connection.close()
        yield {issue: list(zip(went, came, strict=True)) for issue, went, came in rows}


def is_chain(changes: Sequence[Edge]) -> bool:
    return all(one[1] == two[0] for one, two in pairwise(changes))


def test_the_changes_of_a_walk_are_a_chain_again(found: dict[str, list[Edge]]) -> None:
    for issue, (changes, present) in histories().items():
        assert sorted(found[issue]) == sorted(changes), issue
        if not issue.startswith(BROKEN):
            assert is_chain(found[issue]), issue
            assert found[issue][-1][1] == present, issue


def test_of_all_chains_it_is_the_one_with_the_smaller_change_at_every_fork(
    found: dict[str, list[Edge]],
) -> None:
    for issue, (changes, present) in histories().items():
        if issue.startswith(SHORT):
            chains = (order for order in permutations(changes) if is_chain(order))
            assert found[issue] == list(next(c for c in chains if c[-1][1] == present)), issue


def test_the_reference_finds_the_same_order(found: dict[str, list[Edge]]) -> None:
    for issue, (changes, present) in histories().items():
        activities = [Change(0, f"0-{n}", went, came) for n, (went, came) in enumerate(changes)]
        ordered = in_order(activities, [identity], last=present)
        assert [(change.removed, change.added) for change in ordered] == found[issue], issue
