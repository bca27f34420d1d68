"""What a user of the SageMaker SDK v3 writes: writes what it saw to a file."""

# mypy: ignore-errors
# The SDK is installed in its own environment only.

import json
import sys
from pathlib import Path

import boto3
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
    TrainingJob,
)
from sagemaker.core.shapes.shapes import (
    AlgorithmSpecification,
    ContainerDefinition,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    StoppingCondition,
)
from sagemaker.train.configs import Compute
from sagemaker.train.model_trainer import ModelTrainer

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/conformance:1"
ROLE = "arn:aws:iam::123456789012:role/conformance"


def trained(name: str, bucket: str) -> TrainingJob:
    job = TrainingJob.create(
        training_job_name=name,
        role_arn=ROLE,
        algorithm_specification=AlgorithmSpecification(
            training_image=IMAGE, training_input_mode="File"
        ),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/out"),
        resource_config=ResourceConfig(
            instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
    )
    job.wait(poll=1, timeout=60)
    return job.refresh()


def trained_by_trainer(name: str, bucket: str, role: str) -> TrainingJob:
    """The trainer asks first what its role may do, and names the job itself."""
    trainer = ModelTrainer(
        training_image=IMAGE,
        base_job_name=name,
        role=role,
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/trainer"),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
    )
    trainer.train(wait=False, logs=False)
    job = trainer._latest_training_job
    job.wait(poll=1, timeout=60)
    return job.refresh()


def registered(name: str, data: str) -> ModelPackage:
    """`ModelPackage.create` of 2.27 reads a name that CreateModelPackage does not answer."""
    ModelPackageGroup.create(model_package_group_name=name)
    container = {"Image": IMAGE, "ModelDataUrl": data}
    types = {
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arn = boto3.client("sagemaker").create_model_package(
        ModelPackageGroupName=name,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={"Containers": [container], **types},
    )["ModelPackageArn"]
    made = ModelPackage.get(model_package_name=arn)
    made.update(model_approval_status="Approved")
    return made.refresh()


def served(name: str, data: str) -> Endpoint:
    Model.create(
        model_name=name,
        execution_role_arn=ROLE,
        primary_container=ContainerDefinition(
            image=IMAGE, model_data_url=data, environment={"ECHO": "1"}
        ),
    )
    variant = ProductionVariant(
        variant_name="all", model_name=name, instance_type="ml.m5.large", initial_instance_count=1
    )
    EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    return endpoint.refresh()


def main(name: str, bucket: str, role: str, told: str) -> None:
    job = trained(name, bucket)
    by_trainer = trained_by_trainer(f"{name}-t", bucket, role)
    data = job.model_artifacts.s3_model_artifacts
    package = registered(name, data)
    endpoint = served(name, data)
    answer = endpoint.invoke(body=b"hello", content_type="text/plain")
    status = endpoint.endpoint_status
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=60)
    seen = {
        "job": job.training_job_status,
        "trainer": by_trainer.training_job_status,
        "model": data,
        "package": package.model_approval_status,
        "endpoint": status,
        "answer": answer.body.read().decode(),
    }
    Path(told).write_text(json.dumps(seen))


main(*sys.argv[1:])
