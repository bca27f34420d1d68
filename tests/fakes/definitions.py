"""Deployed models in memory."""

from functions.aws.definitions import Definitions
from functions.definition import DefinitionError, Deployed
from tests.fakes.calls import Calls


class FakeDefinitions(Definitions):
    """Models by name, ad-hoc code by URI."""

    def __init__(self, *deployed: Deployed, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.deployed = {each.model: each for each in deployed}
        self.zips: dict[str, Deployed] = {}

    def get(self, model: str) -> Deployed | None:
        with self.calls.one("definitions.get"):
            return self.deployed.get(model)

    def of_code(self, model: str, *, uri: str, code: str) -> Deployed:
        with self.calls.one("definitions.of_code"):
            if uri not in self.zips:
                raise DefinitionError(f"{uri}: no such object")
            return self.zips[uri].model_copy(update={"code_uri": uri, "code": code})
