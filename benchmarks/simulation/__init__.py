"""A pipeline larger than any machine here, in simulated time: the decisions are the engine's own, what takes time is a model of it.

The controller is the real service with the real run, scheduler and ledger, the ingesters have real routers, the workers real assemblers,
the reducer the real collector and acknowledgements. Processes have a processor each; what their work takes was measured before
(``costs``); packets and results are numbers without content. The same seed and the same costs give the same run.
"""
