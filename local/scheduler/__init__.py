"""EventBridge Scheduler: one-shot, rate and cron schedules in groups."""

from local.scheduler.service import Scheduler

__all__ = ["Scheduler"]
