"""Dynamic references: `{{resolve:…}}` in a template stands for a value kept elsewhere.

A plain parameter is read once per operation and counts as one of the template's parameters. A
secret is read when a resource is made or changed, is written down nowhere, and a new secret alone
is no change of the resource.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Account
from local.cloudformation.errors import validation

_ANY = re.compile(r"\{\{resolve:(ssm-secure|ssm|secretsmanager):([^{}]*)\}\}")
_PARAMETER = re.compile(r"([A-Za-z0-9_.\-/]+)(?::(\d+))?")
_ARN_PARTS = 7


class References:
    """Looks up what dynamic references stand for."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def known(self, node: Any) -> dict[str, str]:
        """Every plain reference that stands in the node, with its value."""
        found = {m[0]: m[2] for text in texts(node) for m in _ANY.finditer(text) if m[1] == "ssm"}
        return {written: self._parameter(written, named) for written, named in found.items()}

    def plain(self, text: str, known: Mapping[str, Any]) -> str:
        """The text with parameters in it; a secret stays a reference."""

        def value(match: re.Match[str]) -> str:
            written, service, named = match[0], match[1], match[2]
            if service == "ssm-secure":
                raise validation(f"SSM Secure reference is not supported in: [{written}]")
            if service == "secretsmanager":
                return written
            return str(known[written]) if written in known else self._parameter(written, named)

        return _ANY.sub(value, text)

    def secret(self, node: Any) -> Any:
        """The node with its secrets told."""
        return _mapped(node, lambda text: _ANY.sub(self._told, text))

    def _told(self, match: re.Match[str]) -> str:
        return self._secret(match[2]) if match[1] == "secretsmanager" else match[0]

    def _parameter(self, written: str, named: str) -> str:
        """A parameter of type String or StringList, in the version said or the latest."""
        match = _PARAMETER.fullmatch(named)
        if match is None:
            raise _malformed([written])
        ssm = self._account.client("ssm")
        try:
            found = ssm.get_parameter(Name=named)["Parameter"]
        except ClientError as error:
            raise validation(f"Parameters: [ssm:{named}] cannot be found.") from error
        if found["Type"] == "SecureString":
            message = "Non-secure ssm prefix was used for secure parameter"
            raise validation(f"{message}: [{match[1]}]")
        return str(found["Value"])

    def _secret(self, named: str) -> str:
        identifier, key, version = _secret_parts(named)
        try:
            answer = self._account.client("secretsmanager").get_secret_value(
                SecretId=identifier, **version
            )
        except ClientError as error:
            told, code = error.response["Error"]["Message"], error.response["Error"]["Code"]
            service = f"Service: AWSSecretsManager; Status Code: 400; Error Code: {code}"
            raise validation(f"{told} ({service})") from error
        text = str(answer["SecretString"])
        return _member(text, key) if key else text


def refuse_secure(resources: Mapping[str, Mapping[str, Any]]) -> None:
    """Of the types that take secure strings none is emulated; AWS refuses all others so."""
    malformed, places = [], []
    for each in resources.values():
        for place, text in _places(each.get("Properties"), f"{each.get('Type')}/Properties"):
            for match in (m for m in _ANY.finditer(text) if m[1] == "ssm-secure"):
                places.append(place)
                if _PARAMETER.fullmatch(match[2]) is None:
                    malformed.append(match[0])
    if malformed:
        raise _malformed(malformed)
    if places:
        raise validation(f"SSM Secure reference is not supported in: [{','.join(places)}]")


def texts(node: Any) -> Iterator[str]:
    """Every text in a value."""
    return (text for _, text in _places(node, ""))


def _places(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text with its place; the members of a list are at the list's own."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, list):
        for each in node:
            yield from ((path, text) for text in texts(each))
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from _places(value, f"{path}/{name}")


def _mapped(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, list):
        return [_mapped(each, change) for each in node]
    if isinstance(node, Mapping):
        return {name: _mapped(value, change) for name, value in node.items()}
    return node


def _secret_parts(named: str) -> tuple[str, str, dict[str, str]]:
    """Identifier, JSON key and version of `id:SecretString:key:stage:version`."""
    parts = named.split(":")
    length = _ARN_PARTS if parts[0] == "arn" else 1
    identifier, rest = ":".join(parts[:length]), parts[length:]
    kind, key, stage, version = (*rest, *[""] * 4)[:4]
    if not identifier or len(rest) > 4 or kind not in {"", "SecretString"} or (stage and version):
        written = f"{{{{resolve:secretsmanager:{named}}}}}"
        raise validation(f"Incorrect format is used in the following reference: [{written}]")
    wanted = {"VersionStage": stage, "VersionId": version}
    return identifier, key, {name: value for name, value in wanted.items() if value}


def _member(text: str, key: str) -> str:
    try:
        members = json.loads(text)
    except ValueError as error:
        raise validation("Could not parse SecretString JSON") from error
    if not isinstance(members, dict) or key not in members:
        raise validation("Could not find a value associated with JSONKey in SecretString")
    value = members[key]
    return value if isinstance(value, str) else json.dumps(value)


def _malformed(written: list[str]) -> Exception:
    named = ",".join(written)
    return validation(f"Incorrect format is used in the following SSM reference: [{named}]")
