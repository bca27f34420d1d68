"""What moto's IAM cannot answer: policy simulation, which callers treat as `unknown` if denied."""

from collections.abc import Callable

from local.errors import AwsError
from local.http_messages import HttpRequest, HttpResponse
from local.protocols import encode_error

Route = Callable[[HttpRequest], HttpResponse]
_SIMULATIONS = (b"Action=SimulatePrincipalPolicy", b"Action=SimulateCustomPolicy")


def with_identity(moto: Route) -> Route:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.body.startswith(_SIMULATIONS):
            message = "Policy simulation is not part of the embedded AWS"
            return encode_error("query", AwsError("AccessDenied", message, status=403))
        return moto(request)

    return answer
