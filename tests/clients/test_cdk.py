"""The CDK's own command line, from an empty account to an empty account."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cli.deploy import Cdk as Deploy
from cli.errors import DeployError
from cli.home import Local
from tests.clients.conftest import surroundings
from tests.clients.environments import ROOT
from tests.conformance.target import Target

ENVIRONMENT = "aws://123456789012/us-east-1"


def assembly(folder: Path, name: str, *, value: str) -> Path:
    """What a synthesis writes for one stack of a parameter and a bucket that stays."""
    folder.mkdir(exist_ok=True)
    resources = {
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": value},
        },
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
    }
    outputs = {"Value": {"Value": {"Fn::GetAtt": ["Parameter", "Value"]}}}
    outputs["Bucket"] = {"Value": {"Ref": "Bucket"}}  # type: ignore[dict-item]  # a template's values vary
    template = {"Resources": resources, "Outputs": outputs}
    (folder / "app.template.json").write_text(json.dumps(template))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": ENVIRONMENT,
        "properties": {"templateFile": "app.template.json", "stackName": name},
        "displayName": name,
    }
    manifest = {"version": "36.0.0", "artifacts": {name: artifact}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


class Cdk:
    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *words, "--no-notices"]
        environment = surroundings(self._url)
        return subprocess.run(
            command,
            cwd=self._folder,
            env={**environment, "CDK_DISABLE_CLI_TELEMETRY": "true", "HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_application_is_deployed_changed_and_destroyed(
    aws: Target, tmp_path: Path, host: str
) -> None:
    cdk = Cdk(str(aws.url).replace("127.0.0.1", host), tmp_path)
    name, told = aws.name("App"), tmp_path / "outputs.json"
    app = ("--app", str(assembly(tmp_path / "out", name, value="one")))
    deploy = ("deploy", name, *app, "--require-approval", "never", "--outputs-file", str(told))

    for words in (("bootstrap", ENVIRONMENT), deploy):
        done = cdk(*words)
        assert done.returncode == 0, done.stderr
    bucket = json.loads(told.read_text())[name]["Bucket"]
    assert json.loads(told.read_text())[name]["Value"] == "one"
    assert cdk("diff", name, *app, "--fail").returncode == 0

    assembly(tmp_path / "out", name, value="two")
    differs = cdk("diff", name, *app, "--fail")
    assert differs.returncode == 1
    assert "two" in differs.stdout + differs.stderr
    assert cdk(*deploy).returncode == 0
    assert json.loads(told.read_text())[name] == {"Value": "two", "Bucket": bucket}

    done = cdk("destroy", name, *app, "--force")
    assert done.returncode == 0, done.stderr
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert name not in [each["StackName"] for each in stacks]
    parameters = aws.client("ssm").describe_parameters()["Parameters"]
    assert [each["Name"] for each in parameters if name in each["Name"]] == []
    aws.client("s3").head_bucket(Bucket=bucket)


def with_a_missing_asset(folder: Path, name: str) -> Path:
    """The assembly of a stack whose asset was not packed, or was deleted since."""
    assembly(folder, name, value="one")
    place = {"bucketName": "assets", "objectKey": "lost.zip", "region": "us-east-1"}
    source = {"path": "asset.lost.zip", "packaging": "file"}
    files = {"lost": {"source": source, "destinations": {"here": place}}}
    (folder / "app.assets.json").write_text(json.dumps({"version": "36.0.0", "files": files}))
    manifest = json.loads((folder / "manifest.json").read_text())
    properties = {"file": "app.assets.json"}
    manifest["artifacts"]["assets"] = {"type": "cdk:asset-manifest", "properties": properties}
    manifest["artifacts"][name]["dependencies"] = ["assets"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_deploy_whose_asset_is_missing_is_one_line_that_names_it(
    aws: Target, tmp_path: Path
) -> None:
    aws.client("s3").create_bucket(Bucket="assets")
    cdk = Deploy(tmp_path, "dev", tmp_path)
    cdk.scratch.mkdir()
    cdk.assembly.parent.mkdir()
    with_a_missing_asset(cdk.assembly, aws.name("App"))

    begun = cdk.deploy(Local(str(aws.url), os.getpid(), 1.0))
    with pytest.raises(DeployError) as refused:
        cdk.finish("deploy", begun)

    said = str(refused.value)
    assert said.startswith("DEPLOY_FAILED: cdk deploy: ")
    assert "asset.lost.zip" in said
    assert "\n" not in said
