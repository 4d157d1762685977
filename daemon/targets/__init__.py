"""Delivery targets: where complete rolls go besides the delivery folder. They run in the process that delivers."""
