"""Pickles that devices send: read without trusting them, and quickly, as those of one sender are alike."""
