"""What became of each event: the ledger, the coverage of a result, faults, and what a reducer has taken."""
