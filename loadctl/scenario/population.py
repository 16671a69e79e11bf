"""Who: the user types of a scenario, in its own file or by name from users.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadctl.errors import Where
from loadctl.scenario.behaviour import UserTypeReader
from loadctl.scenario.document import Key, Node, Text
from loadctl.scenario.environment import Environment
from loadctl.scenario.mistakes import Mistakes
from loadctl.scenario.rotation import MOST_TURNS, cycle_length
from loadctl.scenario.shape import whole
from loadctl.scenario.user_type import UserType
from loadctl.scenario.words import no_such

_MOST_TYPES = 1_000
IN_PLACE = ("think", "pace", "headers", "start", "tasks", "data")
"""Keys of a user type that may stand at the top of a scenario which has only this one."""


@dataclass(slots=True)
class Population:
    mistakes: Mistakes
    environment: Environment
    reader: UserTypeReader
    shared: Text | None
    """users.yaml; read when the first user type is looked up in it."""
    types: Mapping[str, Node] | None = None

    def read(self, name: str, node: Node, users: Node | None) -> tuple[UserType, ...]:
        """The user types of the scenario `name`; `users` is what stands under its users:."""
        if users is None:
            if node.get("tasks") is None:
                hint = "as in  tasks: [{get: /items}]"
                self.mistakes.add(node.where, "a scenario needs tasks:, or users: with tasks", hint)
                return ()
            mine = {key: value for key, value in (node.entries or {}).items() if key.text in IN_PLACE}
            return self._in_place(name, Node(node.where, entries=mine))
        for key in IN_PLACE:
            if node.get(key) is not None:
                message = f"{key}: belongs to a user type; with users: it stands inside one of them"
                self.mistakes.add(node.key_where(key), message)
        if not users.entries:
            hint = "how many is said in load:, as in  - {users: 50, for: 5m}"
            message = "users: names user types, as in  users: {MLPlatformUser: 1}"
            self.mistakes.add(users.where, message, hint)
        if len(users.entries or {}) > _MOST_TYPES:
            self.mistakes.add(users.where, f"at most {_MOST_TYPES:,} user types")
            return ()
        types = tuple(found for key, value in (users.entries or {}).items() for found in self.one(key, value))
        self.check_weights(users, types)
        return types

    def check_weights(self, users: Node, types: Sequence[UserType]) -> None:
        """The order of user types is made beforehand."""
        length = cycle_length(one.weight for one in types)
        if length > MOST_TURNS:
            message = f"these weights repeat after {length:,} users only; at most {MOST_TURNS:,}"
            self.mistakes.add(users.where, message, "write shares, as in  users: {Reader: 70, Writer: 30}")

    def one(self, key: Key, value: Node) -> tuple[UserType, ...]:
        """The user type under a key of users:, in place or by name; none where it has mistakes."""
        return self._in_place(key.text, value) if value.entries is not None else self._named(key, value)

    def has(self, name: str) -> bool:
        """It is a user type of users.yaml."""
        return name in self._shared()

    def _in_place(self, name: str, node: Node) -> tuple[UserType, ...]:
        for key in ("think", "pace") if self.reader.open_model else ():
            if node.get(key) is not None:
                message = (
                    f"{key}: has no meaning under rate:, which says when each user arrives; leave it out"
                )
                self.mistakes.add(node.key_where(key), message)
        user_type = self.reader.read(name, node, weight=None)
        return (user_type,) if user_type else ()

    def _named(self, key: Key, value: Node) -> tuple[UserType, ...]:
        try:
            weight = whole(value)
        except ValueError as error:
            self.mistakes.add(value.where, f"{key.text}: {error}", "a weight, or a whole user type in place")
            weight = 1
        node = self._find(key.text, key.where)
        user_type = self.reader.read(key.text, node, weight=weight) if node else None
        return (user_type,) if user_type else ()

    def _find(self, name: str, where: Where) -> Node | None:
        if self.shared is None:
            self.mistakes.add(where, f"no user type '{name}': there is no users.yaml beside the scenario")
            return None
        types = self._shared()
        if name not in types:
            if types:
                self.mistakes.add(
                    where, *no_such("no user type is named", name, types, f"{self.shared.name} has")
                )
            return None
        return self.environment.fill(types[name])

    def _shared(self) -> Mapping[str, Node]:
        """Those of users.yaml, which is read when it is first asked for."""
        if self.types is None:
            node = self.mistakes.read(self.shared) if self.shared is not None else None
            self.types = {key.text: value for key, value in (node.entries or {}).items()} if node else {}
            if node is not None and node.entries is None:
                self.mistakes.add(
                    node.where, "users.yaml is a mapping of user types, as in  Visitor: {tasks: […]}"
                )
        return self.types
