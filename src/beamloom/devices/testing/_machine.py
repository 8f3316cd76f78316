"""Whatever is called in whatever order, the same items come: calls drawn by hypothesis against a model that is a list."""

from __future__ import annotations

from typing import Any

from beamloom.devices.testing._link import Arrivals, Link, NotConforming, demand, has_end, shown
from beamloom.devices.testing._specimen import Specimen
from beamloom.errors import UserError


def check_any_order_of_calls(specimen: Specimen, examples: int = 4, steps: int = 12) -> None:
    """Send, read, ask and close in any order; needs the package hypothesis."""
    try:
        from hypothesis import HealthCheck, Phase, settings
        from hypothesis import strategies as st
        from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
    except ModuleNotFoundError:
        raise UserError(
            "checking any order of calls needs the package hypothesis; install it with pip install hypothesis"
        ) from None

    name, items = specimen.device.name, 9
    messages = specimen.messages(items)
    with Link(specimen, packets=specimen.packets(items)) as undisturbed:
        undisturbed.play(messages)
        expected = list(map(shown, undisturbed.read_series()))

    class Calls(RuleBasedStateMachine):
        """One source from open to close."""

        def __init__(self) -> None:
            super().__init__()
            self.link: Link | None = Link(specimen, packets=specimen.packets(items))
            self.to_send = list(messages)
            self.came: Arrivals = []

        @precondition(lambda self: self.link is not None and self.to_send)
        @rule(count=st.integers(1, 5))
        def send(self, count: int) -> None:
            if self.link is not None:
                self.link.play(self.to_send[:count])
                del self.to_send[:count]

        @precondition(lambda self: self.link is not None)
        @rule(limit=st.integers(specimen.least_limit, 40))
        def read(self, limit: int) -> None:
            if self.link is not None:
                self.came += self.link.read(limit)

        @precondition(lambda self: self.link is not None)
        @rule()
        def ask(self) -> None:
            if self.link is not None:
                source = self.link.source
                demand(source.connected() is True, f"{name}: connected() is no longer true")
                demand(
                    source.connection_problem() is None,
                    f"{name}: there is a connection and a problem with it",
                )

        @precondition(lambda self: self.link is not None)
        @rule()
        def open_again(self) -> None:
            if self.link is not None:
                self.link.source.open()

        @precondition(lambda self: self.link is not None and not self.to_send)
        @rule()
        def close(self) -> None:
            if self.link is not None:
                self.link.source.close()
                demand(not self.link.source.connected(), f"{name}: connected() is true after close()")
                self.link.close()
                self.link = None

        @precondition(lambda self: self.link is None)
        @rule()
        def rest(self) -> None:
            """There is nothing more to call."""

        def teardown(self) -> None:
            if self.link is None:
                return
            with self.link as link:
                link.play(self.to_send)
                if not has_end(self.came):
                    self.came += link.read_series(40)
            demand(
                list(map(shown, self.came)) == expected,
                f"{name}: read in this order, other items come than read all at once",
            )

    machine: Any = Calls
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=(Phase.generate,),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseExceptionGroup as group:
        # What had come at each read hangs on the machine, so the same calls may fail once and pass the next time.
        raise _first(group) from group


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The failure of the device in what hypothesis reports."""
    failures: BaseException | None = group.subgroup(NotConforming)
    while isinstance(failures, BaseExceptionGroup):
        failures = failures.exceptions[0]
    return failures or group
