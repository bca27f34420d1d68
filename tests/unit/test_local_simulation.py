"""Whether policies allow an action."""

import pytest

from local.simulation import decision

ARN = "arn:aws:s3:::bucket/key"


def document(effect: str, **statement: object) -> dict[str, object]:
    return {"Statement": {"Effect": effect, "Action": "*", "Resource": "*", **statement}}


ALLOW = document("Allow")


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([], "implicitDeny"),
        ([ALLOW], "allowed"),
        ([ALLOW, document("Deny")], "explicitDeny"),
        ([document("Allow", Action="s3:Get*")], "allowed"),
        ([document("Allow", Action="S3:getobject")], "allowed"),
        ([document("Allow", Action="s3:PutObject")], "implicitDeny"),
        ([document("Allow", Action=["s3:PutObject", "s3:Get?bject"])], "allowed"),
        ([document("Allow", Resource="arn:aws:s3:::bucket/*")], "allowed"),
        ([document("Allow", Resource="arn:aws:s3:::Bucket/*")], "implicitDeny"),
        ([document("Allow", Resource="arn:aws:s3:::bucket")], "implicitDeny"),
        ([{"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}], "allowed"),
        ([document("Allow", Condition={"StringEquals": {"aws:RequestedRegion": "r"}})], "allowed"),
        (
            [document("Allow", Condition={"StringEquals": {"aws:RequestedRegion": "x"}})],
            "implicitDeny",
        ),
        ([document("Allow", Condition={"StringLike": {"AWS:requestedregion": "?"}})], "allowed"),
        ([document("Allow", Condition={"StringEquals": {"aws:absent": "x"}})], "implicitDeny"),
        ([document("Allow", Condition={"StringNotEquals": {"aws:absent": "x"}})], "allowed"),
        ([document("Allow", Condition={"StringEqualsIfExists": {"aws:absent": "x"}})], "allowed"),
        ([document("Allow", Condition={"Null": {"aws:absent": "true"}})], "allowed"),
    ],
)
def test_the_statements_that_match_decide(
    documents: list[dict[str, object]], expected: str
) -> None:
    context = {"aws:requestedregion": ["r"]}

    assert decision(documents, "s3:GetObject", ARN, context) == expected
