"""Who is tried, paused, resumed, stopped."""
