"""Which worker gets which event: constraints and what they are bound to, leases, attempts, the workers and how much each may be given."""
