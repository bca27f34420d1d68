"""Asynchronous inferences whose server is killed: each that was accepted is answered."""

from pathlib import Path

from tests.component.test_local_job_killed import killed
from tests.conformance.asynchronous import Asynchronous
from tests.conformance.hosting import Hosting
from tests.fakes.embedded_aws import eventually

SCALE = 60
"""So that nothing expires while servers start."""


def test_what_was_accepted_before_kills_is_answered_after_them(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with killed(state, tmp_path / "first", scale=SCALE) as aws:
        before = Asynchronous(Hosting(aws))
        endpoint = before.endpoint(most=2, DELAY="0.3")
        queue = before.listening
        answers = [before.ask(endpoint, Body=str(number).encode()) for number in range(12)]
        before.object(answers[0]["OutputLocation"])  # some are over, some begun, some wait

    with killed(state, tmp_path / "second", scale=SCALE) as aws:
        between = Asynchronous(Hosting(aws))
        between.object(answers[4]["OutputLocation"])

    with killed(state, tmp_path / "third", scale=SCALE) as aws:
        after = Asynchronous(Hosting(aws), queue=queue)
        for answer in answers:
            assert after.object(answer["OutputLocation"])["Body"]
        ids = [answer["InferenceId"] for answer in answers]
        assert {told["invocationStatus"] for told in after.notices(*ids)} == {"Completed"}
        backlog = "ApproximateBacklogSize"
        eventually(lambda: after.hosting.latest(backlog, EndpointName=endpoint) == 0.0)
