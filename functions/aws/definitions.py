"""What is deployed of each model: one SSM parameter per model; ad-hoc code tells by its zip."""

import hashlib
import io
import tomllib
import zipfile
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws.objects import Objects
from functions.aws.refusals import Refusal, refusal
from functions.definition import DefinitionError, Deployed, definition_from
from functions.names import Names

if TYPE_CHECKING:
    from types_boto3_ssm.client import SSMClient


class Definitions:
    """Models by name."""

    def __init__(self, client: "SSMClient", names: Names, objects: Objects) -> None:
        self._client = client
        self._names = names
        self._objects = objects

    def get(self, model: str) -> Deployed | None:
        """The model as deployed, or None when the stage does not know it."""
        try:
            found = self._client.get_parameter(Name=self._names.definition_parameter(model))
        except ClientError as error:
            if refusal(error) is Refusal.NOT_THERE:
                return None
            raise
        return Deployed.model_validate_json(found["Parameter"]["Value"])

    def of_code(self, model: str, *, uri: str, code: str) -> Deployed:
        """The model as the zip at `uri` defines it; raises DefinitionError."""
        zipped = self._objects.read(uri)
        if zipped is None:
            raise DefinitionError(f"{uri}: no such object; upload the code before asking for it")
        there = hashlib.sha256(zipped).hexdigest()
        if there != code:
            raise DefinitionError(f"{uri}: its digest is {there[:12]}, not {code[:12]}")
        inside = f"models/{model}/model.toml"
        try:
            with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
                table = tomllib.loads(archive.read(inside).decode())
        except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise DefinitionError(f"{uri}: {inside} cannot be read: {error}") from error
        definition = definition_from(table, where=f"{uri}:{inside}")
        return Deployed(model=model, definition=definition, code_uri=uri, code=code)
