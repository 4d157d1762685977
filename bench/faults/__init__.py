"""The fault campaign: what befalls a cart, done to the service on purpose, and what came of it.

`make faults` runs all of it. Each campaign is a file here and has a control: a deliberate break of the service, or of
what protects it, that the campaign must catch. A control that is not caught is a fault.
"""
