"""One run as a whole, from its first lease to its last settled event: also when processes die, and when another controller takes it up."""
