"""A random log of edits, as a busy week of a team would leave it; the same for the same draw."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from demo.model import HOUR, MINUTE, Board, Bundle, Issue, Project, UserBundle
from demo.tracker import Tracker

Edit = Callable[[Issue], "str | None"]


class RandomEdits:
    """Draws edits of one tracker."""

    def __init__(
        self, tracker: Tracker, rng: random.Random, *, deletions: bool = True,
        renames: bool = True, moves: bool = True, boards: bool = False,
        longest_pause: int = 6 * HOUR,
    ) -> None:  # fmt: skip
        self.tracker = tracker
        self.rng = rng
        self.longest_pause = longest_pause
        self.choices = self._choices(deletions, renames, moves, boards)
        # what was taken off a board, and may be put on it again
        self.taken_off: list[tuple[Board, Project]] = []

    def make(self, count: int) -> list[str]:
        """Make `count` edits with pauses (often none: equal timestamps); say which."""
        done: list[str] = []
        names, weights = list(self.choices), [weight for _, weight in self.choices.values()]
        while len(done) < count:
            if self.rng.random() < 0.6:
                pauses = (1, 999, 1000, MINUTE, self.rng.randint(1, self.longest_pause))
                self.tracker.advance(by=self.rng.choice(pauses))
            name = self.rng.choices(names, weights)[0]
            with self.tracker.lock:
                issue = self._issue()
                if issue is None:
                    break
                text = self.choices[name][0](issue)
            if text is not None:
                done.append(f"{self.tracker.now} {name} {text}")
        return done

    def _issue(self) -> Issue | None:
        """Mostly recent ones, as edits go; any of them now and then."""
        visible = self.tracker.issues_by_created()
        if not visible:
            return None
        if self.rng.random() < 0.7:
            return visible[-1 - int(self.rng.random() ** 2 * min(len(visible), 400))]
        return self.rng.choice(visible)

    def _choices(
        self, deletions: bool, renames: bool, moves: bool, boards: bool
    ) -> dict[str, tuple[Edit, int]]:
        choices: dict[str, tuple[Edit, int]] = {
            "create": (self._creation, 12),
            "state": (self._state, 22),
            "reopen": (self._reopening, 6),
            "field": (self._field, 14),
            "workflow": (self._workflow_write, 5),
            "summary": (self._summary, 5),
            "touch": (lambda issue: (self.tracker.touch(issue), issue.id)[1], 4),
            "sprint": (self._sprint, 16),
        }
        if deletions:
            choices["delete"] = (lambda issue: (self.tracker.delete_issue(issue), issue.id)[1], 3)
            choices["hide"] = (lambda issue: (self.tracker.hide_issue(issue), issue.id)[1], 1)
            choices["unhide"] = (self._return, 1)
            choices["delete sprint"] = (self._sprint_deletion, 1)
        if moves:
            choices["move"] = (self._move, 5)
        if renames:
            choices["rename"] = (self._rename, 4)
        if boards:
            choices["off board"] = (self._taking_off, 2)
            choices["on board"] = (self._putting_on, 1)
        return choices

    def _creation(self, _: Issue) -> str:
        project = self.rng.choice([one for one in self.tracker.projects if not one.hidden])
        roles: dict[str, Any] = {"points": self.rng.choice((None, 1.0, 3.0, 5.0))}
        for role in ("type", "team"):
            if role in project.roles:
                roles[role] = self.rng.choice((None, *project.roles[role].bundle.values))
        roles = {role: value for role, value in roles.items() if role in project.roles}
        return self.tracker.create_issue(project, f"Edited in {self.rng.random():.6f}", **roles).id

    def _state(self, issue: Issue) -> str | None:
        state = self.rng.choice(issue.project.roles["state"].bundle.values)
        return f"{issue.id} {state.name}" if self.tracker.set_state(issue, state) else None

    def _reopening(self, issue: Issue) -> str | None:
        state = self.rng.choice(self.tracker.states(issue.project, resolved=False))
        if issue.resolved is None or not self.tracker.set_state(issue, state):
            return None
        return f"{issue.id} {state.name}"

    def _field(self, issue: Issue) -> str | None:
        role = self.rng.choice(("team", "type", "points", "assignee"))
        attached = issue.project.roles.get(role)
        if attached is None:
            return None
        values: Sequence[Any] = (None, 0.5, 1.0, 2.0, 8.0)
        if isinstance(attached.bundle, Bundle):
            values = (None, *attached.bundle.values)
        elif isinstance(attached.bundle, UserBundle):
            values = (None, *attached.bundle.users)
        changed = self.tracker.set_field(issue, attached, self.rng.choice(values))
        return f"{issue.id} {role}" if changed else None

    def _workflow_write(self, issue: Issue) -> str | None:
        attached = issue.project.roles.get("lead_time") or issue.project.roles.get("points")
        if attached is None:
            return None
        minutes = attached.field.field_type.id == "period"
        value = (
            self.rng.choice((None, 480, 2400, -60)) if minutes else float(self.rng.randint(1, 13))
        )
        written = self.tracker.set_field(issue, attached, value, by_workflow=True)
        return f"{issue.id} {attached.field.name}" if written else None

    def _summary(self, issue: Issue) -> str:
        self.tracker.edit_summary(issue, f"Summary {self.rng.random():.6f}")
        return issue.id

    def _sprint(self, issue: Issue) -> str | None:
        boards = [
            b for b in self.tracker.boards if issue.project in b.projects and b.member_of is None
        ]
        sprints = [
            sprint
            for board in boards
            for sprint in board.sprints[-6:]
            + self.rng.sample(board.sprints, min(2, len(board.sprints)))
        ]
        if not sprints:
            return None
        new = self.rng.choice(sprints)
        held = [one for one in self.tracker.sprints_of(issue) if one.board.member_of is None]
        if held and self.rng.random() < 0.6:
            old = self.rng.choice(held)
            if old.board is new.board and old is not new and new.board.sync_field is None:
                moved = self.tracker.move_between_sprints(issue, old, new)
                return f"{issue.id} {old.id} to {new.id}" if moved else None
            return (
                f"{issue.id} out of {old.id}"
                if self.tracker.remove_from_sprint(issue, old)
                else None
            )
        return f"{issue.id} into {new.id}" if self.tracker.add_to_sprint(issue, new) else None

    def _return(self, _: Issue) -> str | None:
        hidden = [issue for issue in self.tracker.issues.values() if issue.hidden]
        if not hidden:
            return None
        issue = self.rng.choice(hidden)
        self.tracker.unhide_issue(issue)
        return issue.id

    def _sprint_deletion(self, _: Issue) -> str | None:
        sprints = [
            sprint
            for board in self.tracker.boards
            if board.sync_field is None and board.member_of is None and len(board.sprints) > 3
            for sprint in board.sprints
        ]
        if not sprints:
            return None
        sprint = self.rng.choice(sprints)
        self.tracker.delete_sprint(sprint)
        return sprint.id

    def _taking_off(self, _: Issue) -> str | None:
        boards = [board for board in self.tracker.boards if len(board.projects) > 1]
        if not boards:
            return None
        board = self.rng.choice(boards)
        project = self.rng.choice(board.projects)
        self.tracker.take_off_board(board, project)
        self.taken_off.append((board, project))
        return f"{board.id} {project.short_name}"

    def _putting_on(self, _: Issue) -> str | None:
        if not self.taken_off:
            return None
        board, project = self.taken_off.pop(self.rng.randrange(len(self.taken_off)))
        self.tracker.put_on_board(board, project)
        return f"{board.id} {project.short_name}"

    def _move(self, issue: Issue) -> str | None:
        others = [p for p in self.tracker.projects if p is not issue.project and not p.hidden]
        if not others:
            return None
        target = self.rng.choice(others)
        self.tracker.move_issue(issue, target)
        return f"{issue.id} to {target.short_name}"

    def _rename(self, issue: Issue) -> str:
        """What an administrator changes; new names carry a number, so that none is ever taken."""
        suffix = f" {self.rng.randint(2, 9999)}"
        whats = ("state", "team", "field", "sprint", "user", "board", "resolution")
        what = self.rng.choice(whats)
        attached = issue.project.roles.get("team" if what == "team" else "state")
        if what in ("state", "team") and attached is not None:
            element = self.rng.choice(attached.bundle.values)
            self.tracker.rename_element(element, element.name.split("  ")[0] + " " + suffix)
            return f"{what} {element.id}"
        if what == "resolution" and attached is not None:
            element = self.rng.choice(attached.bundle.values)
            self.tracker.mark_resolved_state(element, not element.is_resolved)
            return f"{what} {element.id}"
        if what == "board" and self.tracker.boards:
            board = self.rng.choice(self.tracker.boards)
            self.tracker.rename_board(board, board.name.split("  ")[0] + " " + suffix)
            return f"board {board.id}"
        sprints = [sprint for board in self.tracker.boards for sprint in board.sprints[-8:]]
        if what == "sprint" and sprints:
            sprint = self.rng.choice(sprints)
            self.tracker.rename_sprint(sprint, sprint.name.split("  ")[0] + " " + suffix)
            return f"sprint {sprint.id}"
        if what == "user":
            user = self.rng.choice(self.tracker.users)
            self.tracker.rename_user(
                user, user.login.split("_")[0] + f"_{self.rng.randint(2, 9999)}"
            )
            return f"user {user.id}"
        plain = [field for field in self.tracker.custom_fields if field.name.startswith("Custom")]
        if not plain:
            return f"user {self.tracker.users[0].id}"
        field = self.rng.choice(plain)
        self.tracker.rename_field(field, field.name.split("  ")[0] + " " + suffix)
        return f"field {field.id}"
