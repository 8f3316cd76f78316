"""What ``bench.py`` measures: Beamloom, dranspose, plain pyzmq and memcpy side by side."""
