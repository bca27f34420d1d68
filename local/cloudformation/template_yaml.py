"""YAML templates with CloudFormation's short tags (`!Ref`, `!Sub`, `!GetAtt` …)."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """A safe loader of its own, so that the tags stay out of everybody else's YAML."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    raise ValueError(f"tag !{suffix} cannot stand here")


_Loader.add_multi_constructor("!", _short_tag)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if "timestamp" not in tag]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(body: str) -> Any:
    """ValueError when it is not YAML."""
    try:
        return yaml.load(body, Loader=_Loader)  # a SafeLoader with CloudFormation's tags
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
