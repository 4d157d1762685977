"""What makes a Debian package of nearset: its list is `nfpm.yaml`, what is generated for it comes from `manual.py`."""
