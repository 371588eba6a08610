"""How fast everything is, against named baselines in the same run: docs/performance.md."""
