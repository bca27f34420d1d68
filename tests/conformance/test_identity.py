"""Who am I: the first call of every client."""

from tests.conformance.target import Target


def test_an_account_is_twelve_digits(aws: Target) -> None:
    assert len(aws.account) == 12
    assert aws.account.isdigit()
