"""EventBridge: buses, rules, schedules on rules, archives and replays, delivery to targets."""

from local.eventbridge.service import EventBus

__all__ = ["EventBus"]
