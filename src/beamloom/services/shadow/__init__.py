"""The shadow worker: another analysis over copies of events, beside a run and without a part in it."""
