"""What ``beamloom demo`` runs: a simulated mesh scan of a sample that is known exactly, through the processes of a real pipeline.

``analysis`` is what a user would write, ``sample`` is the truth, ``check`` compares the two.
"""
