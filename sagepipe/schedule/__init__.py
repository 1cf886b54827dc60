"""When executions start by themselves: expressions, and the schedules of EventBridge."""
