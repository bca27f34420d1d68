"""The order in which several workers begin: what takes long first, so that none is left with it."""

from pathlib import Path

import pytest

LONGEST_FIRST = (
    "simulation/test_simulation.py",
    "clients/test_sagemaker_sdk.py",
    "clients/test_aws_cli.py",
    "component/test_training_process.py",
    "component/test_local_sagemaker.py",
    "component/test_local_restart.py",
    "component/test_serving_process.py",
    "component/test_functions_crash.py",
    "infra/test_grants.py",
    "clients/test_cdk.py",
    "infra/test_app.py",
    "component/test_local_endpoint_killed.py",
    "conformance/test_sagemaker_tuning.py",
    "component/test_local_server.py",
    "conformance/test_sagemaker_endpoints.py",
)
TESTS = Path(__file__).parent
_RANKS = {TESTS / name: rank for rank, name in enumerate(LONGEST_FIRST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay whole, and the others in their order."""
    items.sort(key=lambda item: _RANKS.get(item.path, len(_RANKS)))
