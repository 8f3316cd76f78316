"""An analysis whose author has a package that this machine has not."""

import a_package_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401


class Worker:
    def process_event(self, event: object) -> None:
        """Never called."""
