"""What can happen: Sluice's own events and the ones AWS sends."""
