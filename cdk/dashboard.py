"""What people look at: traffic by variant, errors, latency, what the functions decided."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk_
import aws_cdk.aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.alarms import Alarms
from cdk.functions import HandlerFunction
from cdk.messaging import Messaging
from cdk.models import Model
from cdk.stages import Stage
from functions.names import VARIANTS

_OUTCOMES = (
    ("accept_drop", "Accept"),
    ("accept_drop", "Refuse"),
    ("start_training", "Start"),
    ("gate_model", "Register"),
    ("step_rollout", "Promote"),
    ("roll_back", "Return"),
)


class Dashboard(Construct):
    """One page per stage, one row per model."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        stage: Stage,
        models: Sequence[Model],
        handlers: Mapping[str, HandlerFunction],
        messaging: Messaging,
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, id_)
        self.page = cloudwatch.Dashboard(self, "Page", dashboard_name=stage.prefix)
        for model in models:
            self._model(model)
        self._functions(handlers, messaging)
        self.page.add_widgets(cloudwatch.AlarmStatusWidget(alarms=alarms.all, width=24, height=4))

    def _model(self, model: Model) -> None:
        self.page.add_widgets(
            cloudwatch.TextWidget(markdown=f"## {model.name}", width=24, height=1)
        )
        self.page.add_widgets(
            _graph("Requests", [model.metric(v, "Invocations", "Sum") for v in VARIANTS]),
            _graph(
                "Share of errors",
                [model.metric(v, "Invocation5XXErrors", "Average") for v in VARIANTS],
            ),
            _graph(
                "Latency (µs)",
                [model.metric(v, "ModelLatency", s) for v in VARIANTS for s in ("p50", "p99")],
            ),
        )
        self.page.add_widgets(
            cloudwatch.AlarmStatusWidget(alarms=list(model.alarms), width=24, height=3)
        )

    def _functions(self, handlers: Mapping[str, HandlerFunction], messaging: Messaging) -> None:
        outcomes = [
            cloudwatch.Metric(
                namespace="Sluice",
                metric_name=outcome,
                dimensions_map={"service": unit},
                statistic="Sum",
                label=f"{unit}: {outcome}",
                period=cdk_.Duration.minutes(5),
            )
            for unit, outcome in _OUTCOMES
        ]
        dead = [h.failed.metric_approximate_number_of_messages_visible() for h in handlers.values()]
        dead.append(messaging.undelivered.metric_approximate_number_of_messages_visible())
        self.page.add_widgets(
            _graph("What was decided", outcomes),
            _graph("Function errors", [h.function.metric_errors() for h in handlers.values()]),
            _graph("Dead letters", dead),
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)
