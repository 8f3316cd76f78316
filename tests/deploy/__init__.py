"""What runs Beamloom elsewhere: the chart, the image, the units of systemd."""
