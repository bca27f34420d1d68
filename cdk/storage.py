"""Where data comes in and artifacts are kept."""

from typing import cast

import aws_cdk as cdk_
import aws_cdk.aws_s3 as s3
from constructs import Construct

from cdk.stages import Stage

_OLD_VERSIONS = cdk_.Duration.days(90)


class Storage(Construct):
    """A bucket for drops and holdouts, one for what runs make; both versioned and private."""

    def __init__(self, scope: Construct, id_: str, *, stage: Stage) -> None:
        super().__init__(scope, id_)
        self.access_logs = s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=stage.removal,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(expiration=_OLD_VERSIONS)],
        )
        self.data = self._bucket("Data", stage)
        self.artifacts = self._bucket("Artifacts", stage)
        _notify_eventbridge(self.data)

    def _bucket(self, id_: str, stage: Stage) -> s3.Bucket:
        return s3.Bucket(
            self,
            id_,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"{id_.lower()}/",
            removal_policy=stage.removal,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=_OLD_VERSIONS,
                    abort_incomplete_multipart_upload_after=cdk_.Duration.days(7),
                )
            ],
        )


def _notify_eventbridge(bucket: s3.Bucket) -> None:
    """Set on the resource itself: CDK's own switch would deploy a Lambda to do it."""
    plain = cast("s3.CfnBucket", bucket.node.default_child)
    plain.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
