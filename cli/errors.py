"""Everything the command refuses, as one line: a stable code, what, where, and what to do.

CliError
├── ToolMissingError      TOOL_MISSING       a program the command needs is not installed
├── PortBusyError         PORT_BUSY          somebody else listens there
├── NotUpError            NOT_UP             no embedded AWS runs and no account was named
├── CredentialsError      NO_CREDENTIALS     an account was asked for without a way in
├── BusyError             BUSY               another `sluice up` works in the same folder
├── NotDeployedError      NOT_DEPLOYED       the stage has no stack there
├── UnreachableError      UNREACHABLE        AWS does not answer
├── AwsRefusedError       AWS_REFUSED        AWS answered, and said no
├── UnknownModelError     UNKNOWN_MODEL      the stage does not know the model
├── BadDefinitionError    BAD_DEFINITION     a model's folder cannot be deployed
├── BadInputError         BAD_INPUT          a file, an id or an option cannot be used
├── NotFoundError         NOT_FOUND          no such run, drop, rollout or version
├── NothingToDoError      NOTHING_TO_DO      nothing would change by it
├── DeployError           DEPLOY_FAILED      CDK could not synthesize or deploy
├── EvidenceError         EVIDENCE_BROKEN    a record and its evidence log do not agree
├── TimedOutError         TIMED_OUT          what was waited for did not come
└── EndedBadlyError       ENDED_BADLY        passed over; or the record's own reason takes its place
"""


class CliError(Exception):
    """A refusal: one line, exit status 2."""

    code = "REFUSED"

    def __str__(self) -> str:
        return f"{self.code}: {' '.join(str(arg) for arg in self.args)}"


class ToolMissingError(CliError):
    code = "TOOL_MISSING"


class PortBusyError(CliError):
    code = "PORT_BUSY"


class NotUpError(CliError):
    code = "NOT_UP"


class CredentialsError(CliError):
    code = "NO_CREDENTIALS"


class BusyError(CliError):
    code = "BUSY"


class NotDeployedError(CliError):
    code = "NOT_DEPLOYED"


class UnreachableError(CliError):
    code = "UNREACHABLE"


class AwsRefusedError(CliError):
    code = "AWS_REFUSED"


class UnknownModelError(CliError):
    code = "UNKNOWN_MODEL"


class BadDefinitionError(CliError):
    code = "BAD_DEFINITION"


class BadInputError(CliError):
    code = "BAD_INPUT"


class NotFoundError(CliError):
    code = "NOT_FOUND"


class NothingToDoError(CliError):
    code = "NOTHING_TO_DO"


class DeployError(CliError):
    code = "DEPLOY_FAILED"


class EvidenceError(CliError):
    code = "EVIDENCE_BROKEN"


class TimedOutError(CliError):
    code = "TIMED_OUT"


class EndedBadlyError(CliError):
    """Carries the code that the record ended with (docs/reasons.md)."""

    code = "ENDED_BADLY"

    def __init__(self, reason: str | None, message: str) -> None:
        super().__init__(message)
        self.reason = reason or self.code

    def __str__(self) -> str:
        return f"{self.reason}: {self.args[0]}"
