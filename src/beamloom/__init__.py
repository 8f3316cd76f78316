"""Beamloom: live analysis of experiments."""
