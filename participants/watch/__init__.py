"""What operators see of Rollcall at work: whom a log line is about, metrics, traces, reports of errors."""
