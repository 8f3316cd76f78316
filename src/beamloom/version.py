"""The version of Beamloom."""

VERSION = "0.1.0"
