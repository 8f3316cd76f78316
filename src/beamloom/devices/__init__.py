"""Device protocols: one file per device, found by name in ``registry``.

A site adds its own device with an entry point in the group ``beamloom.devices`` that names a ``device.Device``.
"""
