"""What is wrong with the network between this machine and the processes of a pipeline.

Policy: ``machine`` reads what this machine has and how it is set, ``reaching`` tries the way to each process, and the checks (``of_...``)
are pure functions from both to findings. Every address that a process has told is tried, by a connection that says nothing. Nothing is
changed, and what cannot be read is not judged. Each machine sees its own half: the doctor is asked on each.
"""

from beamloom.doctor.network.examination import examine_network
from beamloom.doctor.network.machine import Machine, Reader, machine_of, this_machine
from beamloom.doctor.network.places import Place, places_of
from beamloom.doctor.network.reaching import Way, ways_to

__all__ = [
    "Machine",
    "Place",
    "Reader",
    "Way",
    "examine_network",
    "machine_of",
    "places_of",
    "this_machine",
    "ways_to",
]
