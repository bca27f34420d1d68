"""In which order the resources of a template are made."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from local.cloudformation.errors import validation
from local.cloudformation.references import refuse_secure
from local.cloudformation.template import Scope, Template, pseudo_names, references


def included(template: Template, scope: Scope) -> list[str]:
    """The logical ids whose condition holds, each after everything it refers to."""
    wanted = {
        name: definition
        for name, definition in template.resources.items()
        if "Condition" not in definition or scope.holds(str(definition["Condition"]))
    }
    return in_order(wanted)


def in_order(definitions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, definition in definitions.items():
        named = references({key: definition.get(key, []) for key in ("DependsOn", "Properties")})
        sorter.add(name, *(each for each in named if each in definitions and each != name))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        names = ", ".join(error.args[1])
        raise validation(f"Circular dependency between resources: [{names}]") from error


def check(template: Template, known_types: frozenset[str]) -> None:
    """Refuse what AWS refuses before it starts: unknown types and dangling references."""
    kinds = {str(definition.get("Type")) for definition in template.resources.values()}
    unknown = sorted(kinds - known_types)
    if unknown:
        message = f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
        raise validation(f"{message} (the embedded AWS does not emulate them)")
    refuse_secure(template.resources)
    names = {*template.resources, *template.parameters, *pseudo_names()}
    for logical_id, definition in template.resources.items():
        dangling = sorted(set(_dangling(definition, names)))
        if dangling:
            message = f"Template format error: Unresolved resource dependencies {dangling}"
            raise validation(f"{message} in the Resources block of the template ({logical_id})")


def _dangling(definition: Mapping[str, Any], names: set[str]) -> list[str]:
    local_names = set(_sub_variables(definition))
    return [
        each
        for each in references(definition.get("Properties", {}))
        if each not in names and each not in local_names and not each.startswith("!")
    ]


def _sub_variables(node: Any) -> list[str]:
    """Names that a `Fn::Sub` with a map brings along itself."""
    if isinstance(node, list):
        return [name for each in node for name in _sub_variables(each)]
    if not isinstance(node, dict):
        return []
    names = [name for each in node.values() for name in _sub_variables(each)]
    sub = node.get("Fn::Sub")
    return [*names, *sub[1]] if isinstance(sub, list) and len(sub) == 2 else names
