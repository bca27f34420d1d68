"""The ledger's table."""

import aws_cdk.aws_dynamodb as dynamodb
from constructs import Construct

from cdk.stages import Stage


class LedgerTable(Construct):
    """One table; the sparse index `open` holds what is not finished, ordered by when it is due."""

    def __init__(self, scope: Construct, id_: str, *, stage: Stage) -> None:
        super().__init__(scope, id_)
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=text),
            sort_key=dynamodb.Attribute(name="sk", type=text),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=stage.protected,
            removal_policy=stage.removal,
        )
        self.table.add_global_secondary_index(
            index_name="open",
            partition_key=dynamodb.Attribute(name="open", type=text),
            sort_key=dynamodb.Attribute(name="due_at", type=text),
        )
