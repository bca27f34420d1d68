"""Model cards and lineage."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_TEXTS = "the texts of refusals are not documented"
_ENTITY = (
    f"made by callers only: SageMaker's jobs, packages and endpoints leave no lineage; {_TEXTS}"
)
_DESCRIBED = "no `LineageGroupArn`; nobody is told as `CreatedBy`"

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateModelCard": partial(
        f"the content is held to JSON and the sections of the schema, not to what is in them;"
        f" KMS keys have no effect; {_TEXTS}"
    ),
    "DescribeModelCard": partial("nobody is told as `CreatedBy`"),
    "ListModelCards": EXACT,
    "ListModelCardVersions": EXACT,
    "UpdateModelCard": partial(
        f"a new content is a new version, a new status is not: AWS's rule is not documented;"
        f" {_TEXTS}"
    ),
    "DeleteModelCard": partial("gone at once, and no event"),
    "CreateArtifact": partial(f"a source is one artifact, names may be alike; {_ENTITY}"),
    "CreateAction": partial(_ENTITY),
    "CreateContext": partial(_ENTITY),
    "DescribeArtifact": partial(_DESCRIBED),
    "DescribeAction": partial(_DESCRIBED),
    "DescribeContext": partial(_DESCRIBED),
    "ListArtifacts": EXACT,
    "ListActions": EXACT,
    "ListContexts": EXACT,
    "UpdateArtifact": EXACT,
    "UpdateAction": EXACT,
    "UpdateContext": EXACT,
    "DeleteArtifact": partial(f"an entity with associations is refused; {_TEXTS}"),
    "DeleteAction": partial(f"an entity with associations is refused; {_TEXTS}"),
    "DeleteContext": partial(f"an entity with associations is refused; {_TEXTS}"),
    "AddAssociation": partial(
        f"between artifacts, actions and contexts: there are no trial components; {_TEXTS}"
    ),
    "DeleteAssociation": EXACT,
    "ListAssociations": EXACT,
    "QueryLineage": partial(
        "whether AWS tells where one started is not documented: here with `IncludeEdges` only;"
        " edges come with every page"
    ),
}
