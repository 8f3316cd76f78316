"""Device protocols, found by name in ``registry``: a device is one file, or a folder whose ``device`` says what it gives.

A site adds its own device with an entry point in the group ``beamloom.devices`` that names a ``device.Device``. What one is written with
stands beside the devices: ``device``, ``fields``, ``images``, ``codecs``, ``zeromq``, ``tcp``, ``player``, ``captures``, ``testing``. What
only those shipped here share is in rooms: ``sources``, ``series``, ``encodings``, ``pickles``, ``file_reading`` and ``simulating``.

Devices do not know each other, and what they share knows none of them.
"""
