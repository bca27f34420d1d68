"""What stacks export, and who imports it."""

from collections.abc import Callable, Sequence

from local.cloudformation.errors import validation
from local.cloudformation.stack import Output, Stack


class Exports:
    """Names are unique among the stacks; what is imported neither changes nor goes."""

    def __init__(self, living: Callable[[], Sequence[Stack]]) -> None:
        self._living = living

    def imported(self, name: str, importer: Stack) -> str:
        """The value of an export, which from now on is in use."""
        for each in self._living():
            for output in each.outputs:
                if output.export == name:
                    importer.imports = importer.imports | {name}
                    return output.value
        raise validation(f"No export named {name} found.")

    def check(self, stack: Stack, outputs: Sequence[Output]) -> None:
        """Refuse outputs that others' imports or exports do not allow the stack."""
        wanted = _by_export(outputs)
        for name in wanted:
            for owner in self._living():
                if owner is not stack and name in _by_export(owner.outputs):
                    message = f"Export with name {name} is already exported by stack {owner.name}"
                    raise validation(message)
        for name, value in _by_export(stack.outputs).items():
            if wanted.get(name) != value:
                self._refuse_if_used(name, "updated" if name in wanted else "deleted")

    def check_deletion(self, stack: Stack) -> None:
        for name in _by_export(stack.outputs):
            self._refuse_if_used(name, "deleted")

    def _refuse_if_used(self, name: str, what: str) -> None:
        users = [each.name for each in self._living() if name in each.imports]
        if users:
            *others, last = users
            told = f"{', '.join(others)} and {last}" if others else last
            raise validation(f"Export {name} cannot be {what} as it is in use by {told}")


def _by_export(outputs: Sequence[Output]) -> dict[str, str]:
    return {each.export: each.value for each in outputs if each.export}
