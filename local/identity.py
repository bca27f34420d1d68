"""What moto's IAM cannot answer: the simulation of policies, over what moto keeps of a role."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local import protocols
from local.cloud import Account
from local.errors import AwsError
from local.http_messages import HttpRequest, HttpResponse
from local.simulation import Context, Document, decision

Route = Callable[[HttpRequest], HttpResponse]
Request = dict[str, Any]
_SIMULATIONS = (b"Action=SimulatePrincipalPolicy", b"Action=SimulateCustomPolicy")


def with_identity(moto: Route, account: Account) -> Route:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.body.startswith(_SIMULATIONS):
            return moto(request)
        try:
            call = protocols.query_call("iam", request)
            return protocols.encode(call, simulated(account, call.action, call.request))
        except AwsError as error:
            return protocols.encode_error("query", error)

    return answer


def simulated(account: Account, action: str, request: Request) -> Request:
    """Every action with every resource; the account's root may do everything."""
    documents = [_parsed(text) for text in request.get("PolicyInputList") or []]
    if action == "SimulatePrincipalPolicy":
        documents += _of_principal(account.client("iam"), str(request.get("PolicySourceArn")))
    context = _context(request)
    results = [
        {
            "EvalActionName": name,
            "EvalResourceName": resource,
            "EvalDecision": decision(documents, name, resource, context),
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for name in request.get("ActionNames") or []
        for resource in request.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _context(request: Request) -> Context:
    entries = request.get("ContextEntries") or []
    return {str(e["ContextKeyName"]).lower(): e.get("ContextKeyValues") or [] for e in entries}


def _of_principal(iam: Any, arn: str) -> list[Document]:
    kind, _, path = arn.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    if kind == "root":
        return [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]
    if kind not in {"role", "user"}:
        message = f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        raise AwsError("InvalidInput", message)
    try:
        return list(_of_role(iam, name) if kind == "role" else _of_user(iam, name))
    except ClientError as error:
        told = error.response["Error"]
        raise AwsError(told["Code"], told["Message"], status=404) from error


def _of_role(iam: Any, name: str) -> Iterator[Document]:
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        yield _document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
    for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        yield _managed(iam, each["PolicyArn"])


def _of_user(iam: Any, name: str) -> Iterator[Document]:
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        yield _document(iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"])
    for each in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        yield _managed(iam, each["PolicyArn"])


def _managed(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return _document(found["Document"])


def _document(kept: Mapping[str, Any] | str) -> Document:
    return _parsed(kept) if isinstance(kept, str) else kept


def _parsed(text: str) -> Document:
    try:
        document: Document = json.loads(text)
    except ValueError as error:
        message = "The policy document is not valid JSON."
        raise AwsError("InvalidInput", message) from error
    return document
