"""One stream, as its ingester has it: packets get their numbers and events, are routed to workers, and kept until they are settled."""
